-- The match step: set-based, one transaction, over temporary tables. par holds
-- the run and its rules; the times that bound its range are written into the
-- text, so that the planner knows how much that is. docs/matching.md tells the
-- ladder in words.

-- step: pairs of a payment and a transaction, and what has no other side
CREATE TEMP TABLE pair (
    pid text, id bigint, pass smallint, good boolean, by_id boolean,
    -- the names by which others may know either, hashed; those of the transaction only where they are not the payment's
    our_id bigint, our_ref bigint, our_tid bigint, tid bigint, own bigint, ref bigint,
    amount bigint, exp smallint, currency text
) ON COMMIT DROP;

-- step: transactions of other times that a payment's id or reference leads to
CREATE TEMP TABLE far (id bigint) ON COMMIT DROP;
INSERT INTO far
WITH p AS NOT MATERIALIZED (
    SELECT provider, kind, reference AS ref, pg_temp.id_key(payment_id) AS own, pg_temp.id_key(provider_payment_id) AS ppid
    FROM tieout.run_payments WHERE run_id = (SELECT run_id FROM par)
), other AS NOT MATERIALIZED (
    SELECT id, provider, kind, provider_payment_id, own_id, reference FROM tieout.transactions WHERE created_at < /*from*/ OR created_at >= /*to*/
)
SELECT other.id FROM p JOIN other ON other.provider = p.provider AND other.kind = p.kind AND other.provider_payment_id = p.ppid
UNION
SELECT other.id FROM p JOIN other ON other.provider = p.provider AND other.kind = p.kind AND other.provider_payment_id = upper(p.ppid) WHERE length(p.ppid) = 36
UNION
SELECT other.id FROM p JOIN other ON other.provider = p.provider AND other.kind = p.kind AND other.own_id = p.own
UNION
SELECT other.id FROM p JOIN other ON other.provider = p.provider AND other.kind = p.kind AND other.own_id = upper(p.own) WHERE length(p.own) = 36
UNION
SELECT other.id FROM p JOIN other ON other.provider = p.provider AND other.kind = p.kind AND other.reference = p.ref;

-- step: transactions of other times whose reference means the same
INSERT INTO far
SELECT t.id FROM tieout.transactions t, par, tieout.run_payments p
WHERE t.provider = ANY (par.respelled) AND (t.created_at < /*from*/ OR t.created_at >= /*to*/)
  AND p.run_id = par.run_id AND p.provider = t.provider AND p.kind = t.kind
  AND pg_temp.reference_key(p.provider, p.reference) = pg_temp.reference_key(t.provider, t.reference)
  AND t.reference <> p.reference
  AND NOT EXISTS (SELECT 1 FROM far WHERE far.id = t.id)
GROUP BY t.id;

-- step: transactions of other times that share a metadata value with a payment
INSERT INTO far
SELECT DISTINCT id FROM (
    SELECT t.id, t.provider, t.kind, k.key, t.metadata ->> k.key AS value
    FROM tieout.transactions t CROSS JOIN unnest(/*linking_keys*/) AS k (key)
    WHERE t.created_at >= /*window_from*/ AND t.created_at < /*from*/ OR t.created_at >= /*to*/ AND t.created_at < /*window_to*/
    OFFSET 0 -- pulled apart, each is compared with all payments of its provider, and so are they below
) beside
WHERE (provider, kind, key, value) IN (
    SELECT provider, kind, key, value FROM (
        SELECT p.provider, p.kind, k.key, p.metadata ->> k.key AS value
        FROM tieout.run_payments p CROSS JOIN unnest(/*linking_keys*/) AS k (key) WHERE p.run_id = (SELECT run_id FROM par)
        OFFSET 0
    ) ours WHERE value <> ''
  ) AND NOT EXISTS (SELECT 1 FROM far WHERE far.id = beside.id);

-- step: transactions of other times that a statement's row may name, whichever day it was booked
INSERT INTO far
SELECT t.id FROM tieout.transactions t, par
WHERE t.provider = ANY (par.stated)
  AND (t.created_at >= /*from*/ - par.date_window AND t.created_at < /*from*/ OR t.created_at >= /*to*/ AND t.created_at < /*to*/ + par.date_window)
  AND NOT EXISTS (SELECT 1 FROM far WHERE far.id = t.id);

-- step: pairs
-- both sides are joined here by the provider's id and what is left by the reference; see match_pairs.sql

