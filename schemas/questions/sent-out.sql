-- What a session sent out, and where to
-- :session  the session [s06ab3kq2f7vx9m1t]
SELECT coalesce(host, address) AS host, port, count(*) FILTER (WHERE kind = 'http_request') AS requests,
       count(*) FILTER (WHERE kind = 'net_connect') AS connections, sum(body_size) AS body_bytes, sum(bytes_sent) AS bytes_sent
FROM events WHERE session_id = :session AND kind IN ('http_request', 'net_connect', 'net_close')
GROUP BY 1, 2 ORDER BY requests DESC, connections DESC, 1, 2
