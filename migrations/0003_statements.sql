-- +goose Up

-- The providers' statements, as they were imported.
CREATE TABLE tieout.statement_files (
    provider    text NOT NULL,
    sha256      text NOT NULL,
    imported_at timestamptz NOT NULL,
    rows        bigint NOT NULL,
    set_aside   bigint NOT NULL,
    PRIMARY KEY (provider, sha256)
);

CREATE TABLE tieout.statement_rows (
    id                  bigserial PRIMARY KEY,
    provider            text NOT NULL,
    identity            text NOT NULL,
    sha256              text NOT NULL,
    n                   bigint NOT NULL,
    entry               text NOT NULL,
    provider_payment_id text,
    reference           text,
    kind                text,
    currency            text NOT NULL,
    exp                 smallint NOT NULL,
    amount              bigint NOT NULL,
    fee                 bigint,
    tax                 bigint,
    status              text NOT NULL,
    raw_status          text,
    account             text,
    created_at          timestamptz,
    completed_at        timestamptz,
    at                  timestamptz,
    UNIQUE (provider, identity)
);
COMMENT ON COLUMN tieout.statement_rows.identity IS 'what makes two rows of two files the same row';
COMMENT ON COLUMN tieout.statement_rows.sha256 IS 'of the file that last gave the row; n is its number there';
COMMENT ON COLUMN tieout.statement_rows.entry IS 'payment, fee, tax, refund or other';
COMMENT ON COLUMN tieout.statement_rows.amount IS 'in units of 10^-exp of the currency, as fee and tax; with the sign of the statement';
COMMENT ON COLUMN tieout.statement_rows.at IS 'when the movement was completed, or else created';
CREATE INDEX statement_rows_provider_payment_id ON tieout.statement_rows (provider, provider_payment_id);
CREATE INDEX statement_rows_reference ON tieout.statement_rows (provider, reference);
CREATE INDEX statement_rows_at ON tieout.statement_rows (provider, at);

-- The times of which a statement claims to show every movement.
CREATE TABLE tieout.statement_coverage (
    provider  text NOT NULL,
    sha256    text NOT NULL,
    kind      text NOT NULL,
    currency  text NOT NULL,
    from_time timestamptz NOT NULL,
    to_time   timestamptz NOT NULL,
    PRIMARY KEY (provider, sha256, kind, currency)
);

-- What the statements of a run's range say in total.
CREATE TABLE tieout.run_statements (
    run_id        text NOT NULL,
    business_date date NOT NULL,
    provider      text NOT NULL,
    kind          text NOT NULL,
    currency      text NOT NULL,
    exp           smallint NOT NULL,
    ours          bigint NOT NULL,
    statement     bigint NOT NULL,
    explained     bigint NOT NULL,
    whole         boolean NOT NULL,
    PRIMARY KEY (run_id, business_date, provider, kind, currency, exp)
);
COMMENT ON COLUMN tieout.run_statements.ours IS 'gross and disputed by the status answers';
COMMENT ON COLUMN tieout.run_statements.explained IS 'the part of statement - ours that exceptions of single payments or rows explain';
COMMENT ON COLUMN tieout.run_statements.whole IS 'statements show every movement of the day';
