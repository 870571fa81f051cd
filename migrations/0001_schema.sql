-- +goose Up

-- What others use: payments in, outcomes, lines, exceptions, runs and files out.

CREATE TABLE tieout.payments (
    id                  text PRIMARY KEY,
    kind                text NOT NULL,
    provider            text NOT NULL,
    provider_payment_id text,
    reference           text,
    amount              numeric NOT NULL,
    currency            text NOT NULL,
    status              text NOT NULL,
    account             text,
    customer_id         text,
    save_method         boolean NOT NULL DEFAULT false,
    metadata            jsonb NOT NULL DEFAULT '{}',
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL DEFAULT now(),
    refunded_amount     numeric NOT NULL DEFAULT 0,
    refund_ids          jsonb NOT NULL DEFAULT '[]'
);
COMMENT ON TABLE tieout.payments IS 'The merchant''s own records; the default ledger source.';
CREATE INDEX payments_created_at ON tieout.payments (created_at);
CREATE INDEX payments_reference ON tieout.payments (provider, kind, reference);
CREATE INDEX payments_provider_payment_id ON tieout.payments (provider, kind, provider_payment_id);

CREATE TABLE tieout.runs (
    id            text PRIMARY KEY,
    from_date     date NOT NULL,
    to_date       date NOT NULL,
    selection     text NOT NULL,
    version       integer,
    status        text NOT NULL,
    started_at    timestamptz NOT NULL,
    finished_at   timestamptz,
    coverage      numeric,
    exit_code     integer,
    providers     text[] NOT NULL,
    kinds         text[] NOT NULL,
    folder        text NOT NULL,
    from_time     timestamptz NOT NULL,
    to_time       timestamptz NOT NULL,
    outstanding   boolean NOT NULL DEFAULT false,
    config_digest text NOT NULL DEFAULT '',
    pulled_at     timestamptz,
    polled_at     timestamptz,
    matched_at    timestamptz,
    settled_at    timestamptz,
    published_at  timestamptz,
    delivered_at  timestamptz,
    requests      bigint NOT NULL DEFAULT 0,
    notes         text[] NOT NULL DEFAULT '{}',
    error         text,
    UNIQUE (from_date, to_date, selection, version)
);
COMMENT ON COLUMN tieout.runs.status IS 'running, published, failed or abandoned';
COMMENT ON COLUMN tieout.runs.delivered_at IS 'when the files of a published run stood in their folder';

CREATE TABLE tieout.payment_outcomes (
    payment_id          text PRIMARY KEY,
    status              text NOT NULL,
    provider_status     text,
    provider_payment_id text,
    provider_reference  text,
    network_reference   text,
    failure_code        text,
    failure_message     text,
    amount              numeric,
    currency            text,
    completed_at        timestamptz,
    decided_at          timestamptz NOT NULL,
    run_id              text NOT NULL,
    held                boolean NOT NULL
);
COMMENT ON COLUMN tieout.payment_outcomes.held IS 'true while the payment is an exception: no machine should act on it';

CREATE TABLE tieout.settlement_lines (
    run_id           text NOT NULL,
    business_date    date NOT NULL,
    provider         text NOT NULL,
    kind             text NOT NULL,
    currency         text NOT NULL,
    count            bigint NOT NULL,
    gross            numeric NOT NULL,
    refunded         numeric NOT NULL,
    fee              numeric,
    tax              numeric,
    net              numeric NOT NULL,
    fee_known_count  bigint NOT NULL,
    disputed         numeric NOT NULL,
    pending_count    bigint NOT NULL,
    pending_amount   numeric NOT NULL,
    failed_count     bigint NOT NULL,
    failed_amount    numeric NOT NULL,
    reversed_count   bigint NOT NULL,
    reversed_amount  numeric NOT NULL,
    exception_count  bigint NOT NULL,
    exception_amount numeric NOT NULL,
    PRIMARY KEY (run_id, business_date, provider, kind, currency)
);

