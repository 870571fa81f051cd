-- The payments that callbacks say something new of ($1 run, $2 provider, $3 start of the run).

-- step: a callback that was answered since asks for nothing any more
UPDATE tieout.callbacks c SET poll_due = false
FROM tieout.runs r
WHERE r.id = $1 AND c.provider = $2 AND c.poll_due
  AND (c.received_at < $3::timestamptz - interval '30 days'
       OR EXISTS (SELECT 1 FROM tieout.answers a WHERE a.provider = c.provider AND a.payment_id = c.payment_id AND a.asked_at > c.received_at
                  AND a.verdict IN ('found', 'unknown', 'invalid', 'not_askable'))
       -- a full row of a list tells as much, but for what a refund changes
       OR c.status IS NOT NULL AND EXISTS (SELECT 1 FROM tieout.transactions t
                  WHERE t.provider = c.provider AND t.kind = c.kind AND t.provider_payment_id = c.provider_payment_id AND (NOT t.batched OR t.reference = c.reference)
                    AND t.source <> 'callback' AND NOT t.partial AND t.status NOT IN ('created', 'pending') AND t.asked_at > c.received_at));

-- step: what is left is asked for; of a batch that is only named as a whole each of its items
INSERT INTO tieout.run_todo (run_id, provider, payment_id)
SELECT rp.run_id, rp.provider, rp.payment_id
FROM tieout.callbacks c JOIN tieout.run_payments rp ON rp.payment_id = c.payment_id
LEFT JOIN tieout.answers a ON a.provider = rp.provider AND a.payment_id = rp.payment_id
WHERE rp.run_id = $1 AND rp.in_range AND rp.provider = $2 AND c.provider = $2 AND c.poll_due AND a.run_id IS DISTINCT FROM rp.run_id
  AND c.received_at <= $3::timestamptz + interval '1 day'
UNION
SELECT rp.run_id, rp.provider, rp.payment_id
FROM tieout.callbacks c JOIN tieout.run_payments rp ON rp.provider_payment_id = c.provider_payment_id AND (c.kind IS NULL OR rp.kind = c.kind)
LEFT JOIN tieout.answers a ON a.provider = rp.provider AND a.payment_id = rp.payment_id
WHERE rp.run_id = $1 AND rp.in_range AND rp.provider = $2 AND c.provider = $2 AND c.poll_due AND c.payment_id IS NULL
  AND a.run_id IS DISTINCT FROM rp.run_id AND (a.asked_at IS NULL OR a.asked_at <= c.received_at)
ON CONFLICT DO NOTHING;