-- step: what the rest goes by
-- A good pair that shares any name with it may be one of several, and is left for the rules below.
CREATE TEMP TABLE rest_name (name bigint) ON COMMIT DROP;
INSERT INTO rest_name
SELECT n.name FROM pair CROSS JOIN LATERAL (VALUES (our_id), (our_ref), (our_tid), (tid), (own), (ref)) AS n (name)
-- what the first pass left alone is in the second again
WHERE NOT good AND (pass = 2 OR pid IS NOT NULL AND id IS NOT NULL) AND n.name IS NOT NULL
UNION
SELECT pg_temp.name_hash(t.provider, t.kind, n.name) FROM far JOIN tieout.transactions t USING (id)
CROSS JOIN LATERAL (VALUES (pg_temp.id_key(t.own_id)), (pg_temp.id_key(t.provider_payment_id)), (pg_temp.reference_key(t.provider, t.reference))) AS n (name)
WHERE n.name <> ''
UNION
-- payments that repeat each other's reference, amount and currency, and those with several transactions
SELECT our_ref FROM pair WHERE good AND our_ref IS NOT NULL GROUP BY our_ref, amount, exp, currency HAVING count(*) > 1
UNION
-- a reference that leads to its transaction, and that another holds whom its id may not settle
SELECT our_ref FROM pair WHERE good AND our_ref IN (SELECT our_ref FROM pair WHERE good AND pass = 2) GROUP BY our_ref HAVING count(*) > 1
UNION
-- a transaction that several payments name
SELECT tid FROM pair WHERE good GROUP BY tid HAVING count(*) > 1
UNION
-- pairs of which one's transaction names the other's payment
SELECT n.name FROM pair y JOIN pair o ON o.our_id = y.own CROSS JOIN LATERAL (VALUES (y.our_id), (y.own)) AS n (name) WHERE y.good AND o.good;
ANALYZE rest_name;

-- step: plain pairs: nobody else has to do with them, so they have their result here
CREATE TEMP TABLE judged (pid text, id bigint, by_id boolean, plain boolean) ON COMMIT DROP;
INSERT INTO judged
SELECT pid, id, by_id, good AND num_nulls(a.name, b.name, c.name, d.name, e.name, f.name) = 6
FROM pair
LEFT JOIN rest_name a ON a.name = our_id
LEFT JOIN rest_name b ON b.name = our_ref
LEFT JOIN rest_name c ON c.name = our_tid
LEFT JOIN rest_name d ON d.name = tid
LEFT JOIN rest_name e ON e.name = own
LEFT JOIN rest_name f ON f.name = ref
WHERE good OR pass = 2 OR pid IS NOT NULL AND id IS NOT NULL;
ANALYZE judged (plain, pid, id);
DELETE FROM tieout.run_results WHERE run_id = (SELECT run_id FROM par);
INSERT INTO tieout.run_results
SELECT par.run_id, judged.pid, 'matched', x.status, CASE WHEN judged.by_id THEN 'provider_id' ELSE 'reference' END, ARRAY[x.id],
       x.provider_payment_id, x.reference, nullif(x.network_reference, ''), x.status, x.raw_status, x.amount, x.currency, x.exp,
       x.refunded, x.fee, x.tax, x.failure_code, x.failure_message, CASE WHEN x.status = 'completed' THEN x.completed_at END, x.observed_at
FROM judged JOIN tieout.transactions x USING (id), par WHERE judged.plain;

-- step: the other payments of the run, and those outside its range that may own one of its transactions
CREATE TEMP TABLE p (
    pid text, own text, in_range boolean, provider text, kind text, ppid text, ref text,
    rkey text,            -- what is compared of ref
    minor bigint, exp smallint, cur text, status text, account text, created timestamptz,
    bdate date, refunded bigint, metadata jsonb
) ON COMMIT DROP;
INSERT INTO p
SELECT payment_id,
       pg_temp.id_key(payment_id),
       in_range, provider, kind,
       pg_temp.id_key(provider_payment_id),
       reference, pg_temp.reference_key(provider, reference), amount, exp, currency, status, account, created_at, business_date, refunded, metadata
FROM tieout.run_payments WHERE run_id = (SELECT run_id FROM par) AND payment_id IN (SELECT pid FROM judged WHERE NOT plain);
ANALYZE p;

-- step: the other transactions
CREATE TEMP TABLE t (
    id bigint, provider text, kind text, key text, ppid text, batched boolean, own text, ref text, rkey text, cur text, exp smallint,
    amount bigint, moved bigint, refunded bigint, fee bigint, tax bigint, status text,
    is_open boolean,      -- may still move money
    is_done boolean,      -- moved money that has not come back in full
    in_range boolean, created timestamptz, metadata jsonb
) ON COMMIT DROP;
INSERT INTO t
SELECT t.id, t.provider, t.kind, t.key,
       pg_temp.id_key(t.provider_payment_id),
       t.batched, pg_temp.id_key(t.own_id), t.reference, pg_temp.reference_key(t.provider, t.reference), t.currency, t.exp, t.amount, coalesce(t.settled, t.amount), t.refunded, t.fee, t.tax, t.status,
       t.status IN ('created', 'pending'),
       t.status = 'completed' AND NOT (coalesce(t.refunded, 0) > 0 AND t.refunded >= coalesce(t.settled, t.amount)),
       t.created_at >= par.from_time AND t.created_at < par.to_time
           AND t.provider = ANY (par.providers) AND t.kind = ANY (par.kinds),
       t.created_at, t.metadata
FROM (SELECT id FROM judged WHERE NOT plain AND id IS NOT NULL UNION SELECT id FROM far) i JOIN tieout.transactions t USING (id), par;
ANALYZE t;