CREATE TABLE tieout.exceptions (
    exception_id        text PRIMARY KEY,
    kind                text NOT NULL,
    severity            text NOT NULL,
    state               text NOT NULL,
    provider            text NOT NULL,
    payment_kind        text NOT NULL,
    payment_id          text,
    provider_payment_id text,
    reference           text,
    internal_amount     numeric,
    provider_amount     numeric,
    difference          numeric,
    currency            text,
    provider_currency   text,
    internal_status     text,
    provider_status     text,
    account             text,
    business_date       date NOT NULL,
    first_seen          timestamptz NOT NULL,
    match_method        text,
    detail              text NOT NULL,
    owner               text,
    resolution          text,
    note                text,
    run_id              text NOT NULL,
    last_seen           timestamptz NOT NULL,
    created_at          timestamptz NOT NULL,
    at_risk             numeric,
    internal_exp        smallint,
    provider_exp        smallint,
    updated_at          timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN tieout.exceptions.created_at IS 'when the payment or orphan was created';
CREATE INDEX exceptions_business_date ON tieout.exceptions (business_date, provider);
CREATE INDEX exceptions_payment ON tieout.exceptions (payment_id);

CREATE TABLE tieout.exception_history (
    id           bigserial PRIMARY KEY,
    exception_id text NOT NULL,
    at           timestamptz NOT NULL,
    who          text NOT NULL,
    what         text NOT NULL,
    before       text,
    after        text,
    why          text,
    run_id       text
);
CREATE INDEX exception_history_exception ON tieout.exception_history (exception_id);

CREATE TABLE tieout.report_files (
    run_id text NOT NULL,
    name   text NOT NULL,
    sha256 text NOT NULL,
    size   bigint NOT NULL,
    PRIMARY KEY (run_id, name)
);
CREATE TABLE tieout.report_file_parts (
    run_id text NOT NULL,
    name   text NOT NULL,
    part   integer NOT NULL,
    data   bytea NOT NULL,
    PRIMARY KEY (run_id, name, part)
);

-- Our own: evidence, what is known of the providers' side, and a run's working tables.

-- A run's hold on a range of a provider. A lease, not a session lock, so that it
-- works behind a pooler; holder says whose it is.
CREATE TABLE tieout.run_locks (
    run_id     text NOT NULL,
    provider   text NOT NULL,
    from_time  timestamptz NOT NULL,
    to_time    timestamptz NOT NULL,
    token      text NOT NULL,
    host       text NOT NULL,
    pid        integer NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (run_id, provider)
);

-- The identity of a difference outlives every run.
CREATE TABLE tieout.exception_ids (
    fingerprint   text PRIMARY KEY,
    exception_id  text NOT NULL UNIQUE,
    business_date date NOT NULL,
    first_seen    timestamptz NOT NULL
);

CREATE TABLE tieout.observations (
    id           bigserial PRIMARY KEY,
    run_id       text NOT NULL,
    provider     text NOT NULL,
    kind         text NOT NULL,
    payment_id   text,
    method       text NOT NULL,
    path         text NOT NULL,
    asked_at     timestamptz NOT NULL,
    duration_ms  integer NOT NULL,
    http_status  integer,
    content_type text,
    body         bytea,
    digest       text,
    error        text
);
COMMENT ON COLUMN tieout.observations.body IS 'gzip; secrets, card and account data removed';
COMMENT ON COLUMN tieout.observations.digest IS 'SHA-256 (hex) of the body as it was received';
CREATE INDEX observations_payment ON tieout.observations (payment_id) WHERE payment_id IS NOT NULL;
CREATE INDEX observations_run ON tieout.observations (run_id, provider);

CREATE TABLE tieout.transactions (
    id                  bigserial PRIMARY KEY,
    provider            text NOT NULL,
    kind                text NOT NULL,
    key                 text NOT NULL,
    list_key            text,
    provider_payment_id text NOT NULL,
    batched             boolean NOT NULL,
    own_id              text,
    reference           text,
    network_reference   text,
    status              text NOT NULL,
    raw_status          text NOT NULL,
    needs_action        text,
    failure_code        text,
    failure_message     text,
    failure_group       text,
    currency            text NOT NULL,
    exp                 smallint NOT NULL,
    amount              bigint NOT NULL,
    settled             bigint,
    refunded            bigint,
    fee                 bigint,
    tax                 bigint,
    account             text,
    customer_id         text,
    saved_method_id     text,
    metadata            jsonb,
    created_at          timestamptz NOT NULL,
    completed_at        timestamptz,
    revisable           boolean NOT NULL,
    partial             boolean NOT NULL,
    source              text NOT NULL,
    first_observed_at   timestamptz NOT NULL,
    observed_at         timestamptz NOT NULL,
    asked_at            timestamptz NOT NULL,
    completed_seen_at   timestamptz,
    run_id              text NOT NULL,
    UNIQUE (provider, kind, key)
);
COMMENT ON COLUMN tieout.transactions.amount IS 'in units of 10^-exp of the currency, as settled, refunded, fee and tax';
COMMENT ON COLUMN tieout.transactions.observed_at IS 'when the provider first gave the answer that still holds';
COMMENT ON COLUMN tieout.transactions.completed_seen_at IS 'when it was first observed completed';
COMMENT ON COLUMN tieout.transactions.list_key IS 'its id in the provider''s list, where lists use ids of their own';
CREATE UNIQUE INDEX transactions_list_key ON tieout.transactions (provider, kind, list_key) WHERE list_key IS NOT NULL;
CREATE INDEX transactions_provider_payment_id ON tieout.transactions (provider, kind, provider_payment_id);
CREATE INDEX transactions_own_id ON tieout.transactions (provider, kind, own_id) WHERE own_id IS NOT NULL;
CREATE INDEX transactions_reference ON tieout.transactions (provider, kind, reference) WHERE reference IS NOT NULL;
CREATE INDEX transactions_created_at ON tieout.transactions (provider, kind, created_at);

-- The last answer about each payment that was asked for.
CREATE TABLE tieout.answers (
    provider   text NOT NULL,
    payment_id text NOT NULL,
    verdict    text NOT NULL,
    reason     text NOT NULL,
    raw_status text NOT NULL,
    since      timestamptz NOT NULL,
    asked_at   timestamptz NOT NULL,
    run_id     text NOT NULL,
    PRIMARY KEY (provider, payment_id)
);
COMMENT ON COLUMN tieout.answers.since IS 'when this verdict was first given without another between';

CREATE TABLE tieout.provider_memory (
    provider   text NOT NULL,
    key        text NOT NULL,
    value      text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, key)
);

