-- +goose Up

-- What a run leaves pending: of its own payments, and of those carried in from
-- before its range. The next range begins with it.
CREATE TABLE tieout.run_pending (
    run_id        text NOT NULL,
    payment_id    text NOT NULL,
    business_date date NOT NULL,
    provider      text NOT NULL,
    kind          text NOT NULL,
    currency      text NOT NULL,
    exp           smallint NOT NULL,
    amount        bigint NOT NULL,
    PRIMARY KEY (run_id, payment_id)
);
INSERT INTO tieout.run_pending
SELECT r.id, rp.payment_id, rp.business_date, rp.provider, rp.kind, rp.currency, rp.exp, rp.amount
FROM tieout.runs r JOIN tieout.run_payments rp ON rp.run_id = r.id JOIN tieout.run_results rr USING (run_id, payment_id)
WHERE r.status = 'published' AND rr.result = 'pending';

-- How the pending total moved: opening + new - completed - failed - set_aside = what run_pending has.
CREATE TABLE tieout.run_rollforward (
    run_id    text NOT NULL,
    provider  text NOT NULL,
    kind      text NOT NULL,
    currency  text NOT NULL,
    exp       smallint NOT NULL,
    opening   bigint NOT NULL,
    new       bigint NOT NULL,
    completed bigint NOT NULL,
    failed    bigint NOT NULL,
    set_aside bigint NOT NULL,
    PRIMARY KEY (run_id, provider, kind, currency, exp)
);
ALTER TABLE tieout.runs ADD COLUMN carried_from text;
COMMENT ON COLUMN tieout.runs.carried_from IS 'the run whose pending payments this one begins with';
