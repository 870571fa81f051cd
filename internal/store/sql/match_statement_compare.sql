-- Statements in the match step, second part: the three-way comparison. It runs
-- when results and exceptions stand, and adds the rows of x that statements
-- give: one a payment (pid), or one of its own, whose key in st_own is x.fact.

-- step: what the statements show of each payment, in each currency
INSERT INTO st_pay
SELECT pid, cur, exp,
       coalesce(abs(sum(minor) FILTER (WHERE status = 'completed')), 0),
       -- money that left for a payout under way does not contradict its answer
       CASE WHEN bool_and(reserved) AND r.outcome = 'pending' THEN 'pending'
            WHEN sum(minor) FILTER (WHERE status = 'completed') <> 0 THEN 'completed'
            -- booked, and booked back
            WHEN bool_or(status IN ('completed', 'reversed')) THEN 'reversed'
            WHEN bool_or(status IN ('created', 'pending')) THEN 'pending'
            ELSE min(status) END, false
FROM (SELECT l.pid, st.cur, max(st.exp) OVER same AS exp, st.status, (st.minor * 10::numeric ^ (max(st.exp) OVER same - st.exp))::bigint AS minor, st.reserved
      FROM st JOIN st_link l USING (rid)
      WHERE st.entry = 'payment' AND l.pid IS NOT NULL
      WINDOW same AS (PARTITION BY l.pid, st.cur)) y
LEFT JOIN (SELECT pid, outcome FROM r) r USING (pid)
GROUP BY pid, cur, exp, r.outcome;
-- of a transaction that paid several payments as one each has its share; the first has what is left
CREATE TEMP TABLE st_share ON COMMIT DROP AS
SELECT b.pid, f.pid AS first, s.cur, s.exp, b.share, s.status
FROM batch b JOIN batch f ON f.id = b.id AND f.first JOIN st_pay s ON s.pid = f.pid JOIN m ON m.pid = b.pid AND m.cur = s.cur AND m.exp = s.exp
WHERE NOT b.first AND s.status = 'completed';
INSERT INTO st_pay SELECT pid, cur, exp, share, status, false FROM st_share;
UPDATE st_pay SET minor = minor - o.share
FROM (SELECT first, cur, sum(share)::bigint AS share FROM st_share GROUP BY 1, 2) o WHERE o.first = st_pay.pid AND o.cur = st_pay.cur;
-- what moved in a currency that the status answer does not name is what differs
UPDATE st_pay SET chosen = true
FROM (SELECT DISTINCT ON (s.pid) s.pid, s.cur FROM st_pay s LEFT JOIN m USING (pid)
      ORDER BY s.pid, s.minor <> 0 DESC, s.cur IS DISTINCT FROM m.cur DESC, s.cur) y
WHERE y.pid = st_pay.pid AND y.cur = st_pay.cur;
ANALYZE st_pay;

-- step: what the status answers count as moved, as the lines add it up
INSERT INTO st_ours
SELECT rr.payment_id, p.provider, p.kind,
       coalesce(rr.provider_currency, p.cur), coalesce(rr.provider_exp, p.exp),
       p.bdate, coalesce(rr.provider_amount, p.minor), p.created, m.completed
FROM tieout.run_results rr JOIN par ON par.run_id = rr.run_id JOIN p ON p.pid = rr.payment_id LEFT JOIN m ON m.pid = p.pid
WHERE rr.outcome = 'completed' AND (rr.result = 'matched' OR rr.result = 'exception' AND rr.provider_amount IS NOT NULL)
UNION ALL
SELECT NULL, t.provider, t.kind, t.cur, t.exp, (t.created AT TIME ZONE st_par.zone)::date, t.moved, t.created, o.completed_at
FROM t JOIN tieout.transactions o USING (id), st_par
WHERE t.is_done AND (EXISTS (SELECT 1 FROM x WHERE x.id = t.id)
    OR EXISTS (SELECT 1 FROM tieout.run_transactions rt JOIN par USING (run_id) WHERE rt.transaction_id = t.id AND rt.role = 'candidate'));
-- what was seen open before may have completed as late as it was seen so
UPDATE st_ours SET completed = late.seen
FROM (SELECT z.pid, max(o.completed_seen_at) AS seen
      FROM (SELECT m.pid, unnest(m.ids) AS id FROM m JOIN st_ours USING (pid)
            WHERE st_ours.completed IS NULL AND NOT EXISTS (SELECT 1 FROM st_pay s WHERE s.pid = m.pid)) z
      JOIN tieout.transactions o USING (id)
      WHERE o.first_observed_at < o.completed_seen_at
      GROUP BY z.pid) late
