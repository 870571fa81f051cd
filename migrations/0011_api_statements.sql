-- +goose Up

-- What a provider's API says of its balances is kept as an imported file is.
ALTER TABLE tieout.statement_rows
    ADD COLUMN source    text NOT NULL DEFAULT 'file',
    ADD COLUMN run_id    text,
    ADD COLUMN wallet    text,
    ADD COLUMN word      text,
    ADD COLUMN direction smallint NOT NULL DEFAULT 0,
    ADD COLUMN reserved  boolean NOT NULL DEFAULT false,
    ADD COLUMN settled_at timestamptz;
COMMENT ON COLUMN tieout.statement_rows.sha256 IS 'of the file that last gave the row, n is its number there; of the API''s answer: the digest of its observation';
COMMENT ON COLUMN tieout.statement_rows.source IS 'file or api; what a file names counts, and the API''s word on it does not';
COMMENT ON COLUMN tieout.statement_rows.run_id IS 'the run whose question brought it from the API';
COMMENT ON COLUMN tieout.statement_rows.wallet IS 'the balance that moved, as wallet_balances names it';
COMMENT ON COLUMN tieout.statement_rows.word IS 'the type of the movement in the provider''s word';
COMMENT ON COLUMN tieout.statement_rows.direction IS '1 into the wallet, -1 out of it, 0 as the sign says';
COMMENT ON COLUMN tieout.statement_rows.reserved IS 'the money has left the balance, which does not say that it arrived';
COMMENT ON COLUMN tieout.statement_rows.settled_at IS 'when the money became part of the wallet''s balance, where that is not when it moved';
CREATE INDEX statement_rows_wallet ON tieout.statement_rows (provider, wallet, at) WHERE wallet IS NOT NULL;

-- Of the API, the times that any run has read; those that touch are one row.
ALTER TABLE tieout.statement_coverage
    ADD COLUMN source text NOT NULL DEFAULT 'file',
    DROP CONSTRAINT statement_coverage_pkey,
    ADD PRIMARY KEY (provider, sha256, kind, currency, from_time);
COMMENT ON COLUMN tieout.statement_coverage.sha256 IS 'of the file; of the API: the run that last read it';

-- What became of the statement that a run read from an API.
CREATE TABLE tieout.run_statement_reads (
    run_id    text NOT NULL,
    provider  text NOT NULL,
    rows      bigint NOT NULL,
    set_aside bigint NOT NULL,
    why       text NOT NULL,
    read_at   timestamptz NOT NULL,
    PRIMARY KEY (run_id, provider)
);
COMMENT ON COLUMN tieout.run_statement_reads.why IS 'what is missing of it, for people; empty: nothing';

-- What stood in the accounts' wallets.
CREATE TABLE tieout.wallet_balances (
    provider text NOT NULL,
    wallet   text NOT NULL,
    currency text NOT NULL,
    exp      smallint NOT NULL,
    balance  bigint NOT NULL,
    taken_at timestamptz NOT NULL,
    run_id   text NOT NULL,
    PRIMARY KEY (provider, wallet, currency, run_id)
);
COMMENT ON COLUMN tieout.wallet_balances.balance IS 'in units of 10^-exp of the currency';
COMMENT ON COLUMN tieout.wallet_balances.taken_at IS 'when it was asked for';
CREATE INDEX wallet_balances_taken_at ON tieout.wallet_balances (provider, wallet, currency, taken_at);
