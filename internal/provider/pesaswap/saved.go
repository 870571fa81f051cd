package pesaswap

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"tieout/internal/payment"
	"tieout/internal/provider"
	"tieout/internal/provider/httpx"
)

const (
	// methodsAge is how long a customer's list is good for the customer's
	// other payments of the same run.
	methodsAge = 10 * time.Minute
	// methodsKept bounds the memory of the lists.
	methodsKept = 10_000
)

// customerMethods are a customer's usable saved methods.
type customerMethods struct {
	ids   map[string]bool // payment_method_id of entries with a token
	types map[string]bool // their payment_method_type
	at    time.Time
	// Where the list can't be had: why, and whether the customer is unknown.
	reason  string
	unknown bool
}

// SavedMethods looks for the transaction's method in the customer's list. What
// seems missing is looked up once more at the payment itself, because lists of
// payments hide the method's id, and some methods are never saved.
func (c *client) SavedMethods(ctx context.Context, customerID string, t payment.Transaction) (present, checkable bool, reason string) {
	customer := firstOf(t.CustomerID, customerID)
	if t.SavedMethodID != "" && customer != "" {
		m := c.methods(ctx, customer)
		if m.reason != "" && !m.unknown {
			return false, false, m.reason
		}
		if m.ids[t.SavedMethodID] {
			return true, true, ""
		}
	}
	r, a := c.retrieve(ctx, provider.Query{Kind: t.Kind, Amount: t.Amount}, t.ID)
	if a.Verdict != provider.Found {
		return false, false, "the payment's method could not be looked up: " + a.Reason
	}
	return c.missing(ctx, r)
}

// missing says what the payment itself tells of a method that wasn't found.
func (c *client) missing(ctx context.Context, r record) (present, checkable bool, reason string) {
	t := r.tx
	switch {
	case c.neverSaved[r.methodType]:
		return false, false, "methods of type " + clip(r.methodType) + " leave no token at PesaSwap"
	case t.CustomerID == "":
		return false, true, "no customer: PesaSwap can't save a method without one"
	case t.SavedMethodID == "":
		return false, true, "PesaSwap saved no method for this payment"
	case r.methodStatus != "" && r.methodStatus != "active":
		return false, true, "the saved method is " + clip(r.methodStatus) + ", not active"
	}
	m := c.methods(ctx, t.CustomerID)
	switch {
	case m.unknown:
		return false, true, "PesaSwap does not know the customer"
	case m.reason != "":
		return false, false, m.reason
	case m.ids[t.SavedMethodID]:
		return true, true, ""
	case (r.methodType == "apple_pay" || r.methodType == "google_pay") && m.types[r.methodType]:
		// Of several of these only the newest is listed.
		return true, true, ""
	}
	return false, true, "the customer's list at PesaSwap does not show the saved method"
}

// methods lists a customer's methods once for all payments of the customer.
func (c *client) methods(ctx context.Context, customer string) customerMethods {
	if !askable(customer) {
		return customerMethods{reason: "this customer id can't exist at PesaSwap"}
	}
	c.methodsMu.Lock()
	m, known := c.methodsCache[customer]
	c.methodsMu.Unlock()
	if known && c.now().Sub(m.at) < methodsAge {
		return m
	}
	v, _, _ := c.methodCalls.Do(customer, func() (any, error) {
		m, lasting := c.listMethods(ctx, customer)
		if lasting {
			c.methodsMu.Lock()
			defer c.methodsMu.Unlock()
			if len(c.methodsCache) >= methodsKept {
				clear(c.methodsCache)
			}
			c.methodsCache[customer] = m
		}
		return m, nil
	})
	m, _ = v.(customerMethods) // what the function above returns is nothing else
	return m
}

// listMethods asks for the list; lasting is false where no answer came, which
// the next payment may get. Tokens are looked at and forgotten: the exchange
// is kept out of the evidence, because it carries them.
func (c *client) listMethods(ctx context.Context, customer string) (m customerMethods, lasting bool) {
	m.at = c.now()
	resp, err := c.get(httpx.WithoutRecorder(ctx), "/customers/"+url.PathEscape(customer)+"/payment_methods", nil)
	if err != nil {
		m.reason = silence(err).Reason
		return m, false
	}
	o, e, err := readAnswer(resp)
	switch {
	case e == nil:
	case e.status == http.StatusNotFound && e.code == codeUnknown:
		m.unknown, m.reason = true, "PesaSwap does not know the customer"
		return m, true
	case e.status == http.StatusForbidden && e.code == codeForbidden:
		m.reason = "this account's saved methods have moved to a service that tieout can't ask (HTTP 403 IR_22)"
		return m, true
	default:
		m.reason = "the customer's saved methods can't be listed: " + e.judge().Reason
		return m, false
	}
	if err == nil {
		err = m.read(o)
	}
	if err != nil {
		m.reason = "the customer's saved methods can't be read: " + err.Error()
		return m, false
	}
	return m, true
}

// read takes the usable methods out of a customer's list.
func (m *customerMethods) read(o object) error {
	if !o.has("customer_payment_methods") {
		return flawed("customer_payment_methods is missing")
	}
	entries, _, err := o.list("customer_payment_methods")
	if err != nil {
		return err
	}
	m.ids, m.types = map[string]bool{}, map[string]bool{}
	for _, entry := range entries {
		if entry.text("payment_token") == "" {
			continue
		}
		if id := entry.text("payment_method_id"); id != "" {
			m.ids[id] = true
		}
		m.types[entry.text("payment_method_type")] = true
	}
	return nil
}
