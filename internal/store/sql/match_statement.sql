-- Statements in the match step, first part: which row of a statement belongs to
-- which transaction and payment. It runs when m is filled, so that fees and
-- taxes which only a statement states count as the others do. st_par holds the
-- zone of business dates.

-- step: rows of statements of the time around the run, and the names in them
INSERT INTO st_near
SELECT s.id, s.provider, s.provider_payment_id, s.reference, pg_temp.reference_key(s.provider, s.reference)
FROM tieout.statement_rows s, par
WHERE s.provider = ANY (par.providers) AND s.entry IN ('payment', 'fee', 'tax', 'refund')
  -- an API's movements are booked when they happen: none is older than its payment
  AND (s.at IS NULL OR s.at >= par.from_time - CASE s.source WHEN 'api' THEN interval '2 days' ELSE interval '45 days' END
       AND s.at < par.to_time + interval '45 days');
INSERT INTO st_key
SELECT provider, sid FROM st_near WHERE sid <> ''
UNION SELECT provider, rkey FROM st_near WHERE ref <> ''
UNION SELECT provider, sid || '/' || ref FROM st_near WHERE sid <> '' AND ref <> '';
ANALYZE st_key;

-- step: the transactions and payments that go by these names
INSERT INTO st_name
SELECT provider, kind, name, by_id, id, pid
FROM (
    SELECT provider, kind, CASE WHEN batched THEN ppid || '/' || ref ELSE ppid END AS name, true AS by_id, id, NULL AS pid FROM t
    UNION ALL SELECT provider, kind, pg_temp.id_key(own), true, id, NULL FROM t
    UNION ALL SELECT t.provider, t.kind, x.list_key, true, t.id, NULL FROM t JOIN tieout.transactions x USING (id) WHERE x.list_key <> ''
    UNION ALL SELECT provider, kind, rkey, false, id, NULL FROM t
    UNION ALL SELECT provider, kind, pg_temp.reference_key(provider, own), false, id, NULL FROM t WHERE own IS DISTINCT FROM ref
    UNION ALL SELECT provider, kind, ppid, true, NULL, pid FROM p
    UNION ALL SELECT provider, kind, pg_temp.id_key(pid), true, NULL, pid FROM p
    UNION ALL SELECT provider, kind, rkey, false, NULL, pid FROM p
    UNION ALL SELECT provider, kind, pg_temp.reference_key(provider, pid), false, NULL, pid FROM p WHERE pid IS DISTINCT FROM ref
) n JOIN st_key USING (provider, name);
CREATE INDEX ON st_name (provider, name);
ANALYZE st_name;

-- step: the rows that these names or the range's days concern, and those of other days that belong to these
CREATE TEMP TABLE st_here ON COMMIT DROP AS
SELECT n.* FROM st_near n JOIN tieout.statement_rows s USING (id), par
WHERE s.at >= par.from_time AND s.at < par.to_time + interval '1 day' OR s.created_at >= par.from_time AND s.created_at < par.to_time;
ANALYZE st_here;
INSERT INTO st
SELECT s.id, s.provider, s.kind, s.entry, s.provider_payment_id, s.reference, n.rkey, s.currency, s.exp, s.amount, s.fee, s.tax, s.status,
       s.account, coalesce(s.created_at, s.at), s.source = 'api', s.reserved
FROM st_near n JOIN tieout.statement_rows s USING (id)
WHERE EXISTS (SELECT 1 FROM st_here h WHERE h.id = n.id)
   OR EXISTS (SELECT 1 FROM st_here h WHERE h.provider = n.provider AND h.sid = n.sid)
   OR EXISTS (SELECT 1 FROM st_here h WHERE h.provider = n.provider AND h.rkey = n.rkey)
   OR EXISTS (SELECT 1 FROM st_name k WHERE k.provider = n.provider AND k.name = n.sid)
   OR EXISTS (SELECT 1 FROM st_name k WHERE k.provider = n.provider AND k.name = n.rkey);
ANALYZE st;
-- the ids that a row may mean: of a batch's item, both parts together
INSERT INTO st_id SELECT rid, sid FROM st WHERE sid <> '' UNION ALL SELECT rid, sid || '/' || ref FROM st WHERE sid <> '' AND ref <> '';
ANALYZE st_id;

-- step: kinds that the statement does not state: of what the row names, else by its sign
UPDATE st SET kind = k.kind
FROM (SELECT st.rid, min(n.kind) AS kind
      FROM st JOIN st_id USING (rid) JOIN st_name n ON n.provider = st.provider AND n.by_id AND n.name = st_id.name
      WHERE st.kind IS NULL GROUP BY st.rid HAVING count(DISTINCT n.kind) = 1) k
WHERE st.rid = k.rid;
UPDATE st SET kind = k.kind
FROM (SELECT st.rid, min(n.kind) AS kind
      FROM st JOIN st_name n ON n.provider = st.provider AND NOT n.by_id AND n.name = st.rkey
      WHERE st.kind IS NULL GROUP BY st.rid HAVING count(DISTINCT n.kind) = 1) k
WHERE st.rid = k.rid;
-- a fee or refund whose payment can't be told is nobody's
DELETE FROM st WHERE kind IS NULL AND entry <> 'payment';
UPDATE st SET kind = CASE WHEN minor < 0 THEN 'payout' ELSE 'deposit' END WHERE kind IS NULL;
DELETE FROM st WHERE NOT EXISTS (SELECT 1 FROM par WHERE st.kind = ANY (par.kinds));

