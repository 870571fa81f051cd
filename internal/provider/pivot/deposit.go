package pivot

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"

	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
)

// referencePages is the most that one reference may fill: a reference names one
// session, so more means that the filter was ignored.
const referencePages = 20

// depositStatus asks by the session's id where it is known, otherwise by what
// the merchant may have sent as clientReferenceId: our id and the reference.
func (c *client) depositStatus(ctx context.Context, q provider.Query) provider.Answer {
	refs := legalReferences(q.PaymentID, q.Reference)
	var byID provider.Answer
	switch {
	case isUUID(q.ProviderPaymentID):
		// Unknown is not the end: the id may be that of a charge of a MULTIPLE
		// session, or a session made again under the same reference.
		if byID = c.sessionByID(ctx, q.ProviderPaymentID); byID.Verdict != provider.Unknown || len(refs) == 0 {
			return byID
		}
	case q.ProviderPaymentID != "":
		byID = provider.Answer{Verdict: provider.NotAskable, Reason: "Pivot's ids are uuids: provider_payment_id can't be one of them"}
	default:
		byID = provider.Answer{Verdict: provider.NotAskable, Reason: "no id or reference that can exist at Pivot"}
	}
	if len(refs) == 0 {
		return byID
	}
	answers := make([]provider.Answer, 0, len(refs))
	for _, ref := range refs {
		answers = append(answers, c.sessionsByReference(ctx, ref))
	}
	a := merge(answers)
	if a.Verdict == provider.NotAskable || a.Verdict == provider.Unknown && q.ProviderPaymentID != "" {
		return byID
	}
	return a
}

// merge joins the answers of several references of one payment. Unknown needs
// a positive answer to each that Pivot takes at all; while one is open, what
// the others found is not the whole truth.
func merge(answers []provider.Answer) provider.Answer {
	for _, v := range []provider.Verdict{provider.Invalid, provider.NoAnswer, provider.Refused} {
		for _, a := range answers {
			if a.Verdict == v {
				return a
			}
		}
	}
	out := provider.Answer{Verdict: provider.NotAskable}
	seen := map[string]bool{}
	for _, a := range answers {
		switch {
		case a.Verdict == provider.Found:
			out.Verdict = provider.Found
			for _, t := range a.Transactions {
				if !seen[t.Key()] {
					seen[t.Key()] = true
					out.Transactions = append(out.Transactions, t)
				}
			}
			out.Reason = a.Reason
		case out.Verdict == provider.NotAskable:
			out.Verdict, out.Reason = a.Verdict, a.Reason
		}
	}
	return out
}

// sessionByID gets one session.
func (c *client) sessionByID(ctx context.Context, id string) provider.Answer {
	s, f := c.fetchSession(ctx, id)
	if f != nil {
		return f.answer()
	}
	return c.sessionAnswer(ctx, []session{s})
}

func (c *client) fetchSession(ctx context.Context, id string) (session, *failure) {
	e, f := c.get(ctx, "/v2/payments/"+url.PathEscape(id), nil)
	if f != nil {
		return session{}, f
	}
	rows, _ := elements(e.Data)
	if len(rows) != 1 {
		return session{}, invalid("asked for one session, the answer carries %d", len(rows))
	}
	s, f := c.readSession(rows[0])
	if s.ID != "" && !strings.EqualFold(s.ID, id) {
		return session{}, invalid("asked for session %s, the answer is about %s", id, slug(s.ID))
	}
	return s, f
}

// sessionsByReference gets every session that carries a reference.
func (c *client) sessionsByReference(ctx context.Context, ref string) provider.Answer {
	var found []session
	var bad *failure
	seen := map[string]bool{}
	got, f := c.pages(ctx, "/v2/payments", url.Values{"clientReferenceId": {ref}}, referencePages, func(rows []json.RawMessage) bool {
		for _, raw := range rows {
			s, f := c.readSession(raw)
			switch {
			case s.ClientReferenceID != "" && s.ClientReferenceID != ref:
				bad = invalid("asked for one clientReferenceId, the answer carries another")
			case f != nil:
				bad = f
			case !seen[s.ID]:
				seen[s.ID] = true
				found = append(found, s)
			}
			if bad != nil {
				return false
			}
		}
		return true
	})
	switch {
	case f != nil:
		return f.answer()
	case bad != nil:
		return bad.answer()
	case !got.complete:
		return noAnswer("Pivot's sessions of one reference could not be read to the end: %s", got.why).answer()
	case len(found) == 0 && got.total != 0:
		return noAnswer("Pivot's answer to a reference is neither a session nor an empty list").answer()
	case len(found) == 0:
		return provider.Answer{Verdict: provider.Unknown, Reason: "Pivot has no session with this clientReferenceId"}
	}
	return c.sessionAnswer(ctx, found)
}

// sessionAnswer judges sessions and adds what other calls know about them.
func (c *client) sessionAnswer(ctx context.Context, sessions []session) provider.Answer {
	a := provider.Answer{Verdict: provider.Found}
	for _, s := range sessions {
		txs, f := c.transactions(ctx, s)
		if f != nil {
			return f.answer()
		}
		// The list of refunds is everyone's and no evidence of this payment.
		c.addRefunds(httpx.WithoutRecorder(ctx), s, txs)
		c.addFees(s, txs)
		a.Transactions = append(a.Transactions, txs...)
		if s.otherReference() {
			a.Reason = payment.Noted + "a charge carries another clientReferenceId than its session"
		}
	}
	return a
}

// transactions judges a session; a MULTIPLE one with all the charges that the
// charges endpoint shows, because the session need not embed them.
func (c *client) transactions(ctx context.Context, s session) ([]payment.Transaction, *failure) {
	if s.multiple {
		if f := c.loadCharges(ctx, &s); f != nil {
			return nil, f
		}
	} else if s.hidden && s.status == "PAID" {
		return nil, s.contradiction("session is PAID but shows no charge")
	}
	return judge(s)
}

// loadCharges adds the charges that stand under the session's reference.
func (c *client) loadCharges(ctx context.Context, s *session) *failure {
	known := map[string]bool{}
	for _, ch := range s.charges {
		known[ch.ID] = true
	}
	var bad *failure
	got, f := c.pages(ctx, "/v2/charges", url.Values{"clientReferenceId": {s.ClientReferenceID}}, c.maxPages, func(rows []json.RawMessage) bool {
		for _, raw := range rows {
			ch, f := c.readCharge(raw)
			switch {
			case f != nil:
				bad = f
				return false
			case !strings.EqualFold(ch.SessionID, s.ID) || known[ch.ID]:
				// another session's under the same reference, or embedded already
			case ch.captured != nil && ch.captured.Currency != s.amount.Currency:
				bad = invalid("capturedAmount is in %s, the session in %s", ch.captured.Currency, s.amount.Currency)
				return false
			default:
				known[ch.ID] = true
				s.charges = append(s.charges, ch)
			}
		}
		return true
	})
	switch {
	case f != nil && f.verdict != provider.Unknown:
		return f
	case bad != nil:
		return bad
	case f == nil && !got.complete:
		return noAnswer("Pivot's charges of a session could not be read to the end: %s", got.why)
	}
	s.hidden = false
	return nil
}

// otherReference tells whether a charge names another reference than its
// session; documented samples do, so it changes nothing while the ids agree.
func (s session) otherReference() bool {
	for _, ch := range s.charges {
		if ch.SessionReference != "" && ch.SessionReference != s.ClientReferenceID {
			return true
		}
	}
	return false
}