-- step: rung 1, the provider's id or the echo of ours
CREATE TEMP TABLE e1 (pid text, id bigint) ON COMMIT DROP;
INSERT INTO e1
SELECT p.pid, t.id FROM p JOIN t ON t.provider = p.provider AND t.kind = p.kind AND t.ppid = p.ppid
WHERE NOT t.batched OR t.rkey = p.rkey OR t.ref = p.pid
UNION
SELECT p.pid, t.id FROM p JOIN t ON t.provider = p.provider AND t.kind = p.kind AND t.own = p.own;
ANALYZE e1;

-- step: ids that several payments hold
CREATE TEMP TABLE amb (pid text, why text) ON COMMIT DROP;
CREATE TEMP TABLE cand (id bigint) ON COMMIT DROP;   -- candidates of an ambiguous match
CREATE TEMP TABLE e1_shared (id bigint) ON COMMIT DROP;
INSERT INTO e1_shared SELECT id FROM e1 GROUP BY id HAVING count(*) > 1;
INSERT INTO amb SELECT DISTINCT e1.pid, 'id' FROM e1 JOIN e1_shared USING (id);
INSERT INTO cand SELECT DISTINCT e1.id FROM e1 JOIN amb USING (pid);

-- step: rung 2, the echo of the merchant reference, among what no id claims
CREATE TEMP TABLE f (provider text, kind text, rkey text, id bigint) ON COMMIT DROP;   -- free transactions with a reference
INSERT INTO f
SELECT provider, kind, rkey, id FROM t WHERE ref <> '' AND NOT EXISTS (SELECT 1 FROM e1 WHERE e1.id = t.id);
ANALYZE f;
CREATE TEMP TABLE q (provider text, kind text, rkey text, pid text, settled boolean, ambiguous boolean) ON COMMIT DROP;   -- payments that carry one of these
INSERT INTO q
SELECT p.provider, p.kind, p.rkey, p.pid, s.pid IS NOT NULL AND a.pid IS NULL, a.pid IS NOT NULL
FROM (SELECT DISTINCT provider, kind, rkey FROM f) d JOIN p USING (provider, kind, rkey)
LEFT JOIN (SELECT DISTINCT pid FROM e1) s ON s.pid = p.pid
LEFT JOIN (SELECT DISTINCT pid FROM amb) a ON a.pid = p.pid;
ANALYZE q;
CREATE TEMP TABLE refs (provider text, kind text, rkey text, payments_left bigint, payments_settled bigint, ambiguous boolean) ON COMMIT DROP;
INSERT INTO refs
SELECT provider, kind, rkey, count(*) FILTER (WHERE NOT settled), count(*) FILTER (WHERE settled), bool_or(ambiguous)
FROM q GROUP BY 1, 2, 3;
ANALYZE refs;

CREATE TEMP TABLE c (pid text, id bigint, rung smallint) ON COMMIT DROP;
INSERT INTO c SELECT pid, id, 1 FROM e1 WHERE NOT EXISTS (SELECT 1 FROM amb WHERE amb.pid = e1.pid);
INSERT INTO c
SELECT q.pid, f.id, 2
FROM refs r JOIN q USING (provider, kind, rkey) JOIN f USING (provider, kind, rkey)
WHERE NOT q.ambiguous
  AND (r.payments_left = 1 AND NOT q.settled OR r.payments_left = 0 AND r.payments_settled = 1);
INSERT INTO amb
SELECT q.pid, 'reference' FROM refs r JOIN q USING (provider, kind, rkey) WHERE r.payments_left > 1 AND NOT q.settled;
INSERT INTO cand
SELECT f.id FROM refs r JOIN f USING (provider, kind, rkey)
-- an id that several hold settles nothing: what carries the reference of one of them is a candidate too
WHERE r.payments_left > 1 OR r.ambiguous;
ANALYZE c;
ANALYZE amb;
ANALYZE cand;

-- step: metadata
-- rung 3 runs here, once for each key; see match_metadata.sql

-- step: groups of several transactions on one payment
CREATE TEMP TABLE several (pid text) ON COMMIT DROP;
INSERT INTO several SELECT pid FROM c GROUP BY pid HAVING count(*) > 1;
ANALYZE several;
CREATE TEMP TABLE g (pid text, n bigint, done bigint, form text) ON COMMIT DROP;
INSERT INTO g
SELECT c.pid, count(*), count(*) FILTER (WHERE t.is_done),
       CASE WHEN count(*) FILTER (WHERE t.is_done) <= 1 THEN 'attempts'
            WHEN bool_and(t.cur = p.cur AND t.exp = p.exp AND t.moved = p.minor) FILTER (WHERE t.is_done) THEN 'repeated'
            WHEN bool_and(t.cur = p.cur AND t.exp = p.exp) FILTER (WHERE t.is_done)
                 AND sum(t.moved) FILTER (WHERE t.is_done) = max(p.minor) THEN 'split'
            ELSE 'ambiguous' END
