-- How much happened in each hour, and how much of it was refused
SELECT date_trunc('hour', time) AS hour, count(*) AS events, count(*) FILTER (WHERE decision = 'deny') AS refused,
       count(DISTINCT session_id) AS sessions
FROM events GROUP BY 1 ORDER BY 1 DESC LIMIT 1000
