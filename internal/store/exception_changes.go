package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"tieout/internal/payment"
)

// ResolutionAccepted says that the provider's figures are taken: the payment
// counts as matched at these. ResolutionIgnored closes as ignored.
const (
	ResolutionAccepted = "accepted"
	ResolutionIgnored  = "ignored"
)

// ExceptionChange is what a person does to exceptions. A nil field stays as it
// is; an empty one is emptied.
type ExceptionChange struct {
	Who string
	Why string // for the history
	// Resolution closes with this code, or opens again where it is empty.
	Resolution *string
	Owner      *string
	Note       *string
}

// Changed says what a change did.
type Changed struct {
	IDs       []string `json:"changed"`   // in the order of their ids
	Unchanged int64    `json:"unchanged"` // they were so already
}

// exceptionFields are what people change; empty is none.
type exceptionFields struct {
	State      string `db:"state"`
	Owner      string `db:"owner"`
	Resolution string `db:"resolution"`
	Note       string `db:"note"`
}

// heldException is an exception that this transaction may change.
type heldException struct {
	ID             string `db:"exception_id"`
	Kind           string `db:"kind"`
	InternalAmount string `db:"internal_amount"`
	ProviderAmount string `db:"provider_amount"`
	Currency       string `db:"provider_currency"`
	ProviderStatus string `db:"provider_status"`
	exceptionFields
}

// edit is one exception's change, before and after.
type edit struct {
	id            string
	before, after exceptionFields
	why           string
	undoes        int64 // 0: nothing
}

// changing runs f while nobody else changes exceptions: a run that publishes
// waits, or is waited for, so that neither writes over what it has not seen.
func (s *Store) changing(ctx context.Context, op string, f func(tx *sqlx.Tx) error) error {
	return wrap(op, s.inTx(ctx, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `LOCK TABLE tieout.exceptions IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return err
		}
		return f(tx)
	}))
}

func held(ctx context.Context, tx *sqlx.Tx, f ExceptionFilter) ([]heldException, error) {
	condition, args := f.where()
	var out []heldException
	err := tx.SelectContext(ctx, &out, `SELECT exception_id, kind, coalesce(round(internal_amount, internal_exp)::text, '') AS internal_amount,
		coalesce(round(provider_amount, provider_exp)::text, '') AS provider_amount, coalesce(provider_currency, '') AS provider_currency,
		coalesce(provider_status, '') AS provider_status, state,
		coalesce(owner, '') AS owner, coalesce(resolution, '') AS resolution, coalesce(note, '') AS note
		FROM tieout.exceptions WHERE `+condition+` ORDER BY exception_id`, args...)
	return out, err
}

// ChangeExceptions makes the change on each of the ids, or on all that the
// filter chooses where it names no ids: all of them together or none. Ids that
// don't exist, and figures that can't be accepted because the provider gave
// none, are errors.
func (s *Store) ChangeExceptions(ctx context.Context, f ExceptionFilter, change ExceptionChange) (Changed, error) {
	out := Changed{IDs: []string{}}
	err := s.changing(ctx, "changing exceptions", func(tx *sqlx.Tx) error {
		var err error
		if len(f.IDs) > 0 {
			if f.IDs, err = knownIDs(ctx, tx, f.IDs); err != nil {
				return err
			}
		}
		list, err := held(ctx, tx, f)
		if err != nil {
			return err
		}
		if err := mayAccept(list, change); err != nil {
			return err
		}
		var edits []edit
		for _, e := range list {
			after := change.on(e.exceptionFields)
			if after == e.exceptionFields {
				out.Unchanged++
				continue
			}
			edits = append(edits, edit{id: e.ID, before: e.exceptionFields, after: after, why: change.Why})
			out.IDs = append(out.IDs, e.ID)
		}
		return saveEdits(ctx, tx, edits, change.Who, "")
	})
	if err != nil {
		return Changed{}, err
	}
	return out, nil
}

// on is what the change makes of an exception's fields.
func (c ExceptionChange) on(f exceptionFields) exceptionFields {
	if c.Owner != nil {
		f.Owner = strings.TrimSpace(clean(*c.Owner))
	}
	if c.Note != nil {
		f.Note = strings.TrimSpace(clean(*c.Note))
	}
	if c.Resolution == nil {
		return f
	}
	f.Resolution = *c.Resolution
	switch f.Resolution {
	case "":
		f.State = string(payment.StateOpen)
	case ResolutionIgnored:
		f.State = string(payment.StateIgnored)
	default:
		f.State = string(payment.StateResolved)
	}
	if f.Resolution != "" && f.Owner == "" {
		f.Owner = c.Who // who closes it answers for it
	}
	return f
}

// whyNot says why the provider's figures can't be accepted; empty: they can.
func (e heldException) whyNot() string {
	switch kind := payment.ExceptionKind(e.Kind); {
	case kind == payment.MissingInternally:
		return "there is no payment of ours that could count at the provider's figures"
	case kind == payment.SettlementMismatch:
		return "the provider's own figures differ from each other, so that none of them can be accepted"
	case kind == payment.NotPolled, kind == payment.InvalidProviderData, kind == payment.MissingAtProvider, kind == payment.AmbiguousMatch, e.ProviderAmount == "":
		return "there are no figures of the provider to accept"
	}
	return ""
}

func (e heldException) acceptable() bool { return e.whyNot() == "" }

func (e heldException) notAcceptable() string {
	return e.whyNot() + " (" + strings.ReplaceAll(e.Kind, "_", " ") + "): choose another resolution"
}

func mayAccept(list []heldException, change ExceptionChange) error {
	if change.Resolution == nil || *change.Resolution != ResolutionAccepted {
		return nil
	}
	bad := slices.DeleteFunc(slices.Clone(list), heldException.acceptable)
	switch len(bad) {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("%s: %s; nothing was changed", bad[0].ID, bad[0].notAcceptable())
	default:
		return fmt.Errorf("%s and %d more: %s; nothing was changed", bad[0].ID, len(bad)-1, bad[0].notAcceptable())
	}
}

// saveEdits writes the edits and their history. runID names the run whose
// workbook brought them; empty: none.
func saveEdits(ctx context.Context, tx *sqlx.Tx, edits []edit, who, runID string) error {
	if len(edits) == 0 {
		return nil
	}
	var ids, states, owners, resolutions, notes []string
	var h struct {
		ids, what, before, after, why []string
		undoes                        []int64
	}
	for _, e := range edits {
		ids, states, owners = append(ids, e.id), append(states, e.after.State), append(owners, e.after.Owner)
		resolutions, notes = append(resolutions, e.after.Resolution), append(notes, e.after.Note)
		for _, field := range fieldNames {
			before, after := *e.before.field(field), *e.after.field(field)
			if before == after {
				continue
			}
			h.ids, h.what, h.before, h.after = append(h.ids, e.id), append(h.what, field), append(h.before, before), append(h.after, after)
			h.why, h.undoes = append(h.why, e.why), append(h.undoes, e.undoes)
		}
	}
	if _, err := tx.ExecContext(ctx, `UPDATE tieout.exceptions e SET state = n.state, owner = nullif(n.owner, ''), resolution = nullif(n.resolution, ''),
			note = nullif(n.note, ''), updated_at = now()
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) AS n (id, state, owner, resolution, note) WHERE e.exception_id = n.id`,
		pq.Array(ids), pq.Array(states), pq.Array(owners), pq.Array(resolutions), pq.Array(notes)); err != nil {
		return err
	}
	var change int64
	if err := tx.GetContext(ctx, &change, `SELECT nextval('tieout.exception_changes')`); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO tieout.exception_history (exception_id, at, who, what, before, after, why, run_id, change_id, undoes)
		SELECT n.id, now(), $7, n.what, nullif(n.before, ''), nullif(n.after, ''), nullif(n.why, ''), nullif($8, ''), $9, nullif(n.undoes, 0)
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[]) WITH ORDINALITY AS n (id, what, before, after, why, undoes, n)
		ORDER BY n.n`,
		pq.Array(h.ids), pq.Array(h.what), pq.Array(h.before), pq.Array(h.after), pq.Array(h.why), pq.Array(h.undoes), who, runID, change)
	return err
}

