-- Payments that asked for their method to be saved, completed, and left no token.

-- step: saved methods
INSERT INTO x
SELECT 'saved_method_missing', p.pid, NULL, s.reason
FROM p JOIN r USING (pid) JOIN m USING (pid)
JOIN tieout.run_payments rp ON rp.run_id = (SELECT run_id FROM par) AND rp.payment_id = p.pid AND rp.save_method
JOIN tieout.saved_methods s ON s.provider = p.provider AND s.payment_id = p.pid
WHERE r.state = 'found' AND r.outcome = 'completed' AND s.checkable AND NOT s.present
  AND (SELECT started_at - grace FROM par) >= coalesce(m.completed, m.created);
