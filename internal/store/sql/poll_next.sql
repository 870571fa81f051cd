-- The next payments to ask for ($1 run, $2 provider, $3 the last one before, $4
-- how many), with what a list of the run that is complete for their time tells
-- of them: it is read from here, so that a crash forgets nothing of it.
SELECT rp.payment_id, rp.kind, coalesce(rp.provider_payment_id, '') AS provider_payment_id, coalesce(rp.reference, '') AS reference,
       rp.amount, rp.exp, rp.currency, coalesce(rp.account, '') AS account, coalesce(rp.customer_id, '') AS customer_id, rp.created_at, rp.refund_ids,
       l.run_id IS NOT NULL AS list_complete, coalesce(s.listed, '[]') AS listed
FROM tieout.run_todo t
JOIN tieout.run_payments rp USING (run_id, payment_id)
LEFT JOIN tieout.run_lists l
  ON l.run_id = rp.run_id AND l.provider = rp.provider AND l.kind = rp.kind AND l.complete AND NOT l.completed_only
 AND rp.created_at >= l.from_time AND rp.created_at < l.to_time
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object('id', x.provider_payment_id, 'reference', coalesce(x.reference, ''), 'raw_status', x.raw_status) ORDER BY x.id) AS listed
    FROM (
        SELECT i.id, i.provider_payment_id, i.reference, i.raw_status FROM tieout.transactions i
        WHERE l.run_id IS NOT NULL AND i.provider = rp.provider AND i.kind = rp.kind AND i.provider_payment_id IN (rp.provider_payment_id, rp.payment_id)
        UNION
        -- a reference that more of them share leads nowhere
        (SELECT r.id, r.provider_payment_id, r.reference, r.raw_status FROM tieout.transactions r
         WHERE l.run_id IS NOT NULL AND r.provider = rp.provider AND r.kind = rp.kind AND r.reference = rp.reference LIMIT 20)
    ) x
) s ON true
WHERE t.run_id = $1 AND t.provider = $2 AND t.payment_id > $3
ORDER BY t.payment_id LIMIT $4
