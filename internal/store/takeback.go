package store

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"tieout/internal/payment"
	"tieout/reports"
)

// TakenBack says what came of a filled workbook. Its JSON fields are stable.
type TakenBack struct {
	RunID   string   `json:"run_id"`
	Rows    int      `json:"rows"`    // exceptions in the workbook
	Filled  int      `json:"filled"`  // whose cells differ from what was published
	Already int      `json:"already"` // of these, those that tieout holds like that
	Taken   []string `json:"taken"`
	Aside   []Aside  `json:"set_aside"`
}

// Aside is a row that was not taken, and why.
type Aside struct {
	reports.BadCell
	// Conflict is true where a newer change stands against the row, false where a cell is wrong.
	Conflict bool `json:"conflict"`
}

// TakeBackOptions tell who brings a workbook.
type TakeBackOptions struct {
	Who, File string
	Skip      bool // set rows with conflicts and bad cells aside and take the others
}

// TakeBack takes the owners, resolutions and notes of a filled workbook. A row
// is filled where it differs from the exceptions.csv that its run published. A
// filled row is a conflict where the exception was changed since by another way,
// or where it was resolved on figures that are not the same any more. Where any
// row can't be taken nothing is, unless rows may be skipped: then Taken is empty
// and Aside is not. Errors are a run that this database does not know, and those
// of the database.
func (s *Store) TakeBack(ctx context.Context, w reports.Filled, o TakeBackOptions) (TakenBack, error) {
	run, err := s.RunByID(ctx, w.RunID)
	if err != nil {
		return TakenBack{}, err
	}
	out := TakenBack{RunID: run.ID, Rows: len(w.Rows), Taken: []string{}, Aside: []Aside{}}
	for _, b := range w.Bad {
		out.Aside = append(out.Aside, Aside{BadCell: b})
	}
	filled, err := s.filledRows(ctx, run, w.Rows, &out)
	if err != nil {
		return TakenBack{}, err
	}
	out.Filled = len(filled)
	err = s.changing(ctx, "taking back the workbook", func(tx *sqlx.Tx) error {
		edits, err := judge(ctx, tx, run, filled, o, &out)
		if err != nil {
			return err
		}
		out.sort()
		if len(out.Aside) > 0 && !o.Skip {
			return nil
		}
		for _, e := range edits {
			out.Taken = append(out.Taken, e.id)
		}
		return saveEdits(ctx, tx, edits, o.Who, run.ID)
	})
	if err != nil {
		return TakenBack{}, err
	}
	return out, nil
}

// filledRow is a row that a person changed, beside what had been published.
type filledRow struct {
	reports.FilledRow
	was reports.WrittenRow
}

// filledRows are the rows that differ from what the run has published. Rows of
// exceptions that it has not published are set aside.
func (s *Store) filledRows(ctx context.Context, run *Run, rows []reports.FilledRow, out *TakenBack) ([]filledRow, error) {
	byID := make(map[string]reports.FilledRow, len(rows))
	for _, r := range rows {
		byID[r.ID] = r
	}
	var filled []filledRow
	published := &partReader{ctx: ctx, s: s, runID: run.ID, name: "exceptions.csv"}
	err := reports.ReadExceptionsCSV(published, func(was reports.WrittenRow) error {
		r, there := byID[was.ID]
		if !there {
			return nil // a row that was deleted says nothing
		}
		delete(byID, was.ID)
		if r.Owner != was.Owner || r.Resolution != was.Resolution || r.Note != was.Note {
			filled = append(filled, filledRow{r, was})
		}
		return nil
	})
	if published.part == 0 && err != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("run %s has published no exceptions.csv, or it is no longer kept, so what was filled in can't be told", run.ID)
	}
	if err != nil {
		return nil, wrap("reading what run "+run.ID+" published", err)
	}
	strangers := make([]reports.FilledRow, 0, len(byID))
	for _, r := range byID {
		strangers = append(strangers, r)
	}
	sort.Slice(strangers, func(i, j int) bool {
		return strangers[i].Sheet < strangers[j].Sheet || strangers[i].Sheet == strangers[j].Sheet && strangers[i].Row < strangers[j].Row
	})
	for _, r := range strangers {
		out.set(r, r.IDCell(), false, "it is no exception of run %s", run.ID)
	}
	return filled, nil
}

func (t *TakenBack) set(r reports.FilledRow, cell string, conflict bool, format string, args ...any) {
	t.Aside = append(t.Aside, Aside{
		BadCell:  reports.BadCell{Sheet: r.Sheet, Cell: cell, ID: r.ID, Reason: fmt.Sprintf(format, args...)},
		Conflict: conflict,
	})
}

