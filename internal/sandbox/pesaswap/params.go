package pesaswap

import (
	"encoding/json"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tieout/internal/corpus"
	"tieout/internal/payment"
)

// The parameters that the lists know: any other one is refused.
const (
	payoutParameters  = "customer_id limit start_time end_time created starting_after ending_before"
	paymentParameters = "customer_id limit created created.gte created.gt created.lte created.lt starting_after ending_before"
	disputeParameters = "dispute_id payment_id limit offset profile_id dispute_status dispute_stage connector currency reason merchant_connector_id start_time end_time"
)

// listArgs are what the GET lists have in common.
type listArgs struct {
	limit                                   int
	customerID, startingAfter, endingBefore string
}

func (c call) listArgs(known string) (listArgs, bool) {
	query := c.r.URL.Query()
	for name := range query {
		if !contains(strings.Fields(known), name) {
			c.refuseQuery("unknown field `" + name + "`, expected one of " + strings.Join(strings.Fields(known), ", "))
			return listArgs{}, false
		}
	}
	a := listArgs{
		limit: 10, customerID: query.Get("customer_id"),
		startingAfter: query.Get("starting_after"), endingBefore: query.Get("ending_before"),
	}
	if !query.Has("limit") {
		return a, true
	}
	n, err := strconv.Atoi(query.Get("limit"))
	switch {
	case err != nil, !c.old && (n < 1 || n > 100):
		c.refuseQuery("limit is out of range")
		return a, false
	case n < 1 || n > 100:
		c.fail(http.StatusUnprocessableEntity, "invalid_request", "IR_06", "limit should be in between 1 and 100")
		return a, false
	}
	a.limit = n
	return a, true
}

func (c call) refuseQuery(message string) {
	c.plain(http.StatusBadRequest, "Query deserialize error: "+message)
}

// page cuts a page out of the list, newest first. Both bounds and both cursors
// are inclusive; a bound wins over the cursor on its side.
func (c call) page(kind payment.Kind, a listArgs, from, end time.Time) (rows []corpus.Transaction, total int, ok bool) {
	if from, ok = c.cursor(kind, from, a.startingAfter); !ok {
		return nil, 0, false
	}
	if end, ok = c.cursor(kind, end, a.endingBefore); !ok {
		return nil, 0, false
	}
	rows, total = c.account.Newest(kind, from, after(end), a.limit, func(t *corpus.Transaction) bool {
		return t.Fault != corpus.FaultHiddenInList && (a.customerID == "" || t.CustomerID == a.customerID)
	})
	return rows, total, true
}

// cursor turns a cursor's row into a bound where there is none yet.
func (c call) cursor(kind payment.Kind, bound time.Time, id string) (time.Time, bool) {
	if id == "" || !bound.IsZero() {
		return bound, true
	}
	found := c.account.ByID(kind, id)
	if len(found) == 0 {
		c.fail(http.StatusNotFound, "invalid_request", "HE_02", "The cursor's row does not exist in our records")
		return bound, false
	}
	return micros(found[0].CreatedAt), true
}

// micros is the precision with which the server compares.
func micros(t time.Time) time.Time { return t.Truncate(time.Microsecond) }

// after is the exclusive bound that stands for an inclusive one.
func after(end time.Time) time.Time {
	if end.IsZero() {
		return end
	}
	return end.Add(time.Microsecond)
}

// newestFirst lists a kind within inclusive bounds; zero means none.
func (c call) newestFirst(kind payment.Kind, from, end time.Time) []corpus.Transaction {
	rows, _ := c.account.Newest(kind, from, after(end), math.MaxInt, func(t *corpus.Transaction) bool {
		return t.Fault != corpus.FaultHiddenInList
	})
	return rows
}

// readTime reads a time with its zone; anything else is no time.
func readTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	return t
}

// body reads a JSON body that may hold known fields only.
func (c call) body(into any) bool {
	if kind, _, _ := strings.Cut(c.r.Header.Get("Content-Type"), ";"); strings.TrimSpace(kind) != "application/json" {
		c.refuseBody("Content type error")
		return false
	}
	d := json.NewDecoder(io.LimitReader(c.r.Body, 1<<20))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		c.refuseBody(err.Error())
		return false
	}
	return true
}

// number reads a JSON number; null and text are refused.
func (c call) number(raw json.RawMessage, name string, standard int) (int, bool) {
	if raw == nil {
		return standard, true
	}
	n, err := strconv.Atoi(string(raw))
	if err != nil || n < 0 {
		c.refuseBody("invalid value for `" + name + "`")
		return 0, false
	}
	return n, true
}

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}
