-- Saves what a provider says of its transactions. A row of a list that hides
-- fields never overwrites a full answer that it agrees with.

-- Who changes the columns changes the name too: behind a pooler the table
-- outlives the program.
-- step: staged_transactions
CREATE TEMP TABLE IF NOT EXISTS staged_transactions (
    provider text, kind text, key text, provider_payment_id text, batched boolean, own_id text, reference text, network_reference text,
    status text, raw_status text, needs_action text, failure_code text, failure_message text, failure_group text, currency text, exp smallint,
    amount bigint, settled bigint, refunded bigint, fee bigint, tax bigint, account text, customer_id text, saved_method_id text, metadata jsonb,
    created_at timestamptz, completed_at timestamptz, revisable boolean, partial boolean, source text, asked_at timestamptz, run_id text
) ON COMMIT DELETE ROWS;
DELETE FROM staged_transactions;

-- step: merge
INSERT INTO tieout.transactions AS old (
    provider, kind, key, provider_payment_id, batched, own_id, reference, network_reference, status, raw_status, needs_action,
    failure_code, failure_message, failure_group, currency, exp, amount, settled, refunded, fee, tax, account, customer_id, saved_method_id,
    metadata, created_at, completed_at, revisable, partial, source, first_observed_at, observed_at, asked_at, completed_seen_at, run_id)
SELECT provider, kind, key, provider_payment_id, batched, own_id, reference, network_reference, status, raw_status, needs_action,
    failure_code, failure_message, failure_group, currency, exp, amount, settled, refunded, fee, tax, account, customer_id, saved_method_id,
    metadata, created_at, completed_at, revisable, partial, source, asked_at, asked_at, asked_at,
    CASE WHEN status = 'completed' THEN asked_at END, run_id
FROM staged_transactions
ON CONFLICT (provider, kind, key) DO UPDATE SET
    provider_payment_id = excluded.provider_payment_id,
    batched             = excluded.batched,
    own_id              = coalesce(excluded.own_id, old.own_id),
    reference           = coalesce(excluded.reference, old.reference),
    network_reference   = coalesce(excluded.network_reference, old.network_reference),
    status              = excluded.status,
    raw_status          = excluded.raw_status,
    needs_action        = excluded.needs_action,
    failure_code        = excluded.failure_code,
    failure_message     = excluded.failure_message,
    failure_group       = excluded.failure_group,
    currency            = excluded.currency,
    exp                 = excluded.exp,
    amount              = excluded.amount,
    settled             = CASE WHEN excluded.partial THEN coalesce(excluded.settled, old.settled) ELSE excluded.settled END,
    refunded            = CASE WHEN excluded.partial THEN coalesce(excluded.refunded, old.refunded) ELSE excluded.refunded END,
    -- fees may come from a statement and stay when a status answer states none
    fee                 = coalesce(excluded.fee, old.fee),
    tax                 = coalesce(excluded.tax, old.tax),
    account             = coalesce(excluded.account, old.account),
    customer_id         = coalesce(excluded.customer_id, old.customer_id),
    saved_method_id     = coalesce(excluded.saved_method_id, old.saved_method_id),
    metadata            = coalesce(excluded.metadata, old.metadata),
    created_at          = least(excluded.created_at, old.created_at),
    completed_at        = coalesce(excluded.completed_at, old.completed_at),
    revisable           = excluded.revisable,
    partial             = excluded.partial,
    source              = excluded.source,
    observed_at         = CASE WHEN
        (old.status, old.raw_status, old.needs_action, old.failure_code, old.currency, old.amount, old.exp, old.partial)
            IS NOT DISTINCT FROM
        (excluded.status, excluded.raw_status, excluded.needs_action, excluded.failure_code, excluded.currency, excluded.amount, excluded.exp, excluded.partial)
        AND (excluded.settled IS NOT DISTINCT FROM old.settled OR excluded.partial)
        AND (excluded.refunded IS NOT DISTINCT FROM old.refunded OR excluded.partial)
        AND coalesce(excluded.fee, old.fee) IS NOT DISTINCT FROM old.fee
        AND coalesce(excluded.reference, old.reference) IS NOT DISTINCT FROM old.reference
        AND coalesce(excluded.account, old.account) IS NOT DISTINCT FROM old.account
        THEN old.observed_at ELSE excluded.observed_at END,
    asked_at            = excluded.asked_at,
    completed_seen_at   = coalesce(old.completed_seen_at, excluded.completed_seen_at),
    run_id              = excluded.run_id
WHERE NOT (excluded.partial AND NOT old.partial AND excluded.status = old.status);
