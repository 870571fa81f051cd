-- What a run ($1) makes public, besides its files. Amounts leave as exact
-- numerics with the currency's decimals.

-- step: lines
INSERT INTO tieout.settlement_lines
SELECT run_id, business_date, provider, kind, currency, sum(count),
    sum(gross * ('1e-' || exp)::numeric), sum(refunded * ('1e-' || exp)::numeric),
    sum(CASE WHEN fee_known THEN fee * ('1e-' || exp)::numeric END), sum(CASE WHEN tax_known THEN tax * ('1e-' || exp)::numeric END),
    sum(net * ('1e-' || exp)::numeric), sum(fee_known_count), sum(disputed * ('1e-' || exp)::numeric),
    sum(pending_count), sum(pending_amount * ('1e-' || exp)::numeric), sum(failed_count), sum(failed_amount * ('1e-' || exp)::numeric),
    sum(reversed_count), sum(reversed_amount * ('1e-' || exp)::numeric), sum(exception_count), sum(exception_amount * ('1e-' || exp)::numeric)
FROM tieout.run_lines WHERE run_id = $1
GROUP BY run_id, business_date, provider, kind, currency;

-- step: exceptions, new and seen again
WITH now_seen AS (
    SELECT x.*, e.state AS old_state, e.resolution AS old_resolution FROM (
        SELECT * FROM (/*exceptions*/) y
    ) x LEFT JOIN tieout.exceptions e USING (exception_id)
), told AS (
    INSERT INTO tieout.exception_history (exception_id, at, who, what, before, after, why, run_id)
    SELECT exception_id, now(), 'tieout', 'state', old_state, state,
           CASE WHEN old_state IS NULL THEN 'found'
                WHEN state = 'auto_resolved' THEN 'the difference is gone'
                WHEN old_state = 'auto_resolved' THEN 'the difference is back'
                ELSE 'the figures are not those on which it was closed' END, $1
    FROM now_seen WHERE old_state IS DISTINCT FROM state
    UNION ALL
    SELECT exception_id, now(), 'tieout', 'resolution', old_resolution, NULL, 'the figures are not those on which it was closed', $1
    FROM now_seen WHERE state = 'open' AND old_resolution IS NOT NULL
)
INSERT INTO tieout.exceptions AS old (exception_id, kind, severity, state, provider, payment_kind, payment_id, provider_payment_id, reference,
    internal_amount, provider_amount, difference, currency, provider_currency, internal_status, provider_status, account, business_date,
    first_seen, match_method, detail, run_id, last_seen, created_at, at_risk, internal_exp, provider_exp, provider_refunded, provider_named)
SELECT exception_id, kind, severity, state, provider, payment_kind, nullif(payment_id, ''), nullif(provider_payment_id, ''), nullif(reference, ''),
    internal_amount, provider_amount, CASE WHEN currency = provider_currency THEN provider_amount - internal_amount END,
    nullif(currency, ''), nullif(provider_currency, ''), nullif(internal_status, ''), nullif(provider_status, ''), nullif(account, ''), business_date,
    first_seen, nullif(match_method, ''), detail, $1, now(), created_at, at_risk, internal_exp, provider_exp, provider_refunded, provider_named
FROM now_seen
ON CONFLICT (exception_id) DO UPDATE SET
    severity = excluded.severity, state = excluded.state, provider_payment_id = excluded.provider_payment_id, reference = excluded.reference,
    internal_amount = excluded.internal_amount, provider_amount = excluded.provider_amount, difference = excluded.difference,
    currency = excluded.currency, provider_currency = excluded.provider_currency, internal_status = excluded.internal_status,
    provider_status = excluded.provider_status, account = excluded.account, match_method = excluded.match_method, detail = excluded.detail,
    at_risk = excluded.at_risk, internal_exp = excluded.internal_exp, provider_exp = excluded.provider_exp,
    provider_refunded = excluded.provider_refunded, provider_named = excluded.provider_named, business_date = excluded.business_date, created_at = excluded.created_at,
    -- what is open again has no resolution any more
    resolution = CASE WHEN excluded.state = 'open' THEN NULL ELSE old.resolution END,
    run_id = excluded.run_id,
    last_seen = CASE WHEN excluded.state = 'auto_resolved' THEN old.last_seen ELSE excluded.last_seen END,
    updated_at = CASE WHEN old.state <> excluded.state THEN now() ELSE old.updated_at END;

-- step: outcomes, on positive evidence
INSERT INTO tieout.payment_outcomes AS old (payment_id, status, provider_status, provider_payment_id, provider_reference, network_reference,
    failure_code, failure_message, amount, currency, completed_at, decided_at, run_id, held)
SELECT payment_id, outcome, raw_status, provider_payment_id, provider_reference, network_reference, failure_code, failure_message,
    provider_amount * ('1e-' || provider_exp)::numeric, provider_currency, completed_at, now(), run_id, result = 'exception'
FROM tieout.run_results WHERE run_id = $1 AND outcome IS NOT NULL
ON CONFLICT (payment_id) DO UPDATE SET
    status = excluded.status, provider_status = excluded.provider_status, provider_payment_id = excluded.provider_payment_id,
    provider_reference = excluded.provider_reference, network_reference = excluded.network_reference, failure_code = excluded.failure_code,
    failure_message = excluded.failure_message, amount = excluded.amount, currency = excluded.currency, completed_at = excluded.completed_at,
    decided_at = CASE WHEN old.status = excluded.status AND old.amount IS NOT DISTINCT FROM excluded.amount THEN old.decided_at ELSE excluded.decided_at END,
    run_id = excluded.run_id, held = excluded.held;

-- step: where nothing is known any more, nobody should act
UPDATE tieout.payment_outcomes o SET held = true
FROM tieout.run_results r WHERE r.run_id = $1 AND r.outcome IS NULL AND r.result = 'exception' AND o.payment_id = r.payment_id AND NOT o.held;