-- A run's working tables; those of older versions are deleted on publishing.
CREATE TABLE tieout.run_payments (
    run_id              text NOT NULL,
    payment_id          text NOT NULL,
    in_range            boolean NOT NULL,
    kind                text NOT NULL,
    provider            text NOT NULL,
    provider_payment_id text,
    reference           text,
    amount              bigint NOT NULL,
    exp                 smallint NOT NULL,
    currency            text NOT NULL,
    status              text NOT NULL,
    account             text,
    customer_id         text,
    save_method         boolean NOT NULL,
    metadata            jsonb NOT NULL,
    created_at          timestamptz NOT NULL,
    business_date       date NOT NULL,
    refunded            bigint NOT NULL,
    refund_ids          text[] NOT NULL,
    PRIMARY KEY (run_id, payment_id)
);

CREATE TABLE tieout.run_rejects (
    run_id     text NOT NULL,
    payment_id text NOT NULL,
    field      text NOT NULL,
    value      text NOT NULL,
    reason     text NOT NULL
);

CREATE TABLE tieout.run_lists (
    run_id         text NOT NULL,
    provider       text NOT NULL,
    kind           text NOT NULL,
    complete       boolean NOT NULL,
    completed_only boolean NOT NULL,
    why            text NOT NULL,
    from_time      timestamptz NOT NULL,
    to_time        timestamptz NOT NULL,
    listed_at      timestamptz NOT NULL,
    PRIMARY KEY (run_id, provider, kind)
);

