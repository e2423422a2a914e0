-- What was refused in a session, and why
-- :session  the session [s06ab3kq2f7vx9m1t]
SELECT seq, time, operation, subject, rule, reason
FROM events WHERE kind = 'policy_decision' AND decision = 'deny' AND session_id = :session
ORDER BY seq LIMIT 1000
