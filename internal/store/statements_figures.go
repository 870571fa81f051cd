package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lib/pq"

	"tieout/internal/money"
	"tieout/internal/payment"
	"tieout/reports"
)

// statementDifferences reads, in the columns of differences, what the
// comparison with statements added to x: of a settlement_mismatch our side is
// the status answer and theirs the statement, and of refunds what either leaves;
// rows of their own come from st_own, whose key tells them apart.
const statementDifferences = `
SELECT x.kind, x.pid, NULL::bigint AS tx_id, x.fact, x.named, coalesce(p.provider, w.provider) AS provider, coalesce(p.kind, w.payment_kind) AS payment_kind,
	coalesce(p.ref, w.ref) AS ref,
	CASE WHEN f.pid IS NOT NULL THEN f.moved - f.known WHEN w.key IS NOT NULL THEN w.said WHEN m.pid IS NULL THEN p.minor WHEN m.status IN ('completed', 'reversed') THEN m.moved ELSE m.amount END AS minor,
	CASE WHEN w.key IS NULL THEN coalesce(m.exp, p.exp) ELSE w.exp END AS exp,
	CASE WHEN w.key IS NULL THEN coalesce(m.cur, p.cur) WHEN w.said IS NOT NULL THEN w.cur END AS cur,
	p.status, coalesce(p.account, w.account) AS account, coalesce(p.created, w.created) AS created, coalesce(p.bdate, w.bdate) AS bdate,
	f.known AS ours_refunded, NULL AS ours_value, p.ppid AS ours_ppid,
	r.state, r.outcome, r.method, NULL AS reason, NULL AS list_why, NULL::boolean AS completed_list, NULL AS why,
	w.key AS tkey, coalesce(m.ppid, p.ppid, w.sid) AS tppid, coalesce(m.ref, w.ref) AS tref, coalesce(s.status, w.status) AS tstatus, NULL AS traw,
	coalesce(f.moved - f.shown, s.minor, w.shown) AS tminor, coalesce(f.exp, s.exp, w.exp) AS texp, coalesce(f.cur, s.cur, w.cur) AS tcur, f.shown AS trefunded, NULL::bigint AS tfee,
	coalesce(m.account, w.account) AS taccount, NULL AS tvalue, NULL AS taction, NULL AS tfailure, NULL AS answer_raw
FROM x
LEFT JOIN p ON p.pid = x.pid
LEFT JOIN r ON r.pid = x.pid
LEFT JOIN m ON m.pid = x.pid
LEFT JOIN st_pay s ON s.pid = x.pid AND s.chosen
LEFT JOIN st_refund f ON f.pid = x.pid AND x.fact = 'refund'
LEFT JOIN st_own w ON x.pid IS NULL AND w.key = x.fact
WHERE x.kind = 'settlement_mismatch' OR w.key IS NOT NULL`

// statementTotals compares the totals of a run with those of the statements
// (control total 5), by provider, kind and currency; nil where no provider gave
// a statement. A total is only given where statements show every movement of
// each day on which money moved.
func (s *Store) statementTotals(ctx context.Context, run *Run) ([]reports.StatementTotal, error) {
	days, err := s.statementDays(ctx, run)
	if err != nil {
		return nil, err
	}
	var out []reports.StatementTotal
	var sentences, open []string
	given := false
	finish := func() {
		if len(out) == 0 {
			return
		}
		t := &out[len(out)-1]
		if len(open) > 0 {
			t.Statement, t.ExplainedByException = nil, 0
			sentences = []string{fmt.Sprintf("no statement shows all of %s.", some(open, ", "))}
		}
		t.Sentence = strings.Join(sentences, " ")
		sentences, open = nil, nil
	}
	for _, d := range days {
		n := len(out) - 1
		if n < 0 || out[n].Provider != d.Provider || string(out[n].Kind) != d.Kind || out[n].Currency != d.Currency || out[n].Exp != d.Exp {
			finish()
			out = append(out, reports.StatementTotal{Provider: d.Provider, Kind: payment.Kind(d.Kind), Currency: d.Currency, Exp: d.Exp, Statement: new(int64)})
			n++
		}
		t := &out[n]
		t.Gross += d.Gross
		t.Disputed += d.Disputed
		if !d.Whole {
			if d.Has || d.Gross != 0 || d.Disputed != 0 {
				open = append(open, d.Date.Format("2 Jan 2006"))
			}
			given = given || d.Has
			continue
		}
		given = true
		*t.Statement += d.Statement
		t.ExplainedByException += d.Explained
		if text := d.sentence(); text != "" {
			sentences = append(sentences, text)
		}
	}
	finish()
	if !given {
		return nil, nil
	}
	return out, nil
}

