-- Which rules refuse how often, and in how many sessions
SELECT coalesce(rule, '(default)') AS rule, operation, count(*) AS refused, count(DISTINCT session_id) AS sessions,
       min(time) AS first, max(time) AS last
FROM events WHERE kind = 'policy_decision' AND decision = 'deny'
GROUP BY 1, 2 ORDER BY refused DESC, 1, 2 LIMIT 100
