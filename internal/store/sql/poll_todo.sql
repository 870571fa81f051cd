-- The payments of a run that must be asked for, one by one ($1 run, $2 provider,
-- $3 start of the run, $4 recheck all, $5 recheck window, $6 obey the ladders,
-- $7 the provider's ids are ours, so that a reference leads nowhere by itself).
INSERT INTO tieout.run_todo (run_id, provider, payment_id)
WITH link AS (
    SELECT rp.payment_id, t.status, t.partial, t.revisable, t.asked_at
    FROM tieout.run_payments rp JOIN tieout.transactions t
      ON t.provider = rp.provider AND t.kind = rp.kind AND t.provider_payment_id = rp.provider_payment_id
     AND (NOT t.batched OR t.reference IN (rp.reference, rp.payment_id))
    WHERE rp.run_id = $1 AND rp.in_range AND rp.provider = $2
    UNION ALL
    SELECT rp.payment_id, t.status, t.partial, t.revisable, t.asked_at
    FROM tieout.run_payments rp JOIN tieout.transactions t
      ON t.provider = rp.provider AND t.kind = rp.kind AND t.own_id = rp.payment_id
    WHERE rp.run_id = $1 AND rp.in_range AND rp.provider = $2
    UNION ALL
    SELECT rp.payment_id, t.status, t.partial, t.revisable, t.asked_at
    FROM tieout.run_payments rp JOIN tieout.transactions t
      ON t.provider = rp.provider AND t.kind = rp.kind AND t.reference = rp.reference
    WHERE rp.run_id = $1 AND rp.in_range AND rp.provider = $2 AND rp.provider_payment_id IS NULL AND NOT $7
      -- what another payment's id claims says nothing about this one
      AND NOT EXISTS (SELECT 1 FROM tieout.run_payments o
          WHERE o.run_id = $1 AND o.provider = $2 AND o.kind = rp.kind AND o.payment_id <> rp.payment_id
            AND (o.provider_payment_id = t.provider_payment_id AND NOT t.batched OR o.payment_id = t.own_id))
), known AS (
    SELECT payment_id,
           bool_or(status NOT IN ('created', 'pending') AND NOT partial) AS final,
           bool_or(status IN ('created', 'pending') OR partial) AS unsettled,
           bool_or(status = 'completed' OR revisable) AS may_change,
           max(asked_at) AS asked_at
    FROM link GROUP BY payment_id
)
SELECT rp.run_id, rp.provider, rp.payment_id
FROM tieout.run_payments rp
LEFT JOIN known k USING (payment_id)
LEFT JOIN tieout.answers a ON a.provider = rp.provider AND a.payment_id = rp.payment_id
WHERE rp.run_id = $1 AND rp.in_range AND rp.provider = $2
  -- this run has its answer: it goes on after a crash where it stopped
  AND a.run_id IS DISTINCT FROM rp.run_id
  AND (
      $4
      OR NOT coalesce(k.final, false) OR k.unsettled
      OR a.verdict IN ('invalid', 'no_answer', 'refused') AND a.asked_at > k.asked_at
      -- final ones: what can still turn, once a day, while it is young
      OR (k.may_change AND rp.created_at > $3::timestamptz - $5::interval AND k.asked_at < $3::timestamptz - interval '20 hours')
  )
  AND (
      NOT $6 OR a.asked_at IS NULL
      OR a.asked_at <= $3::timestamptz - (
          SELECT coalesce(min(l.every), interval '0')
          FROM ladder l
          WHERE l.verdict = CASE WHEN a.verdict = 'unknown' THEN 'unknown' ELSE 'pending' END
            AND $3::timestamptz - rp.created_at >= l.since_age AND $3::timestamptz - rp.created_at < l.until_age
      )
  )
ON CONFLICT DO NOTHING;
