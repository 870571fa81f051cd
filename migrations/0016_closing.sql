-- +goose Up

-- Each closing of a business date; what was reopened stays here as history.
CREATE TABLE tieout.closed_days (
    id            bigserial PRIMARY KEY,
    business_date date NOT NULL,
    run_id        text NOT NULL,
    version       integer NOT NULL,
    closed_at     timestamptz NOT NULL,
    closed_by     text NOT NULL,
    note          text,
    forced        text,
    reopened_at   timestamptz,
    reopened_by   text,
    reopen_note   text
);
COMMENT ON COLUMN tieout.closed_days.run_id IS 'whose figures were frozen: its files must be kept';
COMMENT ON COLUMN tieout.closed_days.forced IS 'why the day was closed although payments could not be asked or newer answers were known';
CREATE UNIQUE INDEX closed_days_now ON tieout.closed_days (business_date) WHERE reopened_at IS NULL;

-- The journal of the closed days, only ever added to: what each payment, or
-- transaction without one, adds to the settlement lines.
CREATE TABLE tieout.closed_items (
    closing_id       bigint NOT NULL,
    business_date    date NOT NULL,
    payment_id       text NOT NULL,
    transaction_id   bigint NOT NULL,
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
    disputed         bigint NOT NULL,
    pending_count    bigint NOT NULL,
    pending_amount   bigint NOT NULL,
    failed_count     bigint NOT NULL,
    failed_amount    bigint NOT NULL,
    reversed_count   bigint NOT NULL,
    reversed_amount  bigint NOT NULL,
    exception_count  bigint NOT NULL,
    exception_amount bigint NOT NULL,
    fee_known        boolean NOT NULL,
    tax_known        boolean NOT NULL,
    result           text NOT NULL,
    outcome          text NOT NULL,
    kinds            text NOT NULL,
    provider_payment_id text NOT NULL,
    reference        text NOT NULL,
    what             text NOT NULL,
    before           text NOT NULL,
    after            text NOT NULL,
    why              text NOT NULL
);
COMMENT ON COLUMN tieout.closed_items.closing_id IS 'the closing that froze it; of another business_date: an adjustment of that date, booked on the closed one';
COMMENT ON COLUMN tieout.closed_items.payment_id IS 'empty: transaction_id stands for itself';
COMMENT ON COLUMN tieout.closed_items.transaction_id IS '0: payment_id is given';
COMMENT ON COLUMN tieout.closed_items.result IS 'what the payment was then; empty: it was there no more';
CREATE UNIQUE INDEX closed_items_once ON tieout.closed_items (closing_id, business_date, payment_id, transaction_id, provider, kind, currency, exp);
CREATE INDEX closed_items_item ON tieout.closed_items (payment_id, transaction_id);

-- How payments of closed days differ from their closing, as the last published
-- run knew them. closing_id is the closing of their own day.
CREATE TABLE tieout.closed_changes (LIKE tieout.closed_items INCLUDING COMMENTS);
CREATE UNIQUE INDEX closed_changes_once ON tieout.closed_changes (closing_id, payment_id, transaction_id, provider, kind, currency, exp);

-- The adjustments that a run found or shows.
CREATE TABLE tieout.run_adjustments (
    run_id    text NOT NULL,
    booked_on date NOT NULL,
    frozen    boolean NOT NULL,
    shown     boolean NOT NULL,
    seen      boolean NOT NULL,
    LIKE tieout.closed_items INCLUDING COMMENTS
);
COMMENT ON COLUMN tieout.run_adjustments.booked_on IS 'the day that carries it: the first open one after business_date';
COMMENT ON COLUMN tieout.run_adjustments.frozen IS 'the day that carries it is closed too';
COMMENT ON COLUMN tieout.run_adjustments.seen IS 'the run knows the payment; of another it shows what an earlier one found';
COMMENT ON COLUMN tieout.run_adjustments.closing_id IS 'the closing of business_date';
CREATE INDEX run_adjustments_run ON tieout.run_adjustments (run_id, booked_on);

CREATE VIEW tieout.adjustments AS
SELECT a.run_id, a.booked_on, CASE WHEN a.frozen THEN 'closed' ELSE 'open' END AS state, a.business_date, a.provider, a.kind, a.currency,
    nullif(a.payment_id, '') AS payment_id, nullif(a.provider_payment_id, '') AS provider_payment_id, nullif(a.reference, '') AS reference,
    a.count, a.gross * ('1e-' || a.exp)::numeric AS gross, a.refunded * ('1e-' || a.exp)::numeric AS refunded,
    a.fee * ('1e-' || a.exp)::numeric AS fee, a.tax * ('1e-' || a.exp)::numeric AS tax, a.net * ('1e-' || a.exp)::numeric AS net,
    a.fee_known_count, a.disputed * ('1e-' || a.exp)::numeric AS disputed,
    a.pending_count, a.pending_amount * ('1e-' || a.exp)::numeric AS pending_amount,
    a.failed_count, a.failed_amount * ('1e-' || a.exp)::numeric AS failed_amount,
    a.reversed_count, a.reversed_amount * ('1e-' || a.exp)::numeric AS reversed_amount,
    a.exception_count, a.exception_amount * ('1e-' || a.exp)::numeric AS exception_amount,
    a.what, a.before, a.after, a.why
FROM tieout.run_adjustments a JOIN tieout.runs r ON r.id = a.run_id
WHERE a.shown AND r.status = 'published';
COMMENT ON VIEW tieout.adjustments IS 'What changed of closed days, as published by each run; the columns of adjustments.csv';
