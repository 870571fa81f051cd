-- What the callbacks of a provider show in a run ($1 run, $2 provider, $3 grace).

-- step: counts
WITH used AS (
    -- from when on callbacks are used at all: since the first that came, or the
    -- first payment of the run of which one came
    SELECT min(least(c.received_at, CASE WHEN c.status IS NOT NULL THEN rp.created_at END)) AS since
    FROM tieout.callbacks c LEFT JOIN tieout.run_payments rp ON rp.run_id = $1 AND rp.payment_id = c.payment_id AND rp.in_range
    WHERE c.provider = $2 AND c.verdict IN ('verified', 'unverified')
), run AS (
    SELECT started_at FROM tieout.runs WHERE id = $1
), p AS (
    SELECT rp.payment_id, rp.kind, rp.provider_payment_id, rp.reference
    FROM tieout.run_payments rp, used, run
    WHERE rp.run_id = $1 AND rp.in_range AND rp.provider = $2 AND rp.created_at >= used.since AND rp.created_at < run.started_at - $3::interval
), done AS (
    SELECT p.payment_id FROM p JOIN tieout.transactions t ON t.provider = $2 AND t.kind = p.kind AND t.provider_payment_id = p.provider_payment_id
    WHERE t.status = 'completed' AND (NOT t.batched OR t.reference IN (p.reference, p.payment_id))
    UNION
    SELECT p.payment_id FROM p JOIN tieout.transactions t ON t.provider = $2 AND t.kind = p.kind AND t.own_id = p.payment_id WHERE t.status = 'completed'
    UNION
    SELECT p.payment_id FROM p JOIN tieout.transactions t ON t.provider = $2 AND t.kind = p.kind AND t.reference = p.reference
    WHERE t.status = 'completed' AND p.provider_payment_id IS NULL
)
SELECT (SELECT since IS NOT NULL FROM used) AS used,
       (SELECT count(*) FROM done) AS completed,
       (SELECT count(*) FROM done WHERE NOT EXISTS (
            SELECT 1 FROM tieout.callbacks c WHERE c.payment_id = done.payment_id AND c.provider = $2 AND c.verdict IN ('verified', 'unverified')
              AND c.status IS DISTINCT FROM 'pending' AND c.status IS DISTINCT FROM 'created')) AS never,
       (SELECT count(*) FROM tieout.callbacks c WHERE c.run_id = $1 AND c.provider = $2) AS read,
       (SELECT count(*) FROM tieout.callbacks c WHERE c.run_id = $1 AND c.provider = $2 AND c.verdict = 'verified') AS verified,
       (SELECT count(*) FROM tieout.callbacks c WHERE c.run_id = $1 AND c.provider = $2 AND c.verdict = 'unverified') AS unverified,
       (SELECT count(*) FROM tieout.callbacks c WHERE c.run_id = $1 AND c.provider = $2 AND c.verdict = 'rejected') AS rejected,
       (SELECT count(*) FROM tieout.callbacks c WHERE c.run_id = $1 AND c.provider = $2 AND c.verdict = 'unreadable') AS unreadable,
       (SELECT count(*) FROM tieout.callbacks c WHERE c.run_id = $1 AND c.provider = $2 AND c.used) AS taken;

-- step: contradictions
-- The last final word of each payment's verified callbacks against what the
-- provider answered after it. That a completed one is reversed later is no contradiction.
WITH said AS (
    SELECT DISTINCT ON (c.payment_id, c.provider_payment_id) c.*
    FROM tieout.callbacks c JOIN tieout.run_payments rp ON rp.run_id = $1 AND rp.payment_id = c.payment_id AND rp.in_range AND rp.provider = $2
    WHERE c.provider = $2 AND c.verdict = 'verified' AND c.status IN ('completed', 'failed', 'cancelled', 'expired', 'reversed', 'rejected')
    ORDER BY c.payment_id, c.provider_payment_id, c.received_at DESC, c.id DESC
)
SELECT s.payment_id, s.id AS callback_id, s.received_at, s.status AS said, s.amount AS said_amount, s.exp AS said_exp, coalesce(s.currency, '') AS said_currency,
       CASE WHEN t.id IS NULL THEN 'unknown' ELSE t.status END AS answered,
       t.amount AS answered_amount, t.exp AS answered_exp, coalesce(t.currency, '') AS answered_currency, coalesce(t.asked_at, a.asked_at) AS answered_at
FROM said s
LEFT JOIN tieout.transactions t ON t.provider = s.provider AND t.kind = s.kind AND t.source <> 'callback' AND t.asked_at > s.received_at
      AND (t.provider_payment_id = s.provider_payment_id AND (NOT t.batched OR t.reference = s.reference)
           OR NOT t.batched AND t.provider_payment_id = t.reference AND t.reference = s.reference)
LEFT JOIN tieout.answers a ON a.provider = s.provider AND a.payment_id = s.payment_id AND a.verdict = 'unknown' AND a.asked_at > s.received_at
WHERE $3::interval IS NOT NULL
  AND CASE WHEN t.id IS NULL THEN a.payment_id IS NOT NULL
           ELSE t.status <> s.status AND NOT (s.status = 'completed' AND t.status = 'reversed')
                OR s.amount IS NOT NULL AND (t.currency, t.exp, t.amount) IS DISTINCT FROM (s.currency, s.exp, s.amount) END
ORDER BY s.payment_id, s.id;
