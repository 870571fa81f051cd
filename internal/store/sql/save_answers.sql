-- Saves the last answer about each payment. That a payment can't be asked for
-- says nothing against a row of the run's list that names it and can't be read:
-- that finding stays.

-- Who changes the columns changes the name too: behind a pooler the table
-- outlives the program.
-- step: staged_answers
CREATE TEMP TABLE IF NOT EXISTS staged_answers (
    provider text, payment_id text, verdict text, reason text, raw_status text, asked_at timestamptz, run_id text
) ON COMMIT DELETE ROWS;
DELETE FROM staged_answers;

-- step: merge
INSERT INTO tieout.answers AS old (provider, payment_id, verdict, reason, raw_status, since, asked_at, run_id)
SELECT a.provider, a.payment_id, coalesce(finding.verdict, a.verdict), coalesce(finding.reason, a.reason), a.raw_status, a.asked_at, a.asked_at, a.run_id
FROM staged_answers a
LEFT JOIN LATERAL (
    SELECT o.verdict, o.reason FROM tieout.answers o
    WHERE a.verdict = 'not_askable' AND o.provider = a.provider AND o.payment_id = a.payment_id AND o.verdict = 'invalid'
      AND o.asked_at >= (SELECT r.started_at FROM tieout.runs r WHERE r.id = a.run_id)
    LIMIT 1
) finding ON true
ON CONFLICT (provider, payment_id) DO UPDATE SET verdict = excluded.verdict, reason = excluded.reason, raw_status = excluded.raw_status,
    since = CASE WHEN old.verdict = excluded.verdict THEN old.since ELSE excluded.asked_at END,
    asked_at = excluded.asked_at, run_id = excluded.run_id
