-- Batches by one metadata key ($1): several payments without a candidate carry
-- the same value, and one transaction that nobody holds carries it too and is
-- their sum exactly. Each payment then has its share of it.

-- step: fill
INSERT INTO batch
WITH free AS (
    SELECT p.*, p.metadata ->> $1 AS value FROM p
    WHERE p.metadata ->> $1 <> ''
      AND NOT EXISTS (SELECT 1 FROM c WHERE c.pid = p.pid) AND NOT EXISTS (SELECT 1 FROM amb WHERE amb.pid = p.pid)
), groups AS (
    SELECT provider, kind, cur, exp, value, sum(minor) AS total, min(created) AS first_created, max(created) AS last_created
    FROM free GROUP BY 1, 2, 3, 4, 5 HAVING count(*) > 1
), hits AS (
    SELECT g.*, t.id, count(*) OVER (PARTITION BY g.provider, g.kind, g.cur, g.exp, g.value) AS n
    FROM groups g
    JOIN t ON t.provider = g.provider AND t.kind = g.kind AND t.cur = g.cur AND t.exp = g.exp AND t.metadata ->> $1 = g.value AND t.moved = g.total
    CROSS JOIN par
    WHERE t.created BETWEEN g.first_created - par.date_window AND g.last_created + par.date_window
      AND NOT EXISTS (SELECT 1 FROM c WHERE c.id = t.id) AND NOT EXISTS (SELECT 1 FROM cand WHERE cand.id = t.id)
      AND NOT EXISTS (SELECT 1 FROM e1 WHERE e1.id = t.id)
)
SELECT free.pid, hits.id, free.minor, row_number() OVER (PARTITION BY hits.id ORDER BY free.created, free.pid) = 1
FROM hits JOIN free ON free.provider = hits.provider AND free.kind = hits.kind AND free.cur = hits.cur AND free.exp = hits.exp AND free.value = hits.value
WHERE hits.n = 1;

-- step: claim
INSERT INTO c SELECT pid, id, 3 FROM batch WHERE NOT EXISTS (SELECT 1 FROM c WHERE c.pid = batch.pid);