FROM several JOIN c USING (pid) JOIN t USING (id) JOIN p USING (pid)
GROUP BY c.pid;
INSERT INTO amb SELECT pid, 'amounts' FROM g WHERE form = 'ambiguous';
INSERT INTO cand SELECT c.id FROM c JOIN g USING (pid) WHERE g.form = 'ambiguous';
DELETE FROM c USING g WHERE g.pid = c.pid AND g.form = 'ambiguous';

-- step: which transaction is the match, and what the others are
CREATE TEMP TABLE u (pid text, id bigint, rung smallint, use text) ON COMMIT DROP;
INSERT INTO u SELECT pid, id, rung, 'match' FROM c WHERE NOT EXISTS (SELECT 1 FROM several s WHERE s.pid = c.pid);
INSERT INTO u
SELECT pid, id, rung,
       CASE WHEN chosen = 1 OR (form = 'split' AND is_done) THEN 'match'
            WHEN form = 'repeated' AND is_done THEN 'repeated'
            WHEN done >= 1 AND is_open AND created < (SELECT started_at FROM par) - grace THEN 'still_open'
            ELSE 'attempt' END
FROM (
    SELECT c.pid, c.id, c.rung, g.form, g.done, t.is_done, t.is_open, t.created, coalesce(l.grace, par.grace) AS grace,
           row_number() OVER (PARTITION BY c.pid ORDER BY
               t.is_done DESC, t.is_open DESC,
               -- of several completed the earliest, of several others the newest
               CASE WHEN t.is_done THEN t.created END, CASE WHEN NOT t.is_done THEN t.created END DESC, t.key) AS chosen
    FROM g JOIN c USING (pid) JOIN t USING (id)
    LEFT JOIN limits l ON l.provider = t.provider AND l.kind = t.kind AND l.currency = t.cur, par
) x;
-- of several completed and equal ones the chosen is the earliest; a split has no single one
ANALYZE u;

-- step: payments that repeat each other's reference, amount and currency
CREATE TEMP TABLE again (provider text, kind text, rkey text, minor bigint, exp smallint, cur text) ON COMMIT DROP;
INSERT INTO again
SELECT provider, kind, rkey, minor, exp, cur FROM p WHERE ref <> '' GROUP BY 1, 2, 3, 4, 5, 6 HAVING count(*) > 1;
ANALYZE again;

-- step: one row a linked payment
CREATE TEMP TABLE m (
    pid text, rung smallint, ids bigint[], ppid text, status text, raw_status text, cur text, exp smallint,
    amount bigint, moved bigint, refunded bigint, fee bigint, tax bigint, own text, ref text, network_ref text, account text,
    needs_action text, failure_code text, failure_message text, created timestamptz, completed timestamptz, observed timestamptz, asked timestamptz,
    completed_seen boolean, partial boolean, metadata jsonb
) ON COMMIT DROP;
-- nearly all have one transaction: nothing is to be added up
INSERT INTO m
SELECT u.pid, u.rung, ARRAY[x.id], x.provider_payment_id, x.status, x.raw_status, x.currency, x.exp, x.amount, coalesce(x.settled, x.amount),
       x.refunded, x.fee, x.tax, x.own_id, x.reference, nullif(x.network_reference, ''), x.account, x.needs_action, x.failure_code, x.failure_message,
       x.created_at, x.completed_at, x.observed_at, x.asked_at, x.completed_seen_at IS NOT NULL, x.partial, x.metadata
FROM u JOIN tieout.transactions x ON x.id = u.id
WHERE NOT EXISTS (SELECT 1 FROM several s WHERE s.pid = u.pid);
INSERT INTO m
SELECT u.pid, min(u.rung), array_agg(x.id ORDER BY x.created_at, x.key),
       string_agg(x.provider_payment_id, '+' ORDER BY x.created_at, x.key),
       min(x.status), (array_agg(x.raw_status ORDER BY x.created_at, x.key))[1], min(x.currency), min(x.exp),
       sum(x.amount), sum(coalesce(x.settled, x.amount)),
       CASE WHEN count(x.refunded) > 0 THEN sum(x.refunded) END,
       CASE WHEN count(x.fee) = count(*) THEN sum(x.fee) END,
       CASE WHEN count(x.tax) = count(*) THEN sum(x.tax) END,
       (array_agg(x.own_id ORDER BY x.created_at, x.key))[1],
       -- of the names of a split's parts the first that is not the payment's
       (array_agg(x.reference ORDER BY pg_temp.another_reference(x.provider, p.ref, p.pid, x.reference) DESC, x.created_at, x.key))[1],
       string_agg(nullif(x.network_reference, ''), '+' ORDER BY x.created_at, x.key),
       (array_agg(x.account ORDER BY pg_temp.another_account(p.account, x.account) DESC, x.created_at, x.key))[1],
       (array_agg(x.needs_action ORDER BY x.created_at, x.key))[1],
       (array_agg(x.failure_code ORDER BY x.created_at, x.key))[1], (array_agg(x.failure_message ORDER BY x.created_at, x.key))[1],
       min(x.created_at), max(x.completed_at), max(x.observed_at), min(x.asked_at),
       bool_or(x.completed_seen_at IS NOT NULL), bool_or(x.partial),
       (array_agg(x.metadata ORDER BY u.rung, EXISTS (
           SELECT 1 FROM metadata_keys mk WHERE p.metadata ->> mk.key <> '' AND x.metadata ->> mk.key <> '' AND p.metadata ->> mk.key <> x.metadata ->> mk.key
       ) DESC, x.created_at, x.key))[1]
