-- Imported events: the kinds that came with them have their views, and a verdict that was not enforced is no refusal.

DROP VIEW process_events;
CREATE VIEW process_events AS
SELECT seq, strftime('%Y-%m-%dT%H:%M:%fZ', time_us / 1000000.0, 'unixepoch') AS time, session_id, command_id, pid,
       json_extract(payload, '$.actor.ppid') AS ppid, kind, subject AS exe, json_extract(payload, '$.argv') AS argv,
       json_extract(payload, '$.actor.cwd') AS cwd, json_extract(payload, '$.exit_code') AS exit_code,
       json_extract(payload, '$.signal') AS signal, json_extract(payload, '$.statistics.wall_time_us') AS wall_time_us,
       json_extract(payload, '$.statistics.user_cpu_us') AS user_cpu_us,
       json_extract(payload, '$.statistics.system_cpu_us') AS system_cpu_us,
       json_extract(payload, '$.statistics.peak_memory_bytes') AS peak_memory_bytes, payload
FROM events
WHERE kind IN ('process_exec', 'process_exit', 'signal_sent', 'image_load', 'process_access',
               'process_fork');

DROP VIEW pipeline_events;
CREATE VIEW pipeline_events AS
SELECT seq, strftime('%Y-%m-%dT%H:%M:%fZ', time_us / 1000000.0, 'unixepoch') AS time, kind, subject, payload
FROM events
WHERE kind IN ('journal_opened', 'journal_checkpoint', 'events_lost', 'policy_loaded', 'sink_stalled', 'sink_recovered',
               'record_unread');

-- Operation, decision and outcome in one row. A decision stands right behind its operation, in the same commit. Of an imported operation
-- the decision says what would have been decided: the outcome is the file's.
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
         iif(json_extract(d.payload, '$.enforced') IS 0, 'imported', 'let through')) END AS outcome
FROM events d JOIN events o ON o.seq = d.seq - 1
WHERE d.kind = 'policy_decision' AND o.id = d.cause;
