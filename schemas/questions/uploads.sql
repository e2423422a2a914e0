-- The largest request bodies
SELECT seq, time, session_id, method, host, url_path, body_size
FROM events WHERE kind = 'http_request' AND body_size > 0
ORDER BY body_size DESC, seq LIMIT 50