// statementDay is one day of a provider, kind and currency on both sides.
type statementDay struct {
	Date       time.Time      `db:"business_date"`
	Provider   string         `db:"provider"`
	Kind       string         `db:"kind"`
	Currency   string         `db:"currency"`
	Exp        int            `db:"exp"`
	Gross      int64          `db:"gross"`
	Disputed   int64          `db:"disputed"`
	Statement  int64          `db:"statement"`
	Explained  int64          `db:"explained"`
	Has        bool           `db:"has"`   // a statement shows something of the day
	Whole      bool           `db:"whole"` // it shows every movement
	Exceptions pq.StringArray `db:"exceptions"`
}

func (s *Store) statementDays(ctx context.Context, run *Run) ([]statementDay, error) {
	var out []statementDay
	err := s.db.SelectContext(ctx, &out, `SELECT j.business_date, j.provider, j.kind, j.currency, j.exp, coalesce(l.gross, 0) AS gross, coalesce(l.disputed, 0) AS disputed,
		coalesce(rs.statement, 0) AS statement, coalesce(rs.explained, 0) AS explained, rs.run_id IS NOT NULL AS has,
		-- a day on which nothing moved on either side needs no statement
		coalesce(rs.whole, coalesce(l.gross, 0) = 0 AND coalesce(l.disputed, 0) = 0) AND rs.run_id IS NOT NULL AS whole,
		ARRAY(SELECT e.exception_id FROM tieout.run_exceptions e WHERE e.run_id = $1 AND e.provider = j.provider AND e.payment_kind = j.kind AND e.business_date = j.business_date
			AND (e.kind = 'settlement_mismatch' AND e.payment_id IS NOT NULL OR e.kind = 'missing_internally' AND e.transaction_id IS NULL)
			AND coalesce(e.provider_currency, e.currency) = j.currency ORDER BY 1) AS exceptions
		FROM (SELECT * FROM tieout.run_lines WHERE run_id = $1) l
		FULL JOIN (SELECT * FROM tieout.run_statements WHERE run_id = $1) rs USING (business_date, provider, kind, currency, exp) AS j
		ORDER BY j.provider, j.kind, j.currency, j.exp, j.business_date`, run.ID)
	if err != nil {
		return nil, fmt.Errorf("statement totals: %w", err)
	}
	return out, nil
}

// sentence names the day's difference; empty when exceptions explain it all.
func (d statementDay) sentence() string {
	differs := d.Statement - d.Gross - d.Disputed
	rest := differs - d.Explained
	if rest == 0 {
		return ""
	}
	said := func(minor int64) string {
		word := "more"
		if minor < 0 {
			minor, word = -minor, "less"
		}
		return money.Amount{Minor: minor, Exp: d.Exp, Currency: d.Currency}.Human() + " " + word
	}
	text := fmt.Sprintf("the statement of %s shows %s than the provider total", d.Date.Format("2 Jan"), said(differs))
	if differs == 0 {
		text = fmt.Sprintf("the statement of %s shows the provider total", d.Date.Format("2 Jan"))
	}
	switch {
	case d.Explained == 0:
		return text + ", which nothing explains."
	case len(d.Exceptions) == 0:
		return text + fmt.Sprintf("; %s is explained by exceptions, %s is unexplained.", said(d.Explained), said(rest))
	}
	return text + fmt.Sprintf("; %s is %s, %s is unexplained.", said(d.Explained), some(d.Exceptions, " and "), said(rest))
}

// some names the first of many.
func some(all []string, and string) string {
	const most = 3
	if len(all) <= most {
		return strings.Join(all, and)
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:most], ", "), len(all)-most)
}
