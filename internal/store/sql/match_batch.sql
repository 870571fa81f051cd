-- Batches by one metadata key ($1): several payments without a candidate carry
-- the same value, and one transaction that nobody holds carries it too and is
-- the exact sum of those inside the date window around it, whatever else the
-- run holds. Each payment then has its share of it.

-- step: fill
INSERT INTO batch
WITH free AS (
    SELECT p.*, p.metadata ->> $1 AS value FROM p
    WHERE p.metadata ->> $1 <> ''
      AND NOT EXISTS (SELECT 1 FROM c WHERE c.pid = p.pid) AND NOT EXISTS (SELECT 1 FROM amb WHERE amb.pid = p.pid)
), loose AS (
    SELECT t.*, t.metadata ->> $1 AS value, t.created - par.date_window AS earliest, t.created + par.date_window AS latest
    FROM t CROSS JOIN par
    WHERE t.metadata ->> $1 <> ''
      AND NOT EXISTS (SELECT 1 FROM c WHERE c.id = t.id) AND NOT EXISTS (SELECT 1 FROM cand WHERE cand.id = t.id)
      AND NOT EXISTS (SELECT 1 FROM e1 WHERE e1.id = t.id)
), marks AS ( -- added up along the time, so that a value of many payments and many transactions costs no product
    SELECT provider, kind, cur, exp, value, created AS at, 2 AS place, minor, NULL::bigint AS id FROM free
    UNION ALL SELECT provider, kind, cur, exp, value, earliest, 1, NULL, id FROM loose
    UNION ALL SELECT provider, kind, cur, exp, value, latest, 3, NULL, id FROM loose
), sums AS (
    SELECT id, coalesce(sum(minor) OVER along, 0) AS total, count(minor) OVER along AS n FROM marks
    WINDOW along AS (PARTITION BY provider, kind, cur, exp, value ORDER BY at, place)
), whole AS (
    SELECT loose.* FROM (
        SELECT id, max(total) - min(total) AS total, max(n) - min(n) AS n FROM sums WHERE id IS NOT NULL GROUP BY id
    ) s JOIN loose USING (id) WHERE s.n > 1 AND s.total = loose.moved
), shares AS (
    SELECT free.pid, free.created, whole.id, free.minor, count(*) OVER (PARTITION BY free.pid) AS choices
    FROM whole JOIN free USING (provider, kind, cur, exp, value)
    WHERE free.created BETWEEN whole.earliest AND whole.latest
)
SELECT pid, id, minor, row_number() OVER (PARTITION BY id ORDER BY created, pid) = 1
FROM (SELECT *, max(choices) OVER (PARTITION BY id) AS most FROM shares) x
WHERE most = 1;

-- step: claim
INSERT INTO c SELECT pid, id, 3 FROM batch WHERE NOT EXISTS (SELECT 1 FROM c WHERE c.pid = batch.pid);
