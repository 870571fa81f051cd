-- +goose Up

-- What ledger.writeback has sent of each payment's outcome, and what it still has to send.
CREATE TABLE tieout.writebacks (
    payment_id text PRIMARY KEY,
    state      text NOT NULL,
    digest     text,
    sent_at    timestamptz,
    run_id     text NOT NULL,
    reason     text
);
COMMENT ON COLUMN tieout.writebacks.state IS 'due, sending (may have arrived, and is sent again), sent or refused';
COMMENT ON COLUMN tieout.writebacks.digest IS 'SHA-256 (hex) of the outcome that was sent last; null: none was, or it was refused';
COMMENT ON COLUMN tieout.writebacks.reason IS 'why the merchant''s table refused it';
CREATE INDEX writebacks_left ON tieout.writebacks (payment_id) WHERE state <> 'sent';

ALTER TABLE tieout.runs ADD COLUMN written_back_at timestamptz;
COMMENT ON COLUMN tieout.runs.written_back_at IS 'when the run''s outcomes were noted in writebacks; null while no write-back has looked at them';