FROM several s JOIN u USING (pid) JOIN p USING (pid) JOIN tieout.transactions x ON x.id = u.id
WHERE u.use = 'match'
GROUP BY u.pid;
-- a batch is paid as one: each payment has its share, the first also the fee
UPDATE m SET amount = b.share, moved = b.share, refunded = CASE WHEN m.refunded = 0 THEN 0 END,
    fee = CASE WHEN b.first THEN m.fee ELSE CASE WHEN m.fee IS NOT NULL THEN 0 END END,
    tax = CASE WHEN b.first THEN m.tax ELSE CASE WHEN m.tax IS NOT NULL THEN 0 END END,
    raw_status = m.raw_status || ' (batch)'
FROM batch b WHERE b.pid = m.pid;
ANALYZE m;

-- step: what is known of each payment
CREATE TEMP TABLE k (pid text, state text, verdict text, reason text, list_why text, since timestamptz, completed_list boolean) ON COMMIT DROP;
INSERT INTO k
SELECT p.pid,
    CASE
        WHEN amb.pid IS NOT NULL THEN 'ambiguous'
        WHEN a.verdict = 'invalid' AND (m.pid IS NULL OR a.asked_at >= m.asked) THEN 'invalid'
        WHEN m.pid IS NOT NULL THEN
            CASE WHEN a.verdict = 'unknown' AND m.rung = 1 AND a.asked_at > m.asked THEN 'unknown'
                 WHEN a.verdict IN ('no_answer', 'refused') AND a.asked_at >= m.asked
                      AND (m.status IN ('created', 'pending') OR m.partial) THEN 'not_polled'
                 ELSE 'found' END
        WHEN a.verdict IN ('no_answer', 'refused') THEN 'not_polled'
        -- asked by its reference, and all that was found belongs to others
        WHEN a.verdict IN ('unknown', 'found') THEN 'unknown'
        WHEN l.complete AND NOT l.completed_only THEN 'unknown'
        WHEN l.complete AND p.status IN ('completed', 'failed', 'cancelled', 'expired', 'rejected') THEN 'unknown'
        WHEN l.complete AND p.status IN ('created', 'pending') THEN 'open'
        ELSE 'not_polled'
    END,
    a.verdict, a.reason, l.why, a.since, coalesce(a.verdict, '') <> 'unknown' AND coalesce(l.complete AND l.completed_only, false)
FROM p
CROSS JOIN par
LEFT JOIN (SELECT DISTINCT pid FROM amb) amb ON amb.pid = p.pid
LEFT JOIN m ON m.pid = p.pid
LEFT JOIN tieout.answers a ON a.provider = p.provider AND a.payment_id = p.pid
LEFT JOIN tieout.run_lists l ON l.run_id = par.run_id AND l.provider = p.provider AND l.kind = p.kind
      AND p.created >= l.from_time AND p.created < l.to_time;
ANALYZE k;

