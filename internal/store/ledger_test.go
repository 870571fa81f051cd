package store

import (
	"testing"
	"time"
)

func TestOnlyTheRangeOfALedgerQueryIsBound(t *testing.T) {
	t.Parallel()
	from, to := time.Unix(1, 0), time.Unix(2, 0)
	q, args := bindRange(`SELECT ':from', x::text, "a:to" /* :to */ FROM p -- :from
WHERE at >= :from AND at < :to AND later > :from AND y = :fromage`, from, to)
	const want = `SELECT ':from', x::text, "a:to" /* :to */ FROM p -- :from
WHERE at >= $1::timestamptz AND at < $2::timestamptz AND later > $1::timestamptz AND y = :fromage`
	if q != want {
		t.Errorf("got  %s\nwant %s", q, want)
	}
	if len(args) != 2 || args[0] != from || args[1] != to {
		t.Errorf("%v", args)
	}
}
