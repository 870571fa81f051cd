package main

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/store"
)

// worked is a site whose range has been run, with what it found.
func worked(t *testing.T) (*site, []store.Exception) {
	t.Helper()
	s := newSite(t, small(), serveWorld(t, small()))
	s.run(0)
	all := listed(s)
	require.Greater(t, len(all), 8)
	return s, all
}

func decoded[T any](t testing.TB, r result) T {
	t.Helper()
	var v T
	require.NoError(t, json.Unmarshal([]byte(r.out), &v), r.out)
	return v
}

// listed is what `exceptions list --json` gives.
func listed(s *site, flags ...string) []store.Exception {
	s.t.Helper()
	return decoded[[]store.Exception](s.t, s.must(0, append([]string{"exceptions", "list", "--json"}, flags...)...))
}

// shown is what `exceptions show --json` gives.
type shownException struct {
	store.Exception
	History []store.HistoryEntry `json:"history"`
}

func shown(s *site, id string) shownException {
	s.t.Helper()
	return decoded[shownException](s.t, s.must(0, "exceptions", "show", id, "--json"))
}

func val(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// ofKind is the first open exception of the kind.
func ofKind(t testing.TB, all []store.Exception, kind string) store.Exception {
	t.Helper()
	for _, e := range all {
		if e.Kind == kind && e.State == "open" {
			return e
		}
	}
	t.Fatalf("the world has no open %s", kind)
	return store.Exception{}
}

func TestExceptionsAreListedByFilter(t *testing.T) {
	t.Parallel()
	s, all := worked(t)
	assert.Len(t, all, get[int](s, `SELECT count(*) FROM tieout.exceptions`))
	one := ofKind(t, all, "amount_mismatch")
	for name, c := range map[string]struct {
		flags []string
		where string
	}{
		"state":       {[]string{"--state", "open"}, `state = 'open'`},
		"kinds":       {[]string{"--kind", "amount_mismatch,status_mismatch"}, `kind IN ('amount_mismatch', 'status_mismatch')`},
		"severities":  {[]string{"--severity", "critical", "--severity", "low"}, `severity IN ('critical', 'low')`},
		"provider":    {[]string{"--provider", one.Provider}, `provider = '` + one.Provider + `'`},
		"payment":     {[]string{"--payment", *one.PaymentID}, `payment_id = '` + *one.PaymentID + `'`},
		"a day":       {[]string{"--from", one.BusinessDate, "--to", one.BusinessDate}, `business_date = '` + one.BusinessDate + `'`},
		"from a day":  {[]string{"--from", one.BusinessDate}, `business_date >= '` + one.BusinessDate + `'`},
		"two filters": {[]string{"--kind", "amount_mismatch", "--to", s.world.from}, `kind = 'amount_mismatch' AND business_date <= '` + s.world.from + `'`},
		"unowned":     {[]string{"--unowned"}, `owner IS NULL`},
		"owner":       {[]string{"--owner", "nobody"}, `owner = 'nobody'`},
	} {
		t.Run(name, func(t *testing.T) {
			var want []string
			require.NoError(t, s.db.SelectContext(t.Context(), &want, `SELECT exception_id FROM tieout.exceptions WHERE `+c.where))
			var got []string
			for _, e := range listed(s, c.flags...) {
				got = append(got, e.ID)
			}
			assert.ElementsMatch(t, want, got)
		})
	}
	assert.Len(t, listed(s, "--limit", "3"), 3)
	r := s.must(0, "exceptions", "list", "--limit", "3")
	assert.Contains(t, r.out, all[0].ID)
	assert.Contains(t, r.out, "3 of ")
	assert.NotContains(t, r.out, all[3].ID)
}

func TestAccountsAreMaskedAsInTheReports(t *testing.T) {
	t.Parallel()
	s, all := worked(t)
	for _, e := range all {
		if account := get[*string](s, `SELECT account FROM tieout.exceptions WHERE exception_id = $1`, e.ID); account != nil && !strings.Contains(*account, "•") {
			assert.NotContains(t, *e.Account, *account)
			assert.NotContains(t, s.must(0, "exceptions", "show", e.ID).out, *account)
			return
		}
	}
	t.Fatal("the world has no account to hide")
}

func TestEveryChangeStandsInTheHistoryWithWhoAndWhy(t *testing.T) {
	t.Parallel()
	s, all := worked(t)
	e := ofKind(t, all, "amount_mismatch")
	assert.Contains(t, s.must(0, "exceptions", "assign", e.ID, "--to", "ali", "--by", "jane").out, "1 exception assigned to ali")
	s.must(0, "exceptions", "resolve", strings.ToLower(e.ID), "--accept", "--note", "agreed", "--by", "jane")
	got := shown(s, e.ID)
	assert.Equal(t, []string{"resolved", "accepted", "ali", "agreed"}, []string{got.State, val(got.Resolution), val(got.Owner), val(got.Note)})
	type line struct{ who, what, before, after, why string }
	var lines []line
	for _, h := range got.History {
		lines = append(lines, line{h.Who, h.What, val(h.Before), val(h.After), val(h.Why)})
	}
	assert.Equal(t, []line{
		{"tieout", "state", "", "open", "found"},
		{"jane", "owner", "", "ali", ""},
		{"jane", "state", "open", "resolved", "agreed"},
		{"jane", "resolution", "", "accepted", "agreed"},
		{"jane", "note", "", "agreed", "agreed"},
	}, lines)
	// the same again is no change
	assert.Contains(t, s.must(0, "exceptions", "resolve", e.ID, "--accept", "--note", "agreed").out, "0 exceptions resolved as accepted, 1 so before")
	assert.Len(t, shown(s, e.ID).History, 5)
	r := s.must(0, "exceptions", "show", e.ID)
	for _, want := range []string{e.Detail[:20], "agreed", "jane", "ali", "accepted"} {
		assert.Contains(t, r.out, want)
	}
}

func TestWhoChangesIsTheFlagElseTheVariableElseTheUser(t *testing.T) {
	t.Parallel()
	s, all := worked(t)
	id := all[0].ID
	last := func() string { h := shown(s, id).History; return h[len(h)-1].Who }
	s.must(0, "exceptions", "assign", id, "--to", "a")
	assert.NotEmpty(t, last())
	r := start(t, s.dir, []string{"TIEOUT_USER=variable"}, "exceptions", "assign", id, "--to", "b").wait()
	require.Zero(t, r.code, r.err)
	assert.Equal(t, "variable", last())
	r = start(t, s.dir, []string{"TIEOUT_USER=variable"}, "exceptions", "assign", id, "--to", "c", "--by", "flag").wait()
	require.Zero(t, r.code, r.err)
	assert.Equal(t, "flag", last())
}

// The resolution holds through a rerun, and an accepted payment counts as matched.
func TestResolutionsOutliveRuns(t *testing.T) {
	t.Parallel()
	s, all := worked(t)
	accepted, off := ofKind(t, all, "amount_mismatch"), ofKind(t, all, "recipient_mismatch")
	s.must(0, "exceptions", "resolve", accepted.ID, "--accept")
	s.must(0, "exceptions", "resolve", off.ID, "--resolution", "written_off", "--owner", "jane")
	s.must(0, "exceptions", "ignore", all[len(all)-1].ID, "--note", "test")
	s.run(0)
	for id, want := range map[string]string{accepted.ID: "resolved", off.ID: "resolved", all[len(all)-1].ID: "ignored"} {
		assert.Equal(t, want, shown(s, id).State, id)
	}
	results := func(e store.Exception) string {
		return get[string](s, `SELECT result FROM tieout.run_results WHERE payment_id = $1`, *e.PaymentID)
	}
	assert.Equal(t, "matched", results(accepted))
	assert.Equal(t, "exception", results(off))
}

func TestUndoTakesTheLastChangesBackOneByOne(t *testing.T) {
	t.Parallel()
	s, all := worked(t)
	id := ofKind(t, all, "amount_mismatch").ID
	fields := func() []string {
		e := shown(s, id)
		return []string{e.State, val(e.Resolution), val(e.Owner), val(e.Note)}
	}
	s.must(0, "exceptions", "assign", id, "--to", "ali")
	s.must(0, "exceptions", "resolve", id, "--resolution", "written_off", "--note", "small")
	s.must(0, "exceptions", "reopen", id, "--why", "not so small")
	assert.Equal(t, []string{"open", "", "ali", "small"}, fields())
	s.must(0, "exceptions", "undo", id)
	assert.Equal(t, []string{"resolved", "written_off", "ali", "small"}, fields())
	s.must(0, "exceptions", "undo", id)
	assert.Equal(t, []string{"open", "", "ali", ""}, fields())
	// a change on top of an undo is the next to be undone
	s.must(0, "exceptions", "ignore", id, "--note", "test")
	s.must(0, "exceptions", "undo", id)
	assert.Equal(t, []string{"open", "", "ali", ""}, fields())
	s.must(0, "exceptions", "undo", id)
	assert.Equal(t, []string{"open", "", "", ""}, fields())
	assert.Contains(t, s.must(1, "exceptions", "undo", id).err, "no change of a person to undo")
}

func TestUndoIsRefusedWhereARunHasChangedItSince(t *testing.T) {
	t.Parallel()
	s, all := worked(t)
	id := all[0].ID
	s.must(0, "exceptions", "ignore", id)
	s.must(0, "exceptions", "reopen", id)
	s.exec(`UPDATE tieout.exceptions SET state = 'auto_resolved' WHERE exception_id = $1`, id) // as a run does
	assert.Contains(t, s.must(1, "exceptions", "undo", id).err, "its state was changed since")
	assert.Equal(t, "auto_resolved", shown(s, id).State)
}

func TestBulkChangesNeedYesAndKeepToTheFilter(t *testing.T) {
	t.Parallel()
	s, all := worked(t)
	ofPayments := slices.DeleteFunc(slices.Clone(all), func(e store.Exception) bool { return e.PaymentID == nil })
	first, second := ofPayments[0], ofPayments[1]
	s.must(0, "exceptions", "resolve", first.ID, "--resolution", "refunded")
	open := len(listed(s, "--state", "open"))
	r := s.must(2, "exceptions", "assign", "--all-matching", "--to", "ali")
	requireOneLine(t, r, "--yes")
	assert.Empty(t, listed(s, "--owner", "ali"))
	r = s.must(0, "exceptions", "assign", "--all-matching", "--to", "ali", "--yes")
	assert.Contains(t, r.err, plural(int64(open), "exception"))
	assert.Len(t, listed(s, "--owner", "ali"), open) // closed ones stay
	// a single one needs no yes
	s.must(0, "exceptions", "ignore", "--all-matching", "--payment", *second.PaymentID, "--kind", second.Kind)
	assert.Equal(t, "ignored", shown(s, second.ID).State)
	got := decoded[store.Changed](t, s.must(0, "exceptions", "reopen", "--all-matching", "--yes", "--json"))
	assert.ElementsMatch(t, []string{first.ID, second.ID}, got.IDs)
	assert.Contains(t, s.must(0, "exceptions", "reopen", "--all-matching").out, "No exception is like that")
}

func TestNothingIsChangedWhereAnIDOrAResolutionCanNotBe(t *testing.T) {
	t.Parallel()
	s, all := worked(t)
	none := ofKind(t, all, "missing_at_provider").ID
	good := ofKind(t, all, "amount_mismatch").ID
	assert.Contains(t, s.must(1, "exceptions", "resolve", good, "EX-999999-0001", "--accept").err, "there is no exception EX-999999-0001")
	assert.Contains(t, s.must(1, "exceptions", "resolve", good, none, "--accept").err, none+": there are no figures of the provider to accept")
	orphan := ofKind(t, all, "missing_internally").ID
	assert.Contains(t, s.must(1, "exceptions", "resolve", orphan, "--accept").err, orphan+": there is no payment of ours that could count at the provider's figures")
	assert.Equal(t, "open", shown(s, orphan).State)
	assert.Contains(t, s.must(1, "exceptions", "show", "EX-999999-0001").err, "there is no exception")
	assert.Empty(t, listed(s, "--state", "resolved"))
}

func TestWrongUsageOfExceptions(t *testing.T) {
	t.Parallel()
	s := newSite(t, small(), serveWorld(t, small()))
	for says, args := range map[string][]string{
		`--state "closed" is none of`:                  {"list", "--state", "closed"},
		`--kind "mismatch" is none of`:                 {"list", "--kind", "mismatch"},
		`--severity "bad" is none of`:                  {"list", "--severity", "bad"},
		`--from "today" is no date`:                    {"list", "--from", "today"},
		"--from 2026-11-03 is after --to 2026-11-01":   {"list", "--from", "2026-11-03", "--to", "2026-11-01"},
		"--unowned is given together with an owner":    {"list", "--unowned", "--owner", "ali"},
		"--limit -1 is below zero":                     {"list", "--limit", "-1"},
		"--resolution is needed":                       {"resolve", "EX-1"},
		`--resolution "done" is none of`:               {"resolve", "EX-1", "--resolution", "done"},
		"--accept is given together with --resolution": {"resolve", "EX-1", "--accept", "--resolution", "refunded"},
		"--to OWNER is needed":                         {"assign", "EX-1"},
		"name the exceptions by their IDs":             {"ignore"},
		"--all-matching is given together with IDs":    {"ignore", "EX-1", "--all-matching"},
		"--provider goes with --all-matching":          {"reopen", "EX-1", "--provider", "x"},
		"requires at least 1 arg(s), only received 0":  {"undo"},
		"accepts 1 arg(s), received 0":                 {"import"},
		"unknown command close":                        {"close", "EX-1"},
		"--current-owner goes with --all-matching":     {"ignore", "EX-1", "--current-owner", "ali"},
		"--yes goes with --all-matching":               {"ignore", "EX-1", "--yes"},
		"a name has at most 200 letters":               {"assign", "EX-1", "--to", strings.Repeat("x", 201)},
		"--owner: a name has at most 200 letters":      {"resolve", "EX-1", "--accept", "--owner", strings.Repeat("x", 201)},
		"--to: a name is one line of plain text":       {"assign", "EX-1", "--to", "jane\nali"},
		"--by: a name is one line of plain text":       {"undo", "EX-1", "--by", "jane\tali"},
		"--note: a note has at most 10000 letters":     {"ignore", "EX-1", "--note", strings.Repeat("x", 10_001)},
	} {
		t.Run(says, func(t *testing.T) {
			t.Parallel()
			requireOneLine(t, s.must(2, append([]string{"exceptions"}, args...)...), says)
		})
	}
	t.Run("a file that is no workbook", func(t *testing.T) {
		t.Parallel()
		r := s.must(1, "exceptions", "import", filepath.Join(s.dir, "tieout.yaml"))
		requireOneLine(t, r, "can't be read as a workbook")
	})
}