-- step: the result of each payment
CREATE TEMP TABLE r (
    pid text, result text, base text, state text, outcome text, method text,
    tcur text, texp smallint, compared bigint, full_refund boolean
) ON COMMIT DROP;
INSERT INTO r (result, pid, base, state, outcome, method, tcur, texp, compared, full_refund)
-- as long as no difference is found
SELECT CASE WHEN base IN ('matched', 'pending') THEN base WHEN outcome = 'pending' THEN 'pending' ELSE 'matched' END, z.*
FROM (SELECT pid,
    CASE
        WHEN state IN ('ambiguous', 'invalid', 'not_polled') THEN
            CASE state WHEN 'ambiguous' THEN 'ambiguous_match' WHEN 'invalid' THEN 'invalid_provider_data' ELSE 'not_polled' END
        WHEN state = 'open' THEN CASE WHEN age > stale THEN 'stale_pending' ELSE 'pending' END
        WHEN state = 'unknown' THEN
            CASE WHEN seen AND status IN ('created', 'pending', 'completed') THEN 'late_reversal'
                 WHEN status = 'created' THEN CASE WHEN age > stale THEN 'stale_pending' ELSE 'pending' END
                 WHEN status IN ('failed', 'cancelled', 'expired', 'rejected') THEN 'matched'
                 ELSE CASE WHEN age > grace THEN 'missing_at_provider' ELSE 'pending' END END
        WHEN status IN ('created', 'pending') THEN
            CASE WHEN seen AND theirs <> 'completed' THEN 'late_reversal'
                 WHEN theirs = 'pending' THEN
                     CASE WHEN age > CASE WHEN action THEN stale_action ELSE stale END THEN 'stale_pending' ELSE 'pending' END
                 WHEN theirs = 'completed' AND refund_differs THEN 'late_reversal'
                 ELSE 'matched' END
        WHEN status IN ('failed', 'cancelled', 'expired', 'rejected') THEN
            CASE WHEN theirs = 'pending' THEN CASE WHEN age > grace THEN 'status_mismatch' ELSE 'pending' END
                 WHEN theirs = 'completed' AND NOT full_refund THEN 'status_mismatch'
                 ELSE 'matched' END
        WHEN status = 'completed' THEN
            CASE WHEN theirs = 'completed' THEN CASE WHEN refund_differs THEN 'late_reversal' ELSE 'matched' END
                 WHEN theirs = 'reversed' THEN CASE WHEN ours_refunded_in_full THEN 'matched' ELSE 'late_reversal' END
                 WHEN seen THEN 'late_reversal'
                 WHEN theirs = 'pending' AND age <= grace THEN 'pending'
                 ELSE 'status_mismatch' END
        ELSE -- reversed
            CASE WHEN theirs = 'reversed' OR (theirs = 'completed' AND full_refund) THEN 'matched'
                 WHEN theirs = 'pending' AND age <= grace THEN 'pending'
                 ELSE 'status_mismatch' END
    END AS base,
    state,
    CASE state
        WHEN 'found' THEN CASE WHEN theirs = 'completed' AND full_refund THEN 'reversed' ELSE theirs END
        WHEN 'unknown' THEN 'unknown'
    END AS outcome,
    method, cur, exp, compared, full_refund
FROM (
    SELECT p.pid, p.status, k.state, m.cur, m.exp,
           CASE WHEN m.status = 'created' THEN 'pending' ELSE m.status END AS theirs,
           CASE m.rung WHEN 1 THEN 'provider_id' WHEN 2 THEN 'reference' WHEN 3 THEN 'metadata' END AS method,
           -- what really moved, also where the provider holds a differing figure for review
           CASE WHEN m.status IN ('completed', 'reversed') OR m.needs_action = 'review' THEN m.moved ELSE m.amount END AS compared,
           coalesce(m.completed_seen, false) AS seen,
           m.cur = p.cur AND m.exp = p.exp AND m.refunded IS NOT NULL AND m.refunded <> p.refunded AS refund_differs,
           -- what no source at the provider shows is taken from the merchant's records
           coalesce(coalesce(m.refunded, CASE WHEN m.cur = p.cur AND m.exp = p.exp THEN p.refunded END) >= greatest(m.moved, 1), false) AS full_refund,
           p.refunded > 0 AND p.refunded >= p.minor AS ours_refunded_in_full,
           coalesce(m.needs_action, '') <> '' AS action,
           par.started_at - p.created AS age, coalesce(l.grace, par.grace) AS grace, coalesce(l.stale_action, par.stale_action) AS stale_action,
           coalesce(l.stale, CASE p.kind WHEN 'deposit' THEN par.stale_deposit ELSE par.stale_payout END) AS stale
    FROM p JOIN k USING (pid) LEFT JOIN m USING (pid)
    LEFT JOIN limits l ON l.provider = p.provider AND l.kind = p.kind AND l.currency = p.cur, par
    WHERE p.in_range
) x) z;
ANALYZE r;

-- step: exceptions: one row each, with the facts that its sentence needs
-- named: a digest of what the provider says, where that is no figure
CREATE TEMP TABLE x (kind text, pid text, id bigint, fact text, named text) ON COMMIT DROP;
INSERT INTO x SELECT base, pid, NULL, '' FROM r WHERE base NOT IN ('matched', 'pending');
-- pairs of which any figure or text differs, in one pass over all of them
CREATE TEMP TABLE v (
    pid text, provider text, kind text, cur text, exp smallint, minor bigint, tcur text, texp smallint, compared bigint,
    by_id boolean, ref text, tref text, account text, taccount text, metadata jsonb, tmetadata jsonb, status text, moved bigint, fee bigint
) ON COMMIT DROP;
INSERT INTO v
SELECT p.pid, p.provider, p.kind, p.cur, p.exp, p.minor, r.tcur, r.texp, r.compared,
       r.method = 'provider_id', p.ref, m.ref, p.account, m.account, p.metadata, m.metadata, m.status, m.moved, m.fee
FROM p JOIN r USING (pid) JOIN m USING (pid)
WHERE r.state = 'found'
  AND (r.tcur <> p.cur OR r.compared <> p.minor OR r.texp <> p.exp OR m.ref <> p.ref OR m.account <> p.account
       OR EXISTS (SELECT 1 FROM metadata_keys mk WHERE p.metadata ->> mk.key <> m.metadata ->> mk.key)
       OR m.fee IS NOT NULL AND EXISTS (SELECT 1 FROM schedule s WHERE s.provider = p.provider));