// sort puts what was set aside in the order in which the workbook shows it.
func (t *TakenBack) sort() {
	row := func(a Aside) int {
		n, _ := strconv.Atoi(strings.TrimLeft(a.Cell, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
		return n
	}
	slices.SortStableFunc(t.Aside, func(a, b Aside) int {
		return cmp.Or(strings.Compare(a.Sheet, b.Sheet), cmp.Compare(row(a), row(b)))
	})
}

// lastWord is the newest change that a person has made since a run, but for
// what the importing person has taken in from a workbook of the same run.
type lastWord struct {
	ID  string    `db:"exception_id"`
	At  time.Time `db:"at"`
	Who string    `db:"who"`
}

// judge decides about each filled row: an edit, or set aside.
func judge(ctx context.Context, tx *sqlx.Tx, run *Run, filled []filledRow, o TakeBackOptions, out *TakenBack) ([]edit, error) {
	ids := make([]string, len(filled))
	for i, r := range filled {
		ids[i] = r.ID
	}
	if len(ids) == 0 {
		return nil, nil
	}
	list, err := held(ctx, tx, ExceptionFilter{IDs: ids})
	if err != nil {
		return nil, err
	}
	now := make(map[string]heldException, len(list))
	for _, e := range list {
		now[e.ID] = e
	}
	// The rows were read after settling; what was changed before is in them.
	since := run.StartedAt
	if run.SettledAt.Valid {
		since = run.SettledAt.Time
	}
	var words []lastWord
	if err := tx.SelectContext(ctx, &words, `SELECT DISTINCT ON (exception_id) exception_id, at, who FROM tieout.exception_history
		WHERE exception_id = ANY ($1) AND at > $2 AND change_id IS NOT NULL AND (who <> $3 OR run_id IS DISTINCT FROM $4)
		ORDER BY exception_id, id DESC`, pq.Array(ids), since, o.Who, run.ID); err != nil {
		return nil, err
	}
	newer := make(map[string]lastWord, len(words))
	for _, w := range words {
		newer[w.ID] = w
	}
	var edits []edit
	for _, r := range filled {
		e, there := now[r.ID]
		if !there {
			out.set(r.FilledRow, r.IDCell(), false, "tieout does not hold this exception")
			continue
		}
		after := r.change(o.Who).on(e.exceptionFields)
		switch word, changed := newer[r.ID]; {
		case after == e.exceptionFields:
			out.Already++
		case changed && !r.unchanged(e):
			out.set(r.FilledRow, r.IDCell(), true, "%s changed it on %s, after the workbook was made: now %s", word.Who, word.At.UTC().Format(time.RFC3339), e.words())
		case r.judged() && !r.sameFigures(e):
			out.set(r.FilledRow, r.ResolutionCell(), true, "the figures changed since: the provider's were %s, now they are %s; ours were %s, now %s",
				figures(r.was.ProviderAmount, r.was.ProviderCurrency, r.was.ProviderStatus), figures(e.ProviderAmount, e.Currency, e.ProviderStatus),
				figures(r.was.InternalAmount), figures(e.InternalAmount))
		case r.judged() && r.Resolution == ResolutionAccepted && !e.acceptable():
			out.set(r.FilledRow, r.ResolutionCell(), false, "%s", e.notAcceptable())
		default:
			edits = append(edits, edit{id: e.ID, before: e.exceptionFields, after: after, why: fmt.Sprintf("%s, sheet %s, row %d", o.File, r.Sheet, r.Row)})
		}
	}
	return edits, nil
}

// change is what was filled in: only what differs from what was published.
func (r filledRow) change(who string) ExceptionChange {
	c := ExceptionChange{Who: who}
	if r.Owner != r.was.Owner {
		c.Owner = &r.Owner
	}
	if r.Note != r.was.Note {
		c.Note = &r.Note
	}
	if r.Resolution != r.was.Resolution {
		c.Resolution = &r.Resolution
	}
	return c
}

// judged tells whether a person has decided on the figures that were published.
func (r filledRow) judged() bool { return r.Resolution != r.was.Resolution && r.Resolution != "" }

// unchanged tells whether the exception still reads as it was published. That a
// run has closed it is no change of a person.
func (r filledRow) unchanged(e heldException) bool {
	closedByRun := e.State == string(payment.StateAutoResolved) && r.was.State == string(payment.StateOpen)
	return (e.State == r.was.State || closedByRun) && reports.PlainCell(e.Owner) == r.was.Owner &&
		e.Resolution == r.was.Resolution && reports.PlainCell(e.Note) == r.was.Note
}

func (r filledRow) sameFigures(e heldException) bool {
	return e.InternalAmount == r.was.InternalAmount && e.ProviderAmount == r.was.ProviderAmount && e.Currency == r.was.ProviderCurrency &&
		e.ProviderStatus == r.was.ProviderStatus
}

// figures joins what is known of an amount for a sentence.
func figures(parts ...string) string {
	out := ""
	for _, p := range parts {
		if p == "" {
			continue
		}
		if out != "" {
			out += " "
		}
		out += p
	}
	if out == "" {
		return "not known"
	}
	return out
}

// words are what people said of an exception.
func (f exceptionFields) words() string {
	out := f.State
	for _, p := range []struct{ name, value string }{{"resolution", f.Resolution}, {"owner", f.Owner}, {"note", f.Note}} {
		if p.value != "" {
			out += fmt.Sprintf(", %s %q", p.name, p.value)
		}
	}
	return out
}

// partReader reads a published file, a part at a time.
type partReader struct {
	ctx   context.Context
	s     *Store
	runID string
	name  string
	part  int
	left  []byte
}

// Read gives the next bytes of the file.
func (r *partReader) Read(p []byte) (int, error) {
	for len(r.left) == 0 {
		var data [][]byte
		if err := r.s.db.SelectContext(r.ctx, &data, `SELECT data FROM tieout.report_file_parts WHERE run_id = $1 AND name = $2 AND part = $3`, r.runID, r.name, r.part); err != nil {
			return 0, err
		}
		if len(data) == 0 {
			return 0, io.EOF
		}
		r.part, r.left = r.part+1, data[0]
	}
	n := copy(p, r.left)
	r.left = r.left[n:]
	return n, nil
}
