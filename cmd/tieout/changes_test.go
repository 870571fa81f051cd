package main

import (
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"tieout/internal/payment"
)

// changed reads the sheet Changes: the verdict, and by payment id (or the
// transaction's) what changed, before, after and why.
func changed(t testing.TB, dir string) (verdict string, rows map[string][4]string) {
	t.Helper()
	f, err := excelize.OpenFile(filepath.Join(dir, "settlement.xlsx"))
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	all, err := f.GetRows("Changes")
	require.NoError(t, err)
	rows = map[string][4]string{}
	table := false
	for i, row := range all {
		switch {
		case i == 3:
			verdict = row[1]
		case len(row) > 1 && row[1] == "Payment id":
			table = true
		case table && len(row) > 10:
			assert.NotContains(t, rows, row[1], "a payment stands once")
			rows[row[1]] = [4]string{row[7], row[8], row[9], row[10]}
		}
	}
	return verdict, rows
}

// setAtProvider changes what the sandbox says of a payment's transaction.
func (s *site) setAtProvider(p map[string]string, body string) {
	s.t.Helper()
	at := s.server.URL + "/_control/accounts/" + p["provider"] + "/" + p["kind"] + "/" + url.PathEscape(p["provider_payment_id"]) + "?reference=" + url.QueryEscape(p["provider_reference"])
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPut, at, strings.NewReader(body))
	require.NoError(s.t, err)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(s.t, err)
	require.NoError(s.t, answer.Body.Close())
	require.Equal(s.t, http.StatusOK, answer.StatusCode, at)
}

func TestChangesListsExactlyWhatCameLateAndWhatWasClosed(t *testing.T) {
	t.Parallel()
	w := newTruth("changes", 300, map[payment.ExceptionKind]int{payment.NotPolled: 0, payment.SavedMethodMissing: 0})
	s := newSite(t, w, serveWorld(t, w))
	s.run(0)
	want := map[string][4]string{}
	for _, p := range readCSV(t, filepath.Join(s.folder(), "v1"), "transactions.csv") {
		if p["result"] == "pending" && p["provider_status"] == "pending" && len(want) < 7 {
			s.setAtProvider(p, `{"status": "completed", "raw_status": "", "needs_action": ""}`)
			want[p["payment_id"]] = [4]string{"Result", "pending", "matched", "Late status: the provider now says completed."}
		}
	}
	require.Len(t, want, 7, "the world has too few pending payments")
	all := listed(s)
	of, orphan := ofKind(t, all, "amount_mismatch"), ofKind(t, all, "missing_internally")
	s.must(0, "exceptions", "resolve", of.ID, "--accept", "--note", "agreed by mail", "--by", "jane")
	s.must(0, "exceptions", "ignore", orphan.ID, "--note", "a test of theirs", "--by", "ali")
	want[*of.PaymentID] = [4]string{"Exception state", "open", "resolved", of.ID + " (amount mismatch) closed by jane, accepted: agreed by mail."}
	want[*orphan.ProviderPaymentID] = [4]string{"Exception state", "open", "ignored", orphan.ID + " (missing internally) closed by ali, ignored: a test of theirs."}

	s.run(0)
	verdict, got := changed(t, filepath.Join(s.folder(), "v2"))
	assert.Equal(t, want, got)
	assert.Equal(t, "9 payments changed: 7 statuses came late, 2 exceptions were closed.", verdict)

	s.run(0)
	verdict, got = changed(t, filepath.Join(s.folder(), "v3"))
	assert.Empty(t, got, "what was told once is no news")
	assert.Equal(t, "Nothing changed.", verdict)

	// all other ways in which something changes
	rows := readCSV(t, filepath.Join(s.folder(), "v3"), "transactions.csv")
	want = map[string][4]string{}
	for _, p := range rows {
		if p["result"] == "matched" && p["provider_status"] == "completed" && p["kind"] == "deposit" && p["provider"] == "pesaway-ke" {
			s.exec(`DELETE FROM tieout.payments WHERE id = $1`, p["payment_id"])
			want[p["payment_id"]] = [4]string{"Payment gone", "matched", "", "It is not in the ledger of this range any more."}
			// and its transaction is nobody's now
			want[p["provider_payment_id"]] = [4]string{"Exception state", "", "open", ""}
			break
		}
	}
	for _, p := range rows {
		if p["result"] == "matched" && p["provider_status"] == "completed" && p["provider"] == "pawapay-zm" && p["business_date"] == "2026-11-18" {
			s.exec(`UPDATE tieout.payments SET created_at = created_at + interval '1 day' WHERE id = $1`, p["payment_id"])
			want[p["payment_id"]] = [4]string{"Business date", "2026-11-18", "2026-11-19", "The ledger holds another time of its creation now."}
			break
		}
	}
	s.must(0, "exceptions", "undo", of.ID, "--by", "jane")
	want[*of.PaymentID] = [4]string{"Exception state", "resolved", "open", of.ID + " (amount mismatch) opened again by jane."}
	s.run(0)
	_, got = changed(t, filepath.Join(s.folder(), "v4"))
	for id, row := range got {
		if row[2] == "open" && row[1] == "" {
			assert.Regexp(t, `^New: EX-\d+-\d+ \(missing internally\)\.$`, row[3])
			row[3] = ""
			got[id] = row
		}
	}
	assert.Equal(t, want, got)
}