ANALYZE v;
INSERT INTO x SELECT 'currency_mismatch', pid, NULL, '' FROM v
WHERE tcur <> cur AND tcur <> ''; -- no amount yet, no currency
INSERT INTO x
SELECT 'amount_mismatch', v.pid, NULL, ''
FROM v LEFT JOIN tolerance ON tolerance.provider = v.provider AND tolerance.kind = v.kind AND tolerance.currency = v.cur
WHERE v.tcur = v.cur
  AND CASE WHEN v.texp = v.exp THEN abs(v.compared - v.minor) > coalesce(tolerance.minor, 0)
           -- the configured decimals changed between two observations
           ELSE v.compared * 10::numeric ^ (v.exp - v.texp) <> v.minor END;
INSERT INTO x
SELECT 'reference_mismatch', pid, NULL, 'reference', pg_temp.digest(pg_temp.reference_key(provider, tref)) FROM v
WHERE by_id AND pg_temp.another_reference(provider, ref, pid, tref);
INSERT INTO x
SELECT DISTINCT ON (v.pid) 'reference_mismatch', v.pid, NULL::bigint, mk.key, pg_temp.digest(jsonb_build_array(mk.key, v.tmetadata -> mk.key)::text)
FROM v JOIN metadata_keys mk ON true
WHERE v.by_id AND v.metadata ->> mk.key <> '' AND v.tmetadata ->> mk.key <> '' AND v.metadata ->> mk.key <> v.tmetadata ->> mk.key
  AND NOT EXISTS (SELECT 1 FROM x WHERE x.pid = v.pid AND x.kind = 'reference_mismatch')
ORDER BY v.pid, mk.n;
INSERT INTO x
SELECT 'recipient_mismatch', pid, NULL, '', pg_temp.digest(pg_temp.ending(regexp_replace(taccount, '\D', '', 'g')))
FROM v WHERE account <> taccount AND pg_temp.another_account(account, taccount);

-- step: fees against the schedule
INSERT INTO x
SELECT 'fee_mismatch', v.pid, NULL, f.expected::text
FROM v JOIN m USING (pid)
LEFT JOIN batch b USING (pid) LEFT JOIN t ON t.id = b.id
JOIN LATERAL (
    -- a fixed fee is charged for each of a split's transactions, a batch's for all of it
    SELECT round(coalesce(t.moved, v.moved) * s.percent / 100 + s.fixed * 10::numeric ^ v.texp * cardinality(m.ids))::bigint AS expected
    FROM schedule s WHERE s.provider = v.provider AND s.kind = v.kind AND s.currency = v.tcur LIMIT 1
) f ON true
WHERE v.status = 'completed' AND v.fee IS NOT NULL AND v.fee <> f.expected
  AND b.first IS NOT FALSE;

-- step: saved methods
INSERT INTO x
SELECT 'saved_method_missing', p.pid, NULL, s.reason
FROM p JOIN r USING (pid) JOIN m USING (pid)
JOIN tieout.run_payments rp ON rp.run_id = (SELECT run_id FROM par) AND rp.payment_id = p.pid AND rp.save_method
JOIN tieout.saved_methods s ON s.provider = p.provider AND s.payment_id = p.pid
WHERE r.state = 'found' AND r.outcome = 'completed' AND s.checkable AND NOT s.present
  AND (SELECT started_at - grace FROM par) >= coalesce(m.completed, m.created);

-- step: payments that repeat an earlier one
CREATE TEMP TABLE d (
    pid text, in_range boolean, provider text, kind text, rkey text, minor bigint, exp smallint, cur text, created timestamptz, digits text, ending text
) ON COMMIT DROP;
INSERT INTO d
SELECT pid, in_range, provider, kind, rkey, minor, exp, cur, created, digits,
       pg_temp.ending(digits)
FROM (
    SELECT p.*, regexp_replace(coalesce(p.account, ''), '\D', '', 'g') AS digits,
           -- the outcome, where something is known; a payment of another range that was never asked for counts as its record says
           CASE WHEN r.pid IS NOT NULL THEN r.outcome
                WHEN k.state = 'found' THEN CASE WHEN m.status = 'completed' AND coalesce(coalesce(m.refunded, p.refunded) >= greatest(m.moved, 1), false) THEN 'reversed' ELSE m.status END
                WHEN k.state = 'not_polled' AND coalesce(k.verdict, 'not_askable') = 'not_askable' THEN p.status
           END AS outcome
    FROM p
    JOIN again USING (provider, kind, rkey, minor, exp, cur)
    LEFT JOIN r USING (pid) LEFT JOIN k USING (pid) LEFT JOIN m USING (pid)
) y
WHERE outcome = 'completed';
ANALYZE d;
INSERT INTO x
SELECT DISTINCT ON (d.pid) 'duplicate_payment', d.pid, NULL::bigint, f.pid
FROM d JOIN (
    -- the earliest of each spelling of a recipient
    SELECT DISTINCT ON (provider, kind, rkey, minor, exp, cur, digits) *
    FROM d ORDER BY provider, kind, rkey, minor, exp, cur, digits, created, pid
) f USING (provider, kind, rkey, minor, exp, cur, ending)
WHERE d.in_range AND (f.created, f.pid) < (d.created, d.pid)
  -- equal endings of eight digits or more: a national number and the international one
  AND (f.digits = d.digits OR f.digits LIKE '%' || ltrim(d.digits, '0') OR d.digits LIKE '%' || ltrim(f.digits, '0'))
