-- When each host was seen first, and by whom: the newest first
SELECT host, min(time) AS first_seen, first_value(session_id ORDER BY seq) AS by_session, count(*) AS events
FROM events WHERE family = 'network' AND host IS NOT NULL
GROUP BY host ORDER BY first_seen DESC, host LIMIT 100
