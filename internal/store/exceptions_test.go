package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tieout/internal/payment"
	"tieout/internal/store"
)

// exceptionIDs are the ids of what a filter chooses.
func exceptionIDs(t testing.TB, s *store.Store, f store.ExceptionFilter) []string {
	t.Helper()
	list, total, err := s.Exceptions(t.Context(), f, 0)
	require.NoError(t, err)
	require.Len(t, list, int(total))
	ids := []string{}
	for _, e := range list {
		ids = append(ids, e.ID)
	}
	return ids
}

// mismatch is a world whose one payment differs by an amount, published.
func mismatch(t testing.TB) (*world, string) {
	t.Helper()
	w := newWorld(t)
	w.pays(pay{id: "p1", amount: "100"})
	w.txs(tx{id: "t1", own: "p1", amount: "150"})
	w.publish(10, 10, start)
	ids := exceptionIDs(t, w.store, store.ExceptionFilter{})
	require.Len(t, ids, 1)
	return w, ids[0]
}

func exceptionState(t testing.TB, s *store.Store, id string) string {
	t.Helper()
	e, _, err := s.Exception(t.Context(), id)
	require.NoError(t, err)
	return e.State
}

func resolveAs(t testing.TB, s *store.Store, id, resolution string) {
	t.Helper()
	got, err := s.ChangeExceptions(t.Context(), store.ExceptionFilter{IDs: []string{id}}, store.ExceptionChange{Who: "jane", Resolution: &resolution})
	require.NoError(t, err)
	require.Equal(t, []string{id}, got.IDs)
}

func TestAnExceptionHasItsFiguresAsExactDecimals(t *testing.T) {
	t.Parallel()
	w, id := mismatch(t)
	e, history, err := w.store.Exception(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, []string{"100.00", "150.00", "50.00"}, []string{*e.InternalAmount, *e.ProviderAmount, *e.Difference})
	assert.Equal(t, "2026-03-10", e.BusinessDate)
	require.Len(t, history, 1)
	assert.Nil(t, history[0].Change, "a run found it")
	assert.Equal(t, "found", *history[0].Why)
}

func TestNoExceptionsAreAnEmptyListAndNotNothing(t *testing.T) {
	t.Parallel()
	list, total, err := newWorld(t).store.Exceptions(t.Context(), store.ExceptionFilter{}, 5)
	require.NoError(t, err)
	assert.NotNil(t, list)
	assert.Zero(t, total)
}

func TestClosingGivesAnOwnerWhereThereIsNone(t *testing.T) {
	t.Parallel()
	w, id := mismatch(t)
	resolveAs(t, w.store, id, "refunded")
	e, _, err := w.store.Exception(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, "jane", *e.Owner)
}

// What is accepted counts as matched from the next run on, and stays so.
func TestAcceptedFiguresStayAccepted(t *testing.T) {
	t.Parallel()
	w, id := mismatch(t)
	resolveAs(t, w.store, id, "accepted")
	for range 2 {
		f := w.publish(10, 10, start.Add(time.Hour))
		assert.Equal(t, "matched", f.results["p1"].Result)
		assert.Equal(t, "resolved", exceptionState(t, w.store, id))
	}
}

func TestADifferenceThatIsGoneClosesAndOpensWhenItIsBack(t *testing.T) {
	t.Parallel()
	w, id := mismatch(t)
	w.pays(pay{id: "p1", amount: "150"})
	w.publish(10, 10, start.Add(time.Hour))
	assert.Equal(t, "auto_resolved", exceptionState(t, w.store, id))
	w.pays(pay{id: "p1", amount: "100"})
	w.publish(10, 10, start.Add(2*time.Hour))
	assert.Equal(t, "open", exceptionState(t, w.store, id))
	_, history, err := w.store.Exception(t.Context(), id)
	require.NoError(t, err)
	var after []string
	for _, h := range history {
		after = append(after, *h.After)
	}
	assert.Equal(t, []string{"open", "auto_resolved", "open"}, after)
}

// A person and a run that publishes never write over what the other has not
// seen: one waits for the other.
func TestAChangeWaitsForARunThatPublishes(t *testing.T) {
	t.Parallel()
	w, id := mismatch(t)
	publishing, err := w.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { _ = publishing.Rollback() }()
	_, err = publishing.ExecContext(t.Context(), `UPDATE tieout.exceptions SET state = 'auto_resolved' WHERE exception_id = $1`, id)
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() {
		open := ""
		_, err := w.store.ChangeExceptions(context.WithoutCancel(t.Context()), store.ExceptionFilter{IDs: []string{id}}, store.ExceptionChange{Who: "jane", Resolution: &open})
		done <- err
	}()
	assert.Eventually(t, func() bool {
		var waits bool
		err := w.db.QueryRowContext(t.Context(), `SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'tieout.exceptions'::regclass)`).Scan(&waits)
		return err == nil && waits
	}, 20*time.Second, 5*time.Millisecond)
	require.NoError(t, publishing.Commit())
	require.NoError(t, <-done)
	_, history, err := w.store.Exception(t.Context(), id)
	require.NoError(t, err)
	last := history[len(history)-1]
	assert.Equal(t, []string{"auto_resolved", "open"}, []string{*last.Before, *last.After}, "it has seen what the run did")
}

func TestOwnersAndUnownedAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pays(pay{id: "p1"}, pay{id: "p2", kind: payment.Deposit})
	w.txs(tx{id: "t1", own: "p1", amount: "150"}, tx{id: "t2", own: "p2", amount: "70", kind: payment.Deposit})
	w.publish(10, 10, start)
	ids := exceptionIDs(t, w.store, store.ExceptionFilter{})
	require.Len(t, ids, 2)
	owner := " ali "
	_, err := w.store.ChangeExceptions(t.Context(), store.ExceptionFilter{PaymentID: "p2"}, store.ExceptionChange{Who: "jane", Owner: &owner})
	require.NoError(t, err)
	assert.Len(t, exceptionIDs(t, w.store, store.ExceptionFilter{Owner: "ali"}), 1)
	assert.Len(t, exceptionIDs(t, w.store, store.ExceptionFilter{Unowned: true}), 1)
	assert.Empty(t, exceptionIDs(t, w.store, store.ExceptionFilter{Unowned: true, PaymentID: "p2"}))
	assert.Empty(t, exceptionIDs(t, w.store, store.ExceptionFilter{From: day(11)}))
	assert.Len(t, exceptionIDs(t, w.store, store.ExceptionFilter{From: day(10), To: day(10)}), 2)
}
