-- Files that were written and then run, in the same session
SELECT x.session_id, x.subject AS program, min(w.seq) AS written, min(x.seq) AS run
FROM (SELECT DISTINCT session_id, subject, seq FROM events WHERE kind = 'process_exec') x
JOIN (SELECT session_id, subject, min(seq) AS seq FROM events
      WHERE kind = 'file_create' OR (kind = 'file_close' AND bytes_written > 0) GROUP BY session_id, subject) w
  ON w.session_id = x.session_id AND w.subject = x.subject AND w.seq < x.seq
GROUP BY 1, 2 ORDER BY run, 1, 2 LIMIT 100
