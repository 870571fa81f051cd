-- Observations behind $1 that were made before $2, at most $3 of them by id, and
-- which of these nothing rests on. What stays, whatever its age:
--   each different answer, the first time and the last time that it was given;
--   the last thing that was heard of a payment, or of a provider's list;
--   everything about a payment with an open exception; callbacks.
-- So only repeats go, byte for byte, and failures (no answer, 429, 5xx).
WITH old AS (
    SELECT id, provider, kind, payment_id, method, digest, http_status
    FROM tieout.observations WHERE id > $1 AND asked_at < $2 ORDER BY id LIMIT $3
)
SELECT id,
    NOT EXISTS (SELECT FROM tieout.callbacks c WHERE c.observation_id = o.id)
    AND NOT EXISTS (SELECT FROM tieout.exceptions e WHERE e.payment_id = o.payment_id AND e.state = 'open')
    AND CASE WHEN o.payment_id IS NULL THEN
        EXISTS (SELECT FROM tieout.observations n WHERE n.payment_id IS NULL AND n.provider = o.provider AND n.kind = o.kind AND n.id > o.id)
        AND (failed OR EXISTS (SELECT FROM tieout.observations n WHERE n.payment_id IS NULL AND n.provider = o.provider AND n.kind = o.kind
                AND n.digest = o.digest AND n.method = o.method AND n.id < o.id)
            AND EXISTS (SELECT FROM tieout.observations n WHERE n.payment_id IS NULL AND n.provider = o.provider AND n.kind = o.kind
                AND n.digest = o.digest AND n.method = o.method AND n.id > o.id))
    ELSE
        EXISTS (SELECT FROM tieout.observations n WHERE n.payment_id = o.payment_id AND n.provider = o.provider AND n.kind = o.kind AND n.id > o.id)
        AND (failed OR EXISTS (SELECT FROM tieout.observations n WHERE n.payment_id = o.payment_id AND n.provider = o.provider AND n.kind = o.kind
                AND n.digest = o.digest AND n.method = o.method AND n.id < o.id)
            AND EXISTS (SELECT FROM tieout.observations n WHERE n.payment_id = o.payment_id AND n.provider = o.provider AND n.kind = o.kind
                AND n.digest = o.digest AND n.method = o.method AND n.id > o.id))
    END AS needless
FROM (SELECT *, http_status IS NULL OR http_status = 429 OR http_status >= 500 AS failed FROM old) o
ORDER BY id
