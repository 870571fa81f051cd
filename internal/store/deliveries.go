package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// The states of a delivery.
const (
	DeliveryDue     = "due"
	DeliveryDone    = "delivered"
	DeliveryGivenUp = "given_up"
)

// Delivery is what one target got of one run, or is to get.
type Delivery struct {
	RunID       string         `db:"run_id"`
	Target      string         `db:"target"`
	Type        string         `db:"type"`
	State       string         `db:"state"`
	Attempts    int            `db:"attempts"`
	LastError   sql.NullString `db:"last_error"`
	DeliveredAt sql.NullTime   `db:"delivered_at"`
}

const deliveryColumns = `run_id, target, type, state, attempts, last_error, delivered_at`

// PlanDeliveries notes, before a run is published, who is to get it and what is
// said of it (JSON). From its publication on they are due: whatever dies then,
// none is lost.
func (s *Store) PlanDeliveries(ctx context.Context, run *Run, summary []byte, names, types []string) error {
	return wrap("planning deliveries", s.inTx(ctx, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE tieout.runs SET summary = $2 WHERE id = $1`, run.ID, string(summary)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO tieout.deliveries (run_id, target, type)
			SELECT $1, * FROM unnest($2::text[], $3::text[]) ON CONFLICT DO NOTHING`, run.ID, pq.Array(names), pq.Array(types))
		return err
	}))
}

// PlanAgain makes a published run due to targets that it was never meant for, or
// that were given up; what was delivered stays delivered.
func (s *Store) PlanAgain(ctx context.Context, runID string, names, types []string) error {
	_, err := s.db.ExecContext(ctx, `INSERT INTO tieout.deliveries AS old (run_id, target, type)
		SELECT $1, * FROM unnest($2::text[], $3::text[])
		ON CONFLICT (run_id, target) DO UPDATE SET state = 'due' WHERE old.state = 'given_up'`, runID, pq.Array(names), pq.Array(types))
	return wrap("planning deliveries", err)
}

// Due lists the published runs that a target is still to get. What was never
// tried comes first, so that nothing waits behind a delivery that can't succeed.
// only narrows it to one run; empty: all.
func (s *Store) Due(ctx context.Context, target, only string) ([]string, error) {
	var ids []string
	err := s.db.SelectContext(ctx, &ids, `SELECT d.run_id FROM tieout.deliveries d JOIN tieout.runs r ON r.id = d.run_id
		WHERE d.target = $1 AND d.state = 'due' AND r.status = 'published' AND ($2 = '' OR d.run_id = $2)
		ORDER BY d.tried_at NULLS FIRST, r.published_at, d.run_id`, target, only)
	return ids, wrap("looking for what is due", err)
}

// DueElsewhere lists targets that are still to get something and are none of
// names: they are not configured any more.
func (s *Store) DueElsewhere(ctx context.Context, names []string) ([]string, error) {
	var out []string
	err := s.db.SelectContext(ctx, &out, `SELECT DISTINCT target FROM tieout.deliveries d JOIN tieout.runs r ON r.id = d.run_id
		WHERE d.state = 'due' AND r.status = 'published' AND target <> ALL ($1) ORDER BY 1`, textArray(names))
	return out, wrap("looking for what is due", err)
}

// Deliveries lists what became of a run's deliveries.
func (s *Store) Deliveries(ctx context.Context, runID string) ([]Delivery, error) {
	var out []Delivery
	err := s.db.SelectContext(ctx, &out, `SELECT `+deliveryColumns+` FROM tieout.deliveries WHERE run_id = $1 ORDER BY planned_at, target`, runID)
	return out, wrap("listing deliveries", err)
}

// Deliver lets send do one delivery that is due, and notes what came of it; send
// says how often it tried. The row is locked meanwhile, so that two processes
// don't both send; nil without an error says that another one does, or has done.
// A crash after sending and before noting leaves the delivery due: it is sent
// twice then, and never lost. What fails and was published before giveUp is not
// tried any more.
func (s *Store) Deliver(ctx context.Context, runID, target string, giveUp time.Time, send func() (tries int, err error)) (*Delivery, error) {
	// noting must not end with the time that sending had
	ctx = context.WithoutCancel(ctx)
	tx, err := s.pool.BeginTxx(ctx, nil)
	if err != nil {
		return nil, wrap("beginning a delivery", err)
	}
	defer func() { _ = tx.Rollback() }()
	// sending takes its time
	if _, err := tx.ExecContext(ctx, `SET LOCAL idle_in_transaction_session_timeout = 0`); err != nil {
		return nil, wrap("beginning a delivery", err)
	}
	var d Delivery
	err = tx.GetContext(ctx, &d, `SELECT `+deliveryColumns+` FROM tieout.deliveries WHERE run_id = $1 AND target = $2 AND state = 'due' FOR UPDATE SKIP LOCKED`, runID, target)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, wrap("beginning a delivery", err)
	}
	tries, failed := send()
	reason := ""
	if failed != nil {
		reason = failed.Error()
	}
	err = tx.GetContext(ctx, &d, `UPDATE tieout.deliveries d SET attempts = attempts + $3, tried_at = clock_timestamp(), last_error = nullif($4, ''),
		state = CASE WHEN $4 = '' THEN 'delivered' WHEN r.published_at < $5 THEN 'given_up' ELSE 'due' END,
		delivered_at = CASE WHEN $4 = '' THEN clock_timestamp() END
		FROM tieout.runs r WHERE r.id = d.run_id AND d.run_id = $1 AND d.target = $2
		RETURNING d.run_id, d.target, d.type, d.state, d.attempts, d.last_error, d.delivered_at`, runID, target, tries, reason, giveUp)
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		return nil, fmt.Errorf("noting a delivery: %w", err)
	}
	return &d, nil
}

// Summary is what is announced of a run; empty where it was published when
// nothing was to be announced.
func (s *Store) Summary(ctx context.Context, runID string) ([]byte, error) {
	var out sql.NullString
	err := s.db.GetContext(ctx, &out, `SELECT summary::text FROM tieout.runs WHERE id = $1`, runID)
	return []byte(out.String), wrap("reading the summary", err)
}

// OpenFile streams a published file; its bytes are not proven.
func (s *Store) OpenFile(ctx context.Context, runID, name string) io.Reader {
	return &partReader{ctx: ctx, s: s, runID: runID, name: name}
}
