-- Rung 3 for one metadata key ($1): the same value on both sides, equal amount
-- and currency, inside the date window; only payments that have no candidate
-- and transactions that nobody holds.

-- step: pairs
CREATE TEMP TABLE e3 (pid text, id bigint) ON COMMIT DROP;

-- step: fill
INSERT INTO e3
SELECT p.pid, t.id
FROM p JOIN t ON t.provider = p.provider AND t.kind = p.kind AND t.metadata ->> $1 = p.metadata ->> $1
     AND t.cur = p.cur AND t.exp = p.exp AND (t.amount = p.minor OR t.moved = p.minor)
CROSS JOIN par
WHERE p.metadata ->> $1 <> ''
  AND t.created BETWEEN p.created - par.date_window AND p.created + par.date_window
  AND NOT EXISTS (SELECT 1 FROM c WHERE c.pid = p.pid)
  AND NOT EXISTS (SELECT 1 FROM amb WHERE amb.pid = p.pid)
  AND NOT EXISTS (SELECT 1 FROM c WHERE c.id = t.id)
  AND NOT EXISTS (SELECT 1 FROM cand WHERE cand.id = t.id)
  AND NOT EXISTS (SELECT 1 FROM e1 WHERE e1.id = t.id);

-- step: shared
-- a payment whose value leads to a transaction that other payments lead to as well is ambiguous
CREATE TEMP TABLE e3_shared (pid text) ON COMMIT DROP;
INSERT INTO e3_shared
SELECT DISTINCT pid FROM e3 WHERE id IN (SELECT id FROM e3 GROUP BY id HAVING count(*) > 1);
INSERT INTO amb SELECT pid, 'metadata' FROM e3_shared;
INSERT INTO cand SELECT DISTINCT id FROM e3 JOIN e3_shared USING (pid);
INSERT INTO c SELECT pid, id, 3 FROM e3 WHERE NOT EXISTS (SELECT 1 FROM e3_shared s WHERE s.pid = e3.pid);
DROP TABLE e3, e3_shared;