CREATE TABLE tieout.run_results (
    run_id              text NOT NULL,
    payment_id          text NOT NULL,
    result              text NOT NULL,
    outcome             text,
    match_method        text,
    transaction_ids     bigint[] NOT NULL,
    provider_payment_id text,
    provider_reference  text,
    network_reference   text,
    provider_status     text,
    raw_status          text,
    provider_amount     bigint,
    provider_currency   text,
    provider_exp        smallint,
    refunded            bigint,
    fee                 bigint,
    tax                 bigint,
    failure_code        text,
    failure_message     text,
    completed_at        timestamptz,
    observed_at         timestamptz,
    PRIMARY KEY (run_id, payment_id)
);
COMMENT ON COLUMN tieout.run_results.outcome IS 'the status that the money really has, by positive evidence; null where nothing is known';

CREATE TABLE tieout.run_transactions (
    run_id         text NOT NULL,
    transaction_id bigint NOT NULL,
    role           text NOT NULL,
    payment_id     text,
    PRIMARY KEY (run_id, transaction_id)
);
COMMENT ON COLUMN tieout.run_transactions.role IS 'matched, pending, exception, candidate, unclaimed, or elsewhere (its payment is of another range); the primary key lets one payment at most use a transaction';

CREATE TABLE tieout.run_exceptions (
    run_id              text NOT NULL,
    exception_id        text NOT NULL,
    kind                text NOT NULL,
    severity            text NOT NULL,
    provider            text NOT NULL,
    payment_kind        text NOT NULL,
    payment_id          text,
    transaction_id      bigint,
    provider_payment_id text,
    reference           text,
    internal_amount     bigint,
    internal_exp        smallint,
    currency            text,
    provider_amount     bigint,
    provider_exp        smallint,
    provider_currency   text,
    internal_status     text,
    provider_status     text,
    account             text,
    business_date       date NOT NULL,
    created_at          timestamptz NOT NULL,
    first_seen          timestamptz NOT NULL,
    match_method        text,
    detail              text NOT NULL,
    at_risk             bigint,
    at_risk_exp         smallint,
    orphan              boolean NOT NULL,
    PRIMARY KEY (run_id, exception_id)
);
COMMENT ON COLUMN tieout.run_exceptions.orphan IS 'counted by itself: it stands for a transaction, not for a payment''s result';

CREATE TABLE tieout.run_lines (
    run_id           text NOT NULL,
    business_date    date NOT NULL,
    provider         text NOT NULL,
    kind             text NOT NULL,
    currency         text NOT NULL,
    exp              smallint NOT NULL,
    count            bigint NOT NULL,
    gross            bigint NOT NULL,
    refunded         bigint NOT NULL,
    fee              bigint NOT NULL,
    tax              bigint NOT NULL,
    net              bigint NOT NULL,
    fee_known_count  bigint NOT NULL,
    fee_known        boolean NOT NULL,
    tax_known        boolean NOT NULL,
    disputed         bigint NOT NULL,
    pending_count    bigint NOT NULL,
    pending_amount   bigint NOT NULL,
    failed_count     bigint NOT NULL,
    failed_amount    bigint NOT NULL,
    reversed_count   bigint NOT NULL,
    reversed_amount  bigint NOT NULL,
    exception_count  bigint NOT NULL,
    exception_amount bigint NOT NULL,
    PRIMARY KEY (run_id, business_date, provider, kind, currency)
);

CREATE TABLE tieout.run_checks (
    run_id  text NOT NULL,
    n       integer NOT NULL,
    name    text NOT NULL,
    "left"  text NOT NULL,
    "right" text NOT NULL,
    ties    boolean NOT NULL,
    PRIMARY KEY (run_id, n)
);

-- What the poll step still has to ask for.
CREATE TABLE tieout.run_todo (
    run_id     text NOT NULL,
    provider   text NOT NULL,
    payment_id text NOT NULL,
    PRIMARY KEY (run_id, provider, payment_id)
);