WHERE late.pid = st_ours.pid;
-- an hour more where only the creation is known: the movement may be booked later
UPDATE st_ours SET covered =
    EXISTS (SELECT 1 FROM tieout.statement_coverage c WHERE c.provider = st_ours.provider AND c.kind IN ('', st_ours.kind) AND c.currency = st_ours.cur
            AND st_ours.created >= c.from_time AND st_ours.created < c.to_time - CASE WHEN st_ours.completed IS NULL THEN interval '1 hour' ELSE interval '0' END)
    AND (completed IS NULL OR
    EXISTS (SELECT 1 FROM tieout.statement_coverage c WHERE c.provider = st_ours.provider AND c.kind IN ('', st_ours.kind) AND c.currency = st_ours.cur
            AND st_ours.completed >= c.from_time AND st_ours.completed < c.to_time));
-- what is shown is covered, unless it is shown as open: then the rest is still to come
UPDATE st_ours SET covered = s.status <> 'pending' FROM st_pay s WHERE s.pid = st_ours.pid AND s.chosen AND s.status IN ('completed', 'pending');
ANALYZE st_ours;

-- step: what statements show as given back, beyond what is known of it; what they lack may be booked later
INSERT INTO st_refund
SELECT m.pid, m.cur, m.exp, m.moved, coalesce(m.refunded, p.refunded), max(y.shown)
FROM (SELECT l.pid, st.cur, st.exp, abs(sum(st.minor)) AS shown
      FROM st JOIN st_link l USING (rid)
      WHERE st.entry = 'refund' AND st.status = 'completed' AND l.pid IS NOT NULL
      GROUP BY l.pid, st.cur, st.exp, st.api) y -- a file and the API show the same ones
JOIN m ON m.pid = y.pid AND m.cur = y.cur AND m.exp = y.exp JOIN p ON p.pid = m.pid JOIN r ON r.pid = m.pid
WHERE r.state = 'found' AND r.outcome = 'completed' AND NOT EXISTS (SELECT 1 FROM batch b WHERE b.pid = m.pid)
GROUP BY m.pid, m.cur, m.exp, m.moved, coalesce(m.refunded, p.refunded)
HAVING max(y.shown) > coalesce(m.refunded, p.refunded);

-- step: payments of which statement and status answer differ
INSERT INTO x
SELECT 'settlement_mismatch', pid, NULL, fact
FROM (
    SELECT r.pid,
        coalesce(CASE
            WHEN s.pid IS NULL THEN
                CASE WHEN r.state = 'found' AND r.outcome = 'completed' AND o.covered THEN 'missing' END
            WHEN r.state = 'unknown' THEN
                CASE WHEN s.status = 'completed' THEN 'status' END
            WHEN r.outcome IN ('completed', 'reversed') AND s.status = 'completed' THEN
                CASE WHEN s.cur <> m.cur THEN 'currency'
                     WHEN s.minor * 10::numeric ^ m.exp <> m.moved * 10::numeric ^ s.exp THEN 'amount' END
            WHEN s.status = 'completed' THEN 'status'
            WHEN r.outcome = 'completed' AND s.status <> 'pending' THEN 'status'
        END, CASE WHEN f.pid IS NOT NULL THEN 'refund' END) AS fact
    FROM r LEFT JOIN m USING (pid) LEFT JOIN st_pay s ON s.pid = r.pid AND s.chosen LEFT JOIN st_ours o ON o.pid = r.pid LEFT JOIN st_refund f ON f.pid = r.pid
    WHERE r.state IN ('found', 'unknown')
) y
WHERE fact IS NOT NULL;

-- step: rows that nothing of ours explains, after the whole of both sides was looked at
CREATE TEMP TABLE st_nobody ON COMMIT DROP AS
SELECT st.rid, /*key*/ AS key
FROM st
WHERE st.entry = 'payment' AND st.status = 'completed'
  AND NOT EXISTS (SELECT 1 FROM st_link l WHERE l.rid = st.rid)
  AND NOT EXISTS (SELECT 1 FROM tieout.transactions o WHERE o.provider = st.provider AND o.kind = st.kind AND o.provider_payment_id = st.sid)
  AND NOT EXISTS (SELECT 1 FROM tieout.transactions o WHERE o.provider = st.provider AND o.kind = st.kind AND o.own_id = st.sid)
  AND NOT EXISTS (SELECT 1 FROM tieout.transactions o WHERE o.provider = st.provider AND o.kind = st.kind AND o.list_key = st.sid)
  AND NOT EXISTS (SELECT 1 FROM tieout.transactions o WHERE o.provider = st.provider AND o.kind = st.kind AND o.reference = st.ref)
  AND NOT EXISTS (SELECT 1 FROM tieout.transactions o WHERE o.provider = st.provider AND o.kind = st.kind AND o.own_id = st.ref)
  AND NOT EXISTS (SELECT 1 FROM tieout.payments o WHERE o.id = st.sid)
  AND NOT EXISTS (SELECT 1 FROM tieout.payments o WHERE o.id = st.ref)
  AND NOT EXISTS (SELECT 1 FROM tieout.payments o WHERE o.provider = st.provider AND o.kind = st.kind AND o.provider_payment_id = st.sid)
  AND NOT EXISTS (SELECT 1 FROM tieout.payments o WHERE o.provider = st.provider AND o.kind = st.kind AND o.reference = st.ref);
