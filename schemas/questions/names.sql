-- Host names that were asked for least often
SELECT host, count(*) AS times, min(rcode) AS rcode, min(session_id) AS session
FROM events WHERE kind IN ('dns_query', 'http_request', 'net_connect') AND host IS NOT NULL
GROUP BY host ORDER BY times, host LIMIT 100