// fieldNames are the fields that the history knows, in its order.
var fieldNames = []string{"state", "resolution", "owner", "note"}

func (f *exceptionFields) field(name string) *string {
	switch name {
	case "state":
		return &f.State
	case "resolution":
		return &f.Resolution
	case "owner":
		return &f.Owner
	default:
		return &f.Note
	}
}

// undoable is one field of a person's change that is not undone.
type undoable struct {
	ID     string `db:"exception_id"`
	Change int64  `db:"change_id"`
	What   string `db:"what"`
	Before string `db:"before"`
	After  string `db:"after"`
}

// UndoExceptions takes back the last change that a person made to each of the
// ids; done again, the one before it. A change whose fields were changed since
// by a run is refused: all are undone, or none.
func (s *Store) UndoExceptions(ctx context.Context, ids []string, who, why string) (Changed, error) {
	out := Changed{IDs: []string{}}
	err := s.changing(ctx, "undoing", func(tx *sqlx.Tx) error {
		ids, err := knownIDs(ctx, tx, ids)
		if err != nil {
			return err
		}
		list, err := held(ctx, tx, ExceptionFilter{IDs: ids})
		if err != nil {
			return err
		}
		var rows []undoable
		if err := tx.SelectContext(ctx, &rows, `SELECT exception_id, change_id, what, coalesce(before, '') AS before, coalesce(after, '') AS after
			FROM tieout.exception_history h WHERE exception_id = ANY ($1) AND change_id = (
				SELECT max(l.change_id) FROM tieout.exception_history l WHERE l.exception_id = h.exception_id AND l.undoes IS NULL
				AND NOT EXISTS (SELECT 1 FROM tieout.exception_history u WHERE u.exception_id = l.exception_id AND u.undoes = l.change_id))
			ORDER BY id`, pq.Array(ids)); err != nil {
			return err
		}
		byID := map[string][]undoable{}
		for _, r := range rows {
			byID[r.ID] = append(byID[r.ID], r)
		}
		var edits []edit
		for _, e := range list {
			back, err := undo(e, byID[e.ID])
			if err != nil {
				return err
			}
			back.why = why
			edits = append(edits, back)
			out.IDs = append(out.IDs, e.ID)
		}
		return saveEdits(ctx, tx, edits, who, "")
	})
	if err != nil {
		return Changed{}, err
	}
	return out, nil
}

// undo is the edit that takes a change back.
func undo(e heldException, change []undoable) (edit, error) {
	if len(change) == 0 {
		return edit{}, fmt.Errorf("%s: there is no change of a person to undo; nothing was changed", e.ID)
	}
	back := edit{id: e.ID, before: e.exceptionFields, after: e.exceptionFields, undoes: change[0].Change}
	for _, c := range change {
		field := back.after.field(c.What)
		switch *field {
		case c.After:
			*field = c.Before
		case c.Before:
		default:
			return edit{}, fmt.Errorf("%s: its %s was changed since, from %q to %q: nothing was undone (see `tieout exceptions show %s`)", e.ID, c.What, c.After, *field, e.ID)
		}
	}
	if back.after == back.before {
		return edit{}, fmt.Errorf("%s: its last change was taken back by a run already; nothing was changed", e.ID)
	}
	return back, nil
}
