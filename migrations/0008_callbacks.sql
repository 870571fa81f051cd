-- +goose Up

-- What providers post to the merchant, as evidence. The merchant's own endpoint
-- writes it here, or `tieout import callbacks` does:
--
--   INSERT INTO tieout.callbacks (provider, headers, body) VALUES ('pawapay-zm', $1, $2);
--
-- It answers the provider at once and lets tieout judge: the next poll verifies
-- each new row and never believes one that does not prove where it comes from.
CREATE TABLE tieout.callbacks (
    id                  bigserial PRIMARY KEY,
    provider            text NOT NULL,
    received_at         timestamptz NOT NULL DEFAULT now(),
    headers             jsonb NOT NULL DEFAULT '{}',
    body                text NOT NULL,
    -- filled by tieout
    import_key          text,
    processed_at        timestamptz,
    run_id              text,
    verdict             text,
    reason              text,
    event               text,
    kind                text,
    payment_id          text,
    provider_payment_id text,
    own_id              text,
    reference           text,
    status              text,
    raw_status          text,
    amount              bigint,
    exp                 smallint,
    currency            text,
    used                boolean NOT NULL DEFAULT false,
    poll_due            boolean NOT NULL DEFAULT false,
    observation_id      bigint
);
COMMENT ON TABLE tieout.callbacks IS 'Raw callbacks of the providers. A merchant''s endpoint inserts provider, headers and body (and received_at, where it is not now).';
COMMENT ON COLUMN tieout.callbacks.provider IS 'the configured name of the account';
COMMENT ON COLUMN tieout.callbacks.headers IS 'a JSON object: each name with its value, or with a list of its values; keys that prove the sender are taken out once they are judged';
COMMENT ON COLUMN tieout.callbacks.body IS 'exactly what was received: a signature is made over each of its bytes';
COMMENT ON COLUMN tieout.callbacks.import_key IS 'SHA-256 of an imported message: the same file twice changes nothing';
COMMENT ON COLUMN tieout.callbacks.processed_at IS 'null: the next poll looks at it';
COMMENT ON COLUMN tieout.callbacks.verdict IS 'verified, unverified (no key is configured), rejected (it does not prove its sender), unreadable, or ignored (it is about no payment)';
COMMENT ON COLUMN tieout.callbacks.status IS 'what it says of the payment, in our words';
COMMENT ON COLUMN tieout.callbacks.used IS 'its transaction was taken as the provider''s answer';
COMMENT ON COLUMN tieout.callbacks.poll_due IS 'its payment is asked for, unless an answer came since';
CREATE INDEX callbacks_new ON tieout.callbacks (provider, id) WHERE processed_at IS NULL;
CREATE INDEX callbacks_due ON tieout.callbacks (provider) WHERE poll_due;
CREATE UNIQUE INDEX callbacks_import_key ON tieout.callbacks (provider, import_key) WHERE import_key IS NOT NULL;
CREATE INDEX callbacks_payment ON tieout.callbacks (payment_id) WHERE payment_id IS NOT NULL;
CREATE INDEX callbacks_transaction ON tieout.callbacks (provider, provider_payment_id) WHERE provider_payment_id IS NOT NULL;

ALTER TABLE tieout.runs ADD COLUMN requests_by jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN tieout.runs.requests_by IS 'how many requests each provider was asked, retries among them';
