package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"tieout/internal/namedsql"
)

// WrittenBack counts what a write-back did.
type WrittenBack struct {
	Sent    int64 // outcomes that the merchant's database took
	Refused int64 // outcomes that it refused; the reasons stand in tieout.writebacks
	// Reason is why the first one was refused, and PaymentID its payment.
	Reason, PaymentID string
}

const (
	writebackBatch = 500
	// writebackLock keeps two write-backs apart; a lock of a transaction, so that
	// it works behind a pooler too.
	writebackLock = 7_461_205_037
	// writebackWait is how long one write-back waits for the batch of another.
	writebackWait = time.Minute
	// writebackTries is how often a batch is tried that met a deadlock or the like.
	writebackTries = 3
)

// writeback is one write-back under way.
type writeback struct {
	s   *Store
	l   *Ledger
	run *Run
	// together: the ledger's connection reaches tieout's tables, so that sending
	// and noting are one transaction.
	together  bool
	statement namedsql.Statement
	out       WrittenBack
	// arrived is called after the merchant's database has committed a batch and
	// before that is noted: where tests let it crash. Nil otherwise.
	arrived func() error
}

// WriteBack sends every outcome that changed since it was last sent to the
// merchant's own table, by the statement of ledger.writeback over the ledger's
// connection. What it can't finish stays noted and is sent by the next one; no
// outcome is ever sent after a newer one of the same payment. An outcome that
// the table refuses is noted as such and holds up no other.
func (s *Store) WriteBack(ctx context.Context, run *Run, l *Ledger, statement string) (WrittenBack, error) {
	if s.dry != nil {
		return WrittenBack{}, nil
	}
	w := &writeback{s: s, l: l, run: run, statement: namedsql.Parse(statement)}
	err := w.send(ctx)
	return w.out, wrap("writing back", err)
}

func (w *writeback) send(ctx context.Context) error {
	if err := w.takeUp(ctx); err != nil {
		return err
	}
	var err error
	if w.together, err = w.sameDatabase(ctx); err != nil {
		return err
	}
	for after := ""; ; {
		last, err := w.batchPatiently(ctx, after)
		if err != nil || last == "" {
			return err
		}
		after = last
	}
}

// outcomeDigest is SHA-256 over all that can be sent, whatever the session's
// time zone and date style are; run_id alone is no change.
const outcomeDigest = `encode(sha256(convert_to(ROW(o.status, o.provider_status, o.provider_payment_id, o.provider_reference, o.network_reference,
	o.failure_code, o.failure_message, trim_scale(o.amount), o.currency, extract(epoch FROM o.completed_at), extract(epoch FROM o.decided_at),
	o.held)::text, 'UTF8')), 'hex')`

