-- Everything that a process did and that the processes did which it started, from a start of a program on
-- :seq  seq of the process_exec [100]
WITH RECURSIVE root AS (
  SELECT seq, session_id, pid FROM events WHERE seq = CAST(:seq AS BIGINT) AND kind = 'process_exec'
), family_of AS (
  SELECT pid, session_id FROM root
  UNION
  SELECT e.pid, e.session_id FROM events e JOIN family_of f ON e.ppid = f.pid AND e.session_id = f.session_id
  WHERE e.session_id = (SELECT session_id FROM root) AND e.kind IN ('process_exec', 'process_fork')
)
SELECT e.seq, e.time, e.pid, e.kind, e.subject
FROM events e JOIN family_of f ON e.pid = f.pid
WHERE e.session_id = (SELECT session_id FROM root) AND e.seq >= (SELECT seq FROM root)
ORDER BY e.seq LIMIT 1000