ORDER BY d.pid, f.created, f.pid;

-- step: transactions that stand for themselves: paid again, or nobody's
INSERT INTO x
SELECT 'duplicate_payment', u.pid, u.id, u.use
FROM u JOIN t USING (id) WHERE u.use IN ('repeated', 'still_open') AND t.in_range;
CREATE TEMP TABLE orphan (id bigint, moves boolean) ON COMMIT DROP;
INSERT INTO orphan
SELECT t.id, t.status IN ('completed', 'reversed') OR (t.is_open AND t.created < par.started_at - coalesce(l.grace, par.grace))
FROM t LEFT JOIN limits l ON l.provider = t.provider AND l.kind = t.kind AND l.currency = t.cur, par
WHERE t.in_range
  AND NOT EXISTS (SELECT 1 FROM u WHERE u.id = t.id)
  AND NOT EXISTS (SELECT 1 FROM cand WHERE cand.id = t.id);
INSERT INTO x SELECT 'missing_internally', NULL, id, '' FROM orphan WHERE moves;

-- step: what a person has accepted at the provider's figures, as long as these stay what they were
CREATE TEMP TABLE accepted (pid text, kind text) ON COMMIT DROP;
INSERT INTO accepted
SELECT e.payment_id, e.kind
FROM tieout.exceptions e JOIN r ON r.pid = e.payment_id JOIN m USING (pid)
WHERE e.state = 'resolved' AND e.resolution = 'accepted' AND r.state = 'found'
  AND e.provider_currency = r.tcur AND e.provider_amount = r.compared * ('1e-' || r.texp)::numeric
  AND coalesce(e.provider_refunded, 0) = coalesce(m.refunded * ('1e-' || m.exp)::numeric, 0)
  AND (e.kind NOT IN ('status_mismatch', 'late_reversal') OR e.provider_status = CASE m.status WHEN 'created' THEN 'pending' ELSE m.status END)
  AND NOT EXISTS (SELECT 1 FROM x WHERE x.pid = e.payment_id AND x.kind = e.kind AND x.named <> e.provider_named);

-- step: results
UPDATE r SET result = 'exception' FROM (
    SELECT DISTINCT pid FROM x
    WHERE id IS NULL AND kind NOT IN ('fee_mismatch', 'saved_method_missing', 'settlement_mismatch')
      AND NOT EXISTS (SELECT 1 FROM accepted a WHERE a.pid = x.pid AND a.kind = x.kind)
) e WHERE e.pid = r.pid;
INSERT INTO tieout.run_results
SELECT par.run_id, p.pid, r.result, r.outcome, r.method, coalesce(m.ids, '{}'),
       coalesce(m.ppid, p.ppid), m.ref, m.network_ref,
       r.outcome, m.raw_status,
       CASE WHEN r.state IN ('found', 'not_polled', 'invalid') THEN CASE WHEN m.status IN ('completed', 'reversed') OR m.needs_action = 'review' THEN m.moved ELSE m.amount END END,
       m.cur, m.exp,
       -- what no source at the provider shows is taken from the merchant's records
       coalesce(m.refunded, CASE WHEN r.state = 'found' AND m.status = 'completed' AND m.cur = p.cur AND m.exp = p.exp THEN nullif(p.refunded, 0) END),
       m.fee, m.tax, m.failure_code, m.failure_message,
       CASE WHEN m.status IN ('completed', 'reversed') THEN m.completed END,
       CASE r.state WHEN 'found' THEN m.observed WHEN 'unknown' THEN k.since END
FROM p JOIN r USING (pid) JOIN k USING (pid) LEFT JOIN m USING (pid), par;

-- step: where each transaction of the range stands
DELETE FROM tieout.run_transactions WHERE run_id = (SELECT run_id FROM par);
INSERT INTO tieout.run_transactions SELECT par.run_id, id, 'matched', pid FROM judged, par WHERE plain ORDER BY id;
INSERT INTO tieout.run_transactions
SELECT DISTINCT ON (u.id) par.run_id, u.id, -- a batch stands here once
       CASE WHEN u.use = 'match' AND r.pid IS NULL THEN 'elsewhere'
            WHEN u.use = 'match' THEN r.result
            WHEN u.use IN ('repeated', 'still_open') THEN 'exception'
            WHEN t.is_open THEN 'pending'
            ELSE 'unclaimed' END,
       u.pid
FROM u JOIN t USING (id) LEFT JOIN r USING (pid), par
-- the match goes with its payment, every other transaction with its own date
WHERE (t.in_range OR (u.use = 'match' AND r.pid IS NOT NULL))
ORDER BY u.id, r.pid IS NULL, u.pid;
INSERT INTO tieout.run_transactions
SELECT DISTINCT par.run_id, cand.id, 'candidate', NULL FROM cand JOIN t USING (id), par WHERE t.in_range
UNION ALL
SELECT par.run_id, id, CASE WHEN moves THEN 'exception' ELSE 'unclaimed' END, NULL FROM orphan, par;