// takeUp notes which outcomes are to be sent: those of the runs that were
// published since the last time, as far as they changed, and those that were
// refused. The first time it looks at all outcomes, and where the working tables
// of such a run are gone already.
func (w *writeback) takeUp(ctx context.Context) error {
	tx, err := w.locked(ctx, w.s.pool)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	// read once: a run that is published from here on is the next one's
	var runs []string
	if err := tx.SelectContext(ctx, &runs, `SELECT id FROM tieout.runs WHERE status = 'published' AND written_back_at IS NULL`); err != nil {
		return err
	}
	due := func(scope string, args ...any) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO tieout.writebacks AS old (payment_id, state, run_id)
			SELECT o.payment_id, 'due', $1 FROM tieout.payment_outcomes o`+scope+` LEFT JOIN tieout.writebacks w USING (payment_id)
			WHERE w.payment_id IS NULL OR w.digest IS DISTINCT FROM `+outcomeDigest+`
			ON CONFLICT (payment_id) DO UPDATE SET state = 'due' WHERE old.state = 'sent'`, append([]any{w.run.ID}, args...)...)
		return err
	}
	if err := due(` JOIN (SELECT DISTINCT payment_id FROM tieout.run_results WHERE run_id = ANY ($2)) r USING (payment_id)`, pq.Array(runs)); err != nil {
		return err
	}
	// looked at afterwards, since publishing may delete working tables meanwhile
	var all bool
	if err := tx.GetContext(ctx, &all, `SELECT NOT EXISTS (SELECT FROM tieout.runs WHERE written_back_at IS NOT NULL)
		OR EXISTS (SELECT FROM unnest($1::text[]) r (id) WHERE NOT EXISTS (SELECT FROM tieout.run_results rr WHERE rr.run_id = r.id))`, pq.Array(runs)); err != nil {
		return err
	}
	if all {
		if err := due(``); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, `UPDATE tieout.writebacks SET state = 'due' WHERE state = 'refused'`); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM tieout.writebacks w WHERE w.state <> 'sent'
		AND NOT EXISTS (SELECT FROM tieout.payment_outcomes o WHERE o.payment_id = w.payment_id)`); err != nil {
		return err
	}
	// changed and changed back before it was ever sent
	if _, err := tx.ExecContext(ctx, `UPDATE tieout.writebacks w SET state = 'sent' FROM tieout.payment_outcomes o
		WHERE o.payment_id = w.payment_id AND w.state = 'due' AND w.digest = `+outcomeDigest); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE tieout.runs SET written_back_at = now() WHERE id = ANY ($1)`, pq.Array(runs)); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `ANALYZE tieout.writebacks`); err != nil {
		return err
	}
	return tx.Commit()
}

// ErrWritebackBusy says that another tieout was writing back for all of the
// time that this one waited.
var ErrWritebackBusy = errors.New("another tieout is writing back")

// locked begins a transaction that holds the write-back's lock. Between its
// tries it holds no connection, so that those who wait don't starve the holder.
func (w *writeback) locked(ctx context.Context, db *sqlx.DB) (*sqlx.Tx, error) {
	for end := time.Now().Add(writebackWait); ; {
		tx, err := db.BeginTxx(ctx, nil)
		if err != nil {
			return nil, err
		}
		var mine bool
		err = tx.GetContext(ctx, &mine, `SELECT pg_try_advisory_xact_lock($1)`, int64(writebackLock))
		if err == nil && mine {
			return tx, nil
		}
		if err = errors.Join(err, tx.Rollback()); err != nil {
			return nil, err
		}
		if time.Now().After(end) {
			return nil, ErrWritebackBusy
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// sameDatabase tells whether the ledger's connection reaches tieout's own
// database and may write there: a lock that only this moment's transaction
// holds is seen from there then.
func (w *writeback) sameDatabase(ctx context.Context) (bool, error) {
	if w.l.own {
		return true, nil
	}
	tx, err := w.s.pool.BeginTxx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer func() { _ = tx.Rollback() }()
	id := uuid.New()
	key := int64(binary.BigEndian.Uint64(id[:8]) >> 1)
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, key); err != nil {
		return false, err
	}
	var same bool
	err = w.l.db.GetContext(ctx, &same, `SELECT CASE
		WHEN NOT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE d.datname = current_database() AND l.locktype = 'advisory'
			AND l.objsubid = 1 AND l.classid::bigint = $1::bigint AND l.objid::bigint = $2::bigint) THEN false
		WHEN NOT has_schema_privilege('tieout', 'USAGE') THEN false
		ELSE has_table_privilege('tieout.writebacks', 'SELECT') AND has_table_privilege('tieout.writebacks', 'UPDATE')
			AND has_table_privilege('tieout.payment_outcomes', 'SELECT') END`, key>>32, key&0xffffffff)
	return same, wrap("ledger", err)
}

// batchPatiently sends one batch, again where it met another transaction.
func (w *writeback) batchPatiently(ctx context.Context, after string) (last string, err error) {
	for range writebackTries {
		last, err = w.batch(ctx, after)
		var pe *pq.Error
		if !errors.As(err, &pe) || pe.Code.Class() != transactionRollback {
			break
		}
	}
	return last, err
}

// batch sends the next outcomes behind a payment's id and returns the last id
// that it sent; empty: nothing is left.
func (w *writeback) batch(ctx context.Context, after string) (string, error) {
	db := w.s.pool
	if w.together {
		db = w.l.db
	}
	// The lock is held until what was sent is noted.
	note, err := w.locked(ctx, db)
	if err != nil {
		return "", err
	}
	defer func() { _ = note.Rollback() }()
	rows, err := readOutcomes(ctx, note, after)
	if err != nil || len(rows) == 0 {
		return "", err
	}
	var refused []refusal
	if w.together {
		refused, err = sendOutcomes(ctx, note, w.statement, rows)
	} else {
		refused, err = w.sendApart(ctx, note, rows)
	}
	if err != nil {
		return "", err
	}
	if w.arrived != nil {
		if err := w.arrived(); err != nil {
			return "", err
		}
	}
	if err := w.noteSent(ctx, note, rows, refused); err != nil {
		return "", err
	}
	if err := note.Commit(); err != nil {
		return "", err
	}
	w.out.Sent += int64(len(rows) - len(refused))
	w.out.Refused += int64(len(refused))
	if len(refused) > 0 && w.out.Reason == "" {
		w.out.PaymentID, w.out.Reason = refused[0].id, refused[0].reason
	}
	return rows[len(rows)-1].id, nil
}

// sendApart sends outcomes to another database: noted as on their way before,
// by a transaction of its own.
func (w *writeback) sendApart(ctx context.Context, lock *sqlx.Tx, rows []outcomeRow) ([]refusal, error) {
	ids, digests := keys(rows)
	if _, err := w.s.pool.ExecContext(ctx, `UPDATE tieout.writebacks w SET state = 'sending', digest = u.digest, sent_at = now(), run_id = $3, reason = NULL
		FROM unnest($1::text[], $2::text[]) u (id, digest) WHERE w.payment_id = u.id AND w.payment_id = ANY ($1)`, pq.Array(ids), pq.Array(digests), w.run.ID); err != nil {
		return nil, fmt.Errorf("noting what is sent: %w", err)
	}
	tx, err := w.l.db.BeginTxx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	refused, err := sendOutcomes(ctx, tx, w.statement, rows)
	if err != nil {
		return nil, err
	}
	// who has lost the lock may be about to overwrite what another one sent
	if _, err := lock.ExecContext(ctx, `SELECT 1`); err != nil {
		return nil, fmt.Errorf("the write-back's lock is lost: %w", err)
	}
	return refused, wrap("ledger", tx.Commit())
}

// noteSent notes what arrived and what was refused.
func (w *writeback) noteSent(ctx context.Context, tx *sqlx.Tx, rows []outcomeRow, refused []refusal) error {
	ids, digests := keys(rows)
	if _, err := tx.ExecContext(ctx, `UPDATE tieout.writebacks w SET state = 'sent', digest = u.digest, sent_at = now(), run_id = $3, reason = NULL
		FROM unnest($1::text[], $2::text[]) u (id, digest) WHERE w.payment_id = u.id AND w.payment_id = ANY ($1)`, pq.Array(ids), pq.Array(digests), w.run.ID); err != nil {
		return fmt.Errorf("noting what was sent: %w", err)
	}
	for _, r := range refused {
		if _, err := tx.ExecContext(ctx, `UPDATE tieout.writebacks SET state = 'refused', digest = NULL, reason = $2 WHERE payment_id = $1`, r.id, r.reason); err != nil {
			return fmt.Errorf("noting what was refused: %w", err)
		}
	}
	return nil
}

func keys(rows []outcomeRow) (ids, digests []string) {
	for _, r := range rows {
		ids, digests = append(ids, r.id), append(digests, r.digest)
	}
	return ids, digests
}
