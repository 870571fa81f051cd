-- The settlement lines of a run ($1), added up from its results. Each payment
-- adds to its own line; what the provider says it moved on exceptions adds to
-- the line of the provider's currency. With the item columns among those that
-- are grouped by, it is what each payment, or transaction without one, adds.
SELECT bdate AS business_date, /*item*/ provider, kind, currency, exp,
    count(*) FILTER (WHERE class = 'completed') AS count,
    coalesce(sum(moved) FILTER (WHERE class = 'completed'), 0) AS gross,
    coalesce(sum(refunded) FILTER (WHERE class = 'completed'), 0) AS refunded,
    coalesce(sum(fee) FILTER (WHERE class IN ('completed', 'reversed')), 0) AS fee,
    coalesce(sum(tax) FILTER (WHERE class IN ('completed', 'reversed')), 0) AS tax,
    coalesce(sum(moved) FILTER (WHERE class = 'completed'), 0)
        - coalesce(sum(refunded) FILTER (WHERE class = 'completed'), 0)
        + CASE kind WHEN 'payout' THEN 1 ELSE -1 END
          * (coalesce(sum(fee) FILTER (WHERE class IN ('completed', 'reversed')), 0) + coalesce(sum(tax) FILTER (WHERE class IN ('completed', 'reversed')), 0)) AS net,
    count(fee) FILTER (WHERE class = 'completed') AS fee_known_count,
    coalesce(bool_or(fee IS NOT NULL) FILTER (WHERE class IN ('completed', 'reversed')), false) AS fee_known,
    coalesce(bool_or(tax IS NOT NULL) FILTER (WHERE class IN ('completed', 'reversed')), false) AS tax_known,
    coalesce(sum(disputed), 0) AS disputed,
    count(*) FILTER (WHERE class = 'pending') AS pending_count,
    coalesce(sum(amount) FILTER (WHERE class = 'pending'), 0) AS pending_amount,
    count(*) FILTER (WHERE class = 'failed') AS failed_count,
    coalesce(sum(amount) FILTER (WHERE class = 'failed'), 0) AS failed_amount,
    count(*) FILTER (WHERE class = 'reversed') AS reversed_count,
    coalesce(sum(moved) FILTER (WHERE class = 'reversed'), 0) AS reversed_amount,
    count(*) FILTER (WHERE class = 'exception') AS exception_count,
    coalesce(sum(amount) FILTER (WHERE class = 'exception'), 0) AS exception_amount
FROM (
    SELECT rp.business_date AS bdate, rp.payment_id, 0::bigint AS transaction_id, rp.provider, rp.kind,
           -- what a person accepted in another currency is settled in that one
           CASE WHEN rr.result = 'matched' AND rr.outcome IN ('completed', 'reversed') THEN coalesce(rr.provider_currency, rp.currency) ELSE rp.currency END AS currency,
           CASE WHEN rr.result = 'matched' AND rr.outcome IN ('completed', 'reversed') THEN coalesce(rr.provider_exp, rp.exp) ELSE rp.exp END AS exp,
           rp.amount,
           CASE WHEN rr.result <> 'matched' THEN rr.result
                WHEN rr.outcome IN ('completed', 'reversed') THEN rr.outcome
                ELSE 'failed' END AS class,
           coalesce(rr.provider_amount, rp.amount) AS moved, rr.refunded, rr.fee, rr.tax, NULL::bigint AS disputed
    FROM tieout.run_payments rp JOIN tieout.run_results rr USING (run_id, payment_id)
    WHERE rp.run_id = $1
    UNION ALL
    -- what the provider says it completed on payments that are exceptions, also where its last answer could not be used
    SELECT rp.business_date, rp.payment_id, 0, rp.provider, rp.kind, t.currency, t.exp, NULL, 'disputed', NULL, NULL, NULL, NULL, coalesce(t.settled, t.amount)
    FROM tieout.run_results rr JOIN tieout.run_payments rp USING (run_id, payment_id) CROSS JOIN LATERAL unnest(rr.transaction_ids) AS l (id) JOIN tieout.transactions t USING (id)
    WHERE rr.run_id = $1 AND rr.result = 'exception' AND rr.outcome IS DISTINCT FROM 'unknown' AND t.status = 'completed'
      AND NOT (coalesce(t.refunded, 0) > 0 AND t.refunded >= coalesce(t.settled, t.amount))
    UNION ALL
    -- transactions that stand for themselves
    SELECT re.business_date, '', t.id, re.provider, re.payment_kind, t.currency, t.exp, re.provider_amount, 'exception', NULL, NULL, NULL, NULL,
           CASE WHEN t.status = 'completed' AND NOT (coalesce(t.refunded, 0) > 0 AND t.refunded >= coalesce(t.settled, t.amount)) THEN coalesce(t.settled, t.amount) END
    FROM tieout.run_exceptions re JOIN tieout.transactions t ON t.id = re.transaction_id
    WHERE re.run_id = $1 AND re.orphan
    UNION ALL
    -- candidates of an ambiguous match are counted with their payment; their money is the provider's all the same
    SELECT (t.created_at AT TIME ZONE $2)::date, '', t.id, t.provider, t.kind, t.currency, t.exp, NULL, 'disputed', NULL, NULL, NULL, NULL, coalesce(t.settled, t.amount)
    FROM tieout.run_transactions rt JOIN tieout.transactions t ON t.id = rt.transaction_id
    WHERE rt.run_id = $1 AND rt.role = 'candidate' AND t.status = 'completed'
      AND NOT (coalesce(t.refunded, 0) > 0 AND t.refunded >= coalesce(t.settled, t.amount))
) x
GROUP BY bdate, /*item*/ provider, kind, currency, exp