-- step: what an imported file covers or names is the file's: the API's word on it is not counted
DELETE FROM st USING tieout.statement_coverage c
WHERE st.api AND c.source = 'file' AND c.provider = st.provider AND c.kind IN ('', st.kind) AND c.currency = st.cur
  AND st.created >= c.from_time AND st.created < c.to_time;
CREATE TEMP TABLE st_filed ON COMMIT DROP AS SELECT DISTINCT provider, kind, sid, rkey FROM st WHERE entry = 'payment' AND NOT api;
DELETE FROM st USING st_filed f WHERE st.api AND f.provider = st.provider AND f.kind = st.kind AND f.sid = st.sid
  AND coalesce(f.rkey, st.rkey, '') = coalesce(st.rkey, f.rkey, '');
DELETE FROM st USING st_filed f WHERE st.api AND f.provider = st.provider AND f.kind = st.kind AND f.rkey = st.rkey AND (f.sid IS NULL OR st.sid IS NULL);
DELETE FROM st_id WHERE NOT EXISTS (SELECT 1 FROM st WHERE st.rid = st_id.rid);

-- step: rows by id
INSERT INTO st_link
SELECT DISTINCT ON (st.rid) st.rid, t.id
FROM st JOIN st_id USING (rid) JOIN st_name n ON n.provider = st.provider AND n.kind = st.kind AND n.by_id AND n.name = st_id.name
JOIN t ON t.id = n.id
ORDER BY st.rid, t.moved = abs(st.minor) DESC, t.is_done DESC, t.key;

-- step: rows by reference: the first row with the first transaction, completed ones first
INSERT INTO st_link
SELECT a.rid, b.id
FROM (SELECT rid, provider, kind, rkey, row_number() OVER (PARTITION BY provider, kind, rkey ORDER BY created, rid) AS n
      FROM st WHERE entry = 'payment' AND ref <> '' AND NOT EXISTS (SELECT 1 FROM st_link l WHERE l.rid = st.rid)) a
JOIN (SELECT n.provider, n.kind, n.name, t.id,
             row_number() OVER (PARTITION BY n.provider, n.kind, n.name ORDER BY t.is_done DESC, t.created, t.key) AS n
      FROM st_name n JOIN t ON t.id = n.id
      WHERE NOT n.by_id AND NOT EXISTS (SELECT 1 FROM st_link l JOIN st ON st.rid = l.rid AND st.entry = 'payment' WHERE l.id = t.id)) b
  ON b.provider = a.provider AND b.kind = a.kind AND b.name = a.rkey AND b.n = a.n;
INSERT INTO st_link
SELECT st.rid, min(n.id)
FROM st JOIN st_name n ON n.provider = st.provider AND n.kind = st.kind AND NOT n.by_id AND n.name = st.rkey AND n.id IS NOT NULL
WHERE st.entry <> 'payment' AND NOT EXISTS (SELECT 1 FROM st_link l WHERE l.rid = st.rid)
GROUP BY st.rid HAVING count(DISTINCT n.id) = 1;
UPDATE st_link SET pid = u.pid FROM u WHERE u.id = st_link.id AND u.use = 'match';
-- what paid several payments as one stands at the first
UPDATE st_link SET pid = b.pid FROM batch b WHERE b.id = st_link.id AND b.first;

-- step: rows of payments that have no transaction
INSERT INTO st_link (rid, pid)
SELECT st.rid, CASE WHEN count(DISTINCT n.pid) = 1 THEN min(n.pid) END
FROM st JOIN st_name n ON n.provider = st.provider AND n.kind = st.kind AND n.pid IS NOT NULL AND n.by_id AND n.name = st.sid
WHERE st.entry = 'payment' AND NOT EXISTS (SELECT 1 FROM st_link l WHERE l.rid = st.rid)
GROUP BY st.rid;
-- where several payments hold the reference the row is somebody's, nobody knows whose
INSERT INTO st_link (rid, pid)
SELECT st.rid, CASE WHEN count(DISTINCT n.pid) = 1 THEN min(n.pid) END
FROM st JOIN st_name n ON n.provider = st.provider AND n.kind = st.kind AND n.pid IS NOT NULL AND NOT n.by_id AND n.name = st.rkey
WHERE st.entry = 'payment' AND NOT EXISTS (SELECT 1 FROM st_link l WHERE l.rid = st.rid)
GROUP BY st.rid;
ANALYZE st_link;

-- step: fees and taxes that only the statement states
UPDATE m SET fee = coalesce(m.fee, f.fee), tax = coalesce(m.tax, f.tax)
FROM (
    SELECT pid, cur, exp,
           -- of a split every part must have one
           CASE WHEN count(*) FILTER (WHERE fee IS NOT NULL) = count(*) THEN sum(fee)::bigint END AS fee,
           CASE WHEN count(*) FILTER (WHERE tax IS NOT NULL) = count(*) THEN sum(tax)::bigint END AS tax,
           count(*) AS parts
    FROM (
        SELECT l.pid, l.id, st.cur, st.exp,
               sum(CASE st.entry WHEN 'fee' THEN abs(st.minor) ELSE st.fee END) AS fee,
               sum(CASE st.entry WHEN 'tax' THEN abs(st.minor) ELSE st.tax END) AS tax
        FROM st JOIN st_link l USING (rid)
        WHERE l.pid IS NOT NULL AND l.id IS NOT NULL AND st.entry <> 'refund'
        GROUP BY 1, 2, 3, 4
    ) y GROUP BY 1, 2, 3
) f
WHERE f.pid = m.pid AND f.cur = m.cur AND f.exp = m.exp AND f.parts = cardinality(m.ids) AND (m.fee IS NULL OR m.tax IS NULL);
