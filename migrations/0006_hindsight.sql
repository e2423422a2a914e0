-- A verdict in hindsight is not only for imports.

-- Operation, decision and outcome in one row. A decision stands right behind its operation, in the same commit. Where it was
-- not enforced it says what would have been decided, and nothing was refused: of an imported operation the outcome is the file's.
DROP VIEW operations;
CREATE VIEW operations AS
SELECT o.seq, strftime('%Y-%m-%dT%H:%M:%fZ', o.time_us / 1000000.0, 'unixepoch') AS time, o.session_id, o.command_id, o.pid,
       json_extract(o.payload, '$.actor.exe') AS exe, o.kind AS operation, o.subject, d.decision, d.rule,
       json_extract(d.payload, '$.reason') AS reason,
       CASE WHEN d.decision = 'deny' AND json_extract(d.payload, '$.enforced') IS NOT 0 THEN 'refused' ELSE coalesce(
         (SELECT CASE c.kind
                   WHEN 'operation_failed' THEN 'failed: ' || json_extract(c.payload, '$.error')
                   WHEN 'process_exit' THEN coalesce('exit ' || json_extract(c.payload, '$.exit_code'),
                                                     json_extract(c.payload, '$.signal'), 'ended')
                   WHEN 'command_finished' THEN coalesce('failed: ' || json_extract(c.payload, '$.error'),
                                                         json_extract(c.payload, '$.signal'),
                                                         'exit ' || json_extract(c.payload, '$.exit_code'))
                   WHEN 'http_response' THEN coalesce('status ' || json_extract(c.payload, '$.status'),
                                                      'failed: ' || json_extract(c.payload, '$.error'))
                   WHEN 'net_close' THEN 'sent ' || json_extract(c.payload, '$.bytes_sent') || ', received '
                                         || json_extract(c.payload, '$.bytes_received')
                   WHEN 'file_close' THEN 'read ' || json_extract(c.payload, '$.bytes_read') || ', wrote '
                                          || json_extract(c.payload, '$.bytes_written')
                 END
          FROM events c
          WHERE c.cause = o.id AND c.kind <> 'policy_decision'
            AND c.kind IN ('operation_failed', 'process_exit', 'command_finished', 'http_response', 'net_close', 'file_close')
          ORDER BY c.seq DESC LIMIT 1),
         iif(json_extract(o.payload, '$.imported') IS NOT NULL, 'imported', 'let through')) END AS outcome
FROM events d JOIN events o ON o.seq = d.seq - 1
WHERE d.kind = 'policy_decision' AND o.id = d.cause;
