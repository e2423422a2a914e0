-- Which operations failed, and with which error
SELECT operation, error, count(*) AS times, count(DISTINCT session_id) AS sessions, min(subject) AS example
FROM events WHERE kind = 'operation_failed'
GROUP BY operation, error ORDER BY times DESC, 1, 2 LIMIT 100
