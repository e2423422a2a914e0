-- Programs that were started in one session only
SELECT subject AS program, min(session_id) AS session, count(*) AS starts, min(time) AS first
FROM events WHERE kind = 'process_exec'
GROUP BY subject HAVING count(DISTINCT session_id) = 1 ORDER BY first DESC, program LIMIT 100
