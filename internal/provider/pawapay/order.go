package pawapay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
)

// zoneless is how a statement's range is written; it is meant in UTC.
const zoneless = "2006-01-02T15:04:05"

// youngReuse is how long a statement of a range that was not settled when it
// was ordered is taken again: long enough for a crash and a restart, short
// enough that a later run gets the entries that came in since.
const youngReuse = 10 * time.Minute

// errGone means that a remembered statement can't be had any more.
var errGone = errors.New("the statement is gone")

// order is a statement that was asked for; ID and Ordered are remembered.
type order struct {
	ID      string    `json:"id"`
	Ordered time.Time `json:"ordered"`

	wallet     wallet
	span       span
	remembered bool // taken from memory, so that its file may have expired
}

// key names the order in memory. Deposits and payouts share it, because one
// statement holds both.
func (o *order) key() string {
	return fmt.Sprintf("statement %s %s %s", o.wallet, o.span.from.UTC().Format(time.RFC3339Nano), o.span.to.UTC().Format(time.RFC3339Nano))
}

// usable tells whether a remembered order still serves: a settled one always,
// a young one only for a while.
func (o *order) usable(now time.Time) bool {
	age := now.Sub(o.Ordered)
	return o.ID != "" && (settled(o.Ordered, o.span.to) || age >= -youngReuse && age < youngReuse && !settled(now, o.span.to))
}

// place finds the order in memory or makes it and remembers it at once: pawaPay
// makes a new statement for each request, and a crash must not order twice.
func (c *client) place(ctx context.Context, o *order, q provider.StatementQuery) error {
	c.ordering.Lock()
	defer c.ordering.Unlock()
	if q.Memory != nil {
		kept, err := q.Memory.Get(ctx, o.key())
		if err != nil {
			return fmt.Errorf("recall the statement of wallet %s: %w", o.wallet, err)
		}
		known := order{wallet: o.wallet, span: o.span, remembered: true}
		if kept != "" && json.Unmarshal([]byte(kept), &known) == nil && known.usable(q.Now) {
			*o = known
			return nil
		}
	}
	id, bad := c.request(ctx, o)
	if bad != nil {
		return bad
	}
	o.ID, o.Ordered, o.remembered = id, q.Now.UTC(), false
	if q.Memory == nil {
		return nil
	}
	value, err := json.Marshal(o)
	if err == nil {
		err = q.Memory.Set(ctx, o.key(), string(value))
	}
	if err != nil {
		return fmt.Errorf("remember the statement of wallet %s: %w", o.wallet, err)
	}
	return nil
}

// forget makes the next one order anew, unless another list already has.
func (c *client) forget(ctx context.Context, o *order, q provider.StatementQuery) error {
	if q.Memory == nil {
		return nil
	}
	c.ordering.Lock()
	defer c.ordering.Unlock()
	kept, err := q.Memory.Get(ctx, o.key())
	var known order
	if err == nil && json.Unmarshal([]byte(kept), &known) == nil && known.ID == o.ID {
		err = q.Memory.Set(ctx, o.key(), "")
	}
	if err != nil {
		return fmt.Errorf("forget the statement of wallet %s: %w", o.wallet, err)
	}
	return nil
}

// request orders a statement. It is never repeated by itself: a request whose
// answer is lost may have been carried out.
func (c *client) request(ctx context.Context, o *order) (string, *trouble) {
	body, err := json.Marshal(map[string]any{
		"wallet":      o.wallet,
		"callbackUrl": c.callbackURL,
		"startDate":   o.span.start.Format(zoneless),
		"endDate":     o.span.until.Format(zoneless),
		"compressed":  true,
	})
	if err != nil {
		return "", invalid("the statement's order can't be written")
	}
	raw, bad := c.do(ctx, httpx.Request{Method: http.MethodPost, Path: c.version.prefix() + "/statements", Body: body, NoRetry: true})
	if bad != nil {
		return "", bad
	}
	var answer struct {
		StatementID   text    `json:"statementId"`
		Status        text    `json:"status"`
		FailureReason failure `json:"failureReason"`
	}
	switch {
	case json.Unmarshal(raw, &answer) != nil:
		return "", noUse("pawaPay's answer to the order of a statement can't be read")
	case answer.Status == "REJECTED":
		return "", noUse("pawaPay refused to make the statement (%s)", clip(string(answer.FailureReason.Code)))
	case answer.StatementID == "":
		return "", noUse("pawaPay took the order of a statement and gave no statementId")
	}
	return string(answer.StatementID), nil
}

// collect waits for an order and hands its rows on. why says what is missing.
func (c *client) collect(ctx context.Context, o *order, q provider.StatementQuery, read reader) (why string, err error) {
	for {
		why, err = c.take(ctx, o, read)
		if !errors.Is(err, errGone) {
			return why, err
		}
		if err := c.forget(ctx, o, q); err != nil {
			return "", err
		}
		if !o.remembered {
			return why, nil
		}
		if err := c.place(ctx, o, q); err != nil {
			var bad *trouble
			if errors.As(err, &bad) {
				return bad.reason, nil
			}
			return "", err
		}
		o.remembered = false // ordered anew once, whoever did it
	}
}

// made is a statement as its status call shows it.
type made struct {
	StatementID   text    `json:"statementId"`
	Status        text    `json:"status"`
	FileSize      text    `json:"fileSize"`
	DownloadURL   text    `json:"downloadUrl"`
	ExpiresAt     text    `json:"downloadUrlExpiresAt"`
	FailureReason failure `json:"failureReason"`
}

// take waits for a statement and has its file read. The error is errGone, the
// reader's, or the context's.
func (c *client) take(ctx context.Context, o *order, read reader) (string, error) {
	for look := 0; look < c.polls; look++ {
		if look > 0 {
			if err := sleep(ctx, c.pollInterval); err != nil {
				return "", err
			}
		}
		body, bad := c.get(ctx, c.version.prefix()+"/statements/"+url.PathEscape(o.ID))
		if bad != nil {
			if ctx.Err() != nil {
				return "", ctx.Err()
			}
			return "the statement's state can't be read: " + bad.reason, nil
		}
		var m made
		found, bad := openEnvelope(body, &m)
		switch {
		case bad != nil:
			return "the statement's state can't be read: " + bad.reason, nil
		case !found:
			return "pawaPay does not know the statement that was ordered", errGone
		case m.StatementID != "" && string(m.StatementID) != o.ID:
			return "pawaPay answered about another statement", nil
		}
		switch m.Status {
		case "COMPLETED":
			return c.download(ctx, o, m, read)
		case "FAILED":
			return fmt.Sprintf("pawaPay could not make the statement (%s)", clip(string(m.FailureReason.Code))), errGone
		case "ACCEPTED", "PROCESSING":
		default:
			return fmt.Sprintf("the statement has status %q, which pawaPay does not document", clip(string(m.Status))), nil
		}
	}
	return fmt.Sprintf("the statement was not ready after %s; the next run takes it up again", c.pollInterval*time.Duration(c.polls)), nil
}
