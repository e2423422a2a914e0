-- Which programs wrote the most
SELECT exe, sum(bytes_written) AS bytes_written, sum(bytes_read) AS bytes_read, count(*) AS handles, count(DISTINCT session_id) AS sessions
FROM events WHERE kind = 'file_close'
GROUP BY exe ORDER BY bytes_written DESC, exe LIMIT 50
