-- One pass over both sides in the match step; match.go says which rows of them
-- are joined by what. good: this payment and this transaction name each other,
-- and nothing at all differs. Nearly all are that. What is not, and what has no
-- other side, stands here too: the next pass and match.sql go on with it.

INSERT INTO pair
SELECT p.payment_id, x.id, /*pass*/,
       coalesce(p.in_range
           AND (x.amount, coalesce(x.settled, x.amount), x.currency, x.exp) = (p.amount, p.amount, p.currency, p.exp)
           AND CASE WHEN x.status = 'completed' THEN p.status IN ('created', 'pending', 'completed')
                    ELSE x.status IN ('failed', 'cancelled', 'expired', 'rejected') AND x.completed_seen_at IS NULL
                         AND p.status IN ('created', 'pending', 'failed', 'cancelled', 'expired', 'rejected') END
           AND p.refunded = 0 AND coalesce(x.refunded, 0) = 0 AND coalesce(x.needs_action, '') = ''
           AND (p.reference = x.reference) IS NOT FALSE AND (p.account = x.account) IS NOT FALSE
           AND (/*pass*/ = 2 OR p.provider_payment_id = x.provider_payment_id OR p.provider_payment_id IS NULL AND x.own_id = p.payment_id)
           /*metadata*/
           AND (x.fee IS NULL OR s.provider IS NULL OR x.status <> 'completed' OR x.fee = round(p.amount * s.percent / 100 + s.fixed * 10::numeric ^ p.exp))
           AND a.payment_id IS NULL AND m.payment_id IS NULL
           -- statements may say something of every payment
           AND p.provider <> ALL (par.stated), false),
       pg_temp.id_key(x.provider_payment_id) = pg_temp.id_key(p.provider_payment_id) OR pg_temp.id_key(x.own_id) = pg_temp.id_key(p.payment_id),
       pg_temp.name_hash(p.provider, p.kind, pg_temp.id_key(p.payment_id)),
       pg_temp.name_hash(p.provider, p.kind, pg_temp.reference_key(p.provider, p.reference)),
       CASE WHEN p.provider_payment_id IS DISTINCT FROM x.provider_payment_id THEN pg_temp.name_hash(p.provider, p.kind, pg_temp.id_key(p.provider_payment_id)) END,
       -- of a batch's item the reference tells which it is
       CASE WHEN NOT x.batched THEN pg_temp.name_hash(x.provider, x.kind, pg_temp.id_key(x.provider_payment_id)) END,
       CASE WHEN x.own_id IS DISTINCT FROM p.payment_id THEN pg_temp.name_hash(x.provider, x.kind, pg_temp.id_key(x.own_id)) END,
       CASE WHEN x.reference IS DISTINCT FROM p.reference THEN pg_temp.name_hash(x.provider, x.kind, pg_temp.reference_key(x.provider, x.reference)) END,
       p.amount, p.exp, p.currency
FROM (/*ours*/) p
FULL JOIN (/*theirs*/) x ON x.provider = p.provider AND x.kind = p.kind AND /*key*/
LEFT JOIN tieout.answers a ON a.provider = p.provider AND a.payment_id = p.payment_id AND a.verdict <> 'found'
LEFT JOIN tieout.saved_methods m ON m.provider = p.provider AND m.payment_id = p.payment_id AND NOT m.present
LEFT JOIN schedule s ON s.provider = p.provider AND s.kind = p.kind AND s.currency = p.currency
CROSS JOIN par;
ANALYZE pair (pid, id, pass, good, our_id, our_ref, own);
