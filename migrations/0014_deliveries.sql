-- +goose Up

-- What the targets of the section delivery got of each published run, and what
-- they are still to get.
CREATE TABLE tieout.deliveries (
    run_id       text NOT NULL,
    target       text NOT NULL,
    type         text NOT NULL,
    state        text NOT NULL DEFAULT 'due',
    attempts     integer NOT NULL DEFAULT 0,
    last_error   text,
    planned_at   timestamptz NOT NULL DEFAULT now(),
    tried_at     timestamptz,
    delivered_at timestamptz,
    PRIMARY KEY (run_id, target)
);
COMMENT ON COLUMN tieout.deliveries.state IS 'due, delivered, or given_up (too long after the publication)';
COMMENT ON COLUMN tieout.deliveries.last_error IS 'why the last attempt failed, without secrets';
CREATE INDEX deliveries_due ON tieout.deliveries (target) WHERE state = 'due';

ALTER TABLE tieout.runs ADD COLUMN summary jsonb;
COMMENT ON COLUMN tieout.runs.summary IS 'what is announced of the run: counts, totals and sentences, nothing of any one payment';