INSERT INTO st_own
SELECT n.key, 'missing_internally', min(st.provider), min(st.kind), min((st.created AT TIME ZONE st_par.zone)::date), min(st.created),
       min(st.cur), min(st.exp), NULL, abs(sum(st.minor)), min(st.sid), min(st.ref), min(st.account), 'completed'
FROM st_nobody n JOIN st USING (rid), st_par, par
-- what is booked on several days is one movement, of the first of them
GROUP BY n.key, par.from_time, par.to_time HAVING sum(st.minor) <> 0 AND min(st.created) >= par.from_time AND min(st.created) < par.to_time;

-- step: the totals of each day
CREATE TEMP TABLE st_day ON COMMIT DROP AS
SELECT bdate, provider, kind, cur, exp, sum(ours)::bigint AS ours, sum(shown)::bigint AS shown,
       sum(CASE WHEN told THEN shown - ours ELSE 0 END)::bigint AS explained, bool_and(covered) AS whole, bool_or(shown <> 0 OR covered) AS has
FROM (
    SELECT bdate, provider, kind, cur, exp, minor AS ours, 0 AS shown, covered,
           EXISTS (SELECT 1 FROM x WHERE x.pid = st_ours.pid AND x.id IS NULL AND x.kind NOT IN ('fee_mismatch', 'saved_method_missing')) AS told
    FROM st_ours
    UNION ALL
    -- what went back in full is counted on neither side
    SELECT p.bdate, p.provider, p.kind, s.cur, s.exp, 0, s.minor, true,
           EXISTS (SELECT 1 FROM x WHERE x.pid = s.pid AND x.id IS NULL AND x.kind NOT IN ('fee_mismatch', 'saved_method_missing'))
    FROM st_pay s JOIN p USING (pid) JOIN r USING (pid)
    WHERE s.status = 'completed' AND r.outcome IS DISTINCT FROM 'reversed'
    UNION ALL
    SELECT (t.created AT TIME ZONE st_par.zone)::date, t.provider, t.kind, st.cur, st.exp, 0, abs(sum(st.minor)), true, false
    FROM st JOIN st_link l USING (rid) JOIN t ON t.id = l.id, st_par
    WHERE st.entry = 'payment' AND st.status = 'completed' AND l.pid IS NULL AND t.in_range AND (t.is_done OR t.status NOT IN ('completed', 'reversed'))
      AND NOT (st.reserved AND t.status IN ('created', 'pending'))
    GROUP BY t.id, t.created, st_par.zone, t.provider, t.kind, st.cur, st.exp
    UNION ALL
    SELECT bdate, provider, payment_kind, cur, exp, 0, shown, true, true FROM st_own
    UNION ALL
    -- a row of one of several payments, nobody knows which
    SELECT (st.created AT TIME ZONE st_par.zone)::date, st.provider, st.kind, st.cur, st.exp, 0, abs(st.minor), true, false
    FROM st JOIN st_link l USING (rid), st_par, par
    WHERE st.entry = 'payment' AND st.status = 'completed' AND l.id IS NULL AND l.pid IS NULL AND st.created >= par.from_time AND st.created < par.to_time
) y
GROUP BY bdate, provider, kind, cur, exp;
INSERT INTO tieout.run_statements
SELECT par.run_id, bdate, provider, kind, cur, exp, ours, shown, explained,
       -- a file of which rows were set aside covers nothing, and what it shows proves no total
       whole AND EXISTS (SELECT 1 FROM tieout.statement_coverage c WHERE c.provider = st_day.provider AND c.kind IN ('', st_day.kind) AND c.currency = st_day.cur
             AND c.from_time < ((bdate + 1)::timestamp AT TIME ZONE st_par.zone) AND c.to_time > (bdate::timestamp AT TIME ZONE st_par.zone))
FROM st_day, st_par, par
WHERE has;

-- step: the rest that no single row explains
INSERT INTO st_own
SELECT 'total|' || rs.provider || '|' || rs.kind || '|' || rs.business_date || '|' || rs.currency || '|' || rs.exp, 'settlement_mismatch',
       rs.provider, rs.kind, rs.business_date, rs.business_date::timestamp AT TIME ZONE st_par.zone,
       rs.currency, rs.exp, rs.ours + rs.explained, rs.statement, NULL, NULL, NULL, NULL
FROM tieout.run_statements rs JOIN par USING (run_id), st_par
WHERE rs.whole AND rs.statement - rs.ours - rs.explained <> 0;
INSERT INTO x SELECT kind, NULL, NULL, key FROM st_own;
