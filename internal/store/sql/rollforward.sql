-- How the pending total of a run ($1) moved since before its range.

-- step: begin
DELETE FROM tieout.run_pending WHERE run_id = $1;
DELETE FROM tieout.run_rollforward WHERE run_id = $1;

-- step: what it begins with
-- The newest report of the day before the range, or else of the last day before
-- it of which there is one; an outstanding run goes on with the one before it.
UPDATE tieout.runs u SET carried_from = (
    SELECT b.id FROM tieout.runs b
    WHERE b.status = 'published' AND b.id <> u.id AND b.outstanding = u.outstanding AND b.providers @> u.providers AND b.kinds @> u.kinds
      AND (u.outstanding AND b.selection = u.selection OR NOT u.outstanding AND b.from_date < u.from_date)
    ORDER BY CASE WHEN u.outstanding THEN NULL ELSE least(b.to_date, u.from_date - 1) END DESC, b.published_at DESC LIMIT 1)
WHERE u.id = $1;

-- step: tables
CREATE TEMP TABLE carried (payment_id text, business_date date, provider text, kind text, currency text, exp smallint, amount bigint, now text) ON COMMIT DROP;

-- step: what became of it
-- Of a payment outside the range the outcome that was published last tells.
INSERT INTO carried
SELECT p.payment_id, p.business_date, p.provider, p.kind, p.currency, p.exp, p.amount,
       CASE WHEN mine.payment_id IS NOT NULL THEN 'mine' WHEN o.held THEN 'set_aside'
            WHEN o.status IN ('completed', 'reversed') THEN 'completed'
            WHEN o.status IN ('failed', 'cancelled', 'expired', 'rejected') THEN 'failed' ELSE 'pending' END
FROM tieout.runs r JOIN tieout.run_pending p ON p.run_id = r.carried_from
LEFT JOIN tieout.run_payments mine ON mine.run_id = r.id AND mine.payment_id = p.payment_id AND mine.in_range
LEFT JOIN tieout.payment_outcomes o ON o.payment_id = p.payment_id
WHERE r.id = $1 AND (r.outstanding OR p.business_date < r.from_date) AND p.provider = ANY (r.providers) AND p.kind = ANY (r.kinds);

-- step: what it leaves
INSERT INTO tieout.run_pending
SELECT $1, payment_id, business_date, provider, kind, currency, exp, amount FROM carried WHERE now = 'pending'
UNION ALL
SELECT $1, rp.payment_id, rp.business_date, rp.provider, rp.kind, rp.currency, rp.exp, rp.amount
FROM tieout.run_payments rp JOIN tieout.run_results rr USING (run_id, payment_id) WHERE rp.run_id = $1 AND rr.result = 'pending';

-- step: how it moved
INSERT INTO tieout.run_rollforward
SELECT $1, provider, kind, currency, exp, sum(opening), sum(new), sum(completed), sum(failed), sum(set_aside) FROM (
    SELECT provider, kind, currency, exp, sum(amount) AS opening, coalesce(-sum(amount) FILTER (WHERE now = 'mine'), 0) AS new,
           coalesce(sum(amount) FILTER (WHERE now = 'completed'), 0) AS completed, coalesce(sum(amount) FILTER (WHERE now = 'failed'), 0) AS failed,
           coalesce(sum(amount) FILTER (WHERE now = 'set_aside'), 0) AS set_aside
    FROM carried GROUP BY 1, 2, 3, 4
    UNION ALL
    SELECT rp.provider, rp.kind, rp.currency, rp.exp, 0, sum(rp.amount),
           coalesce(sum(rp.amount) FILTER (WHERE rr.result = 'matched' AND rr.outcome IN ('completed', 'reversed')), 0),
           coalesce(sum(rp.amount) FILTER (WHERE rr.result = 'matched' AND coalesce(rr.outcome, '') NOT IN ('completed', 'reversed')), 0),
           coalesce(sum(rp.amount) FILTER (WHERE rr.result = 'exception'), 0)
    FROM tieout.run_payments rp JOIN tieout.run_results rr USING (run_id, payment_id) WHERE rp.run_id = $1 GROUP BY 1, 2, 3, 4) x
GROUP BY 2, 3, 4, 5;
