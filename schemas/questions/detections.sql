-- What rules recognised, the most severe first
SELECT level, title, count(*) AS times, count(DISTINCT session_id) AS sessions, min(seq) AS first_seq, max(time) AS last
FROM events WHERE kind = 'detection'
GROUP BY level, title, severity ORDER BY severity DESC, times DESC, title LIMIT 100
