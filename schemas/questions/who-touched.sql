-- Which programs opened, wrote, renamed or removed a file
-- :path  the file [/etc/passwd]
SELECT exe, kind, count(*) AS times, count(DISTINCT session_id) AS sessions, min(time) AS first, max(time) AS last
FROM events WHERE family = 'file' AND subject = :path
GROUP BY exe, kind ORDER BY times DESC, exe, kind
