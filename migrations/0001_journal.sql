-- The journal. Stock sqlite3 (3.37 or newer) can read all of it.

CREATE TABLE meta(
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE events(
  seq        INTEGER PRIMARY KEY,   -- 1, 2, 3 … without gaps
  id         BLOB NOT NULL,         -- UUIDv7 (observed) or UUIDv8 (derived), 16 bytes
  time_us    INTEGER NOT NULL,      -- microseconds since 1970, UTC
  session_id TEXT,
  command_id TEXT,
  cause      BLOB,                  -- id of the event that it derives from or completes
  kind       TEXT NOT NULL,
  pid        INTEGER,
  subject    TEXT,                  -- the path, host, key or program that it is about
  decision   TEXT,                  -- of a policy_decision
  rule       TEXT,
  severity   INTEGER NOT NULL,      -- OCSF severity_id, 1 to 6
  attack     TEXT,                  -- JSON array of ATT&CK technique ids
  payload    TEXT NOT NULL,         -- JSON object
  leaf       BLOB NOT NULL          -- hash of the Merkle tree's leaf: see docs/journal.md
) STRICT;

CREATE INDEX events_by_session ON events(session_id);
CREATE INDEX events_by_kind ON events(kind);
CREATE INDEX events_by_cause ON events(cause) WHERE cause IS NOT NULL AND kind <> 'policy_decision';

CREATE TRIGGER events_refuse_update BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_refuse_delete BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;

-- The Merkle tree's size and its frontier: the roots of its perfect subtrees, largest first, 32 bytes each.
CREATE TABLE tree(
  one      INTEGER PRIMARY KEY CHECK (one = 1),
  size     INTEGER NOT NULL,
  frontier BLOB NOT NULL
) STRICT;
INSERT INTO tree VALUES (1, 0, x'');

CREATE TABLE checkpoints(
  tree_size INTEGER PRIMARY KEY,    -- covers events 1 to this seq
  root      BLOB NOT NULL,
  time_us   INTEGER NOT NULL,
  note      TEXT NOT NULL           -- C2SP tlog-checkpoint, signed
) STRICT;

-- What was read from each recorder's intake. offered = journaled + lost + what is still in the intake.
CREATE TABLE intakes(
  id         TEXT PRIMARY KEY,
  pid        INTEGER NOT NULL,
  opened_us  INTEGER NOT NULL,
  closed_us  INTEGER,
  state      TEXT NOT NULL CHECK (state IN ('live', 'closed', 'recovered')),
  position   INTEGER NOT NULL,
  number     INTEGER NOT NULL,
  offered    INTEGER NOT NULL,
  journaled  INTEGER NOT NULL,
  lost       INTEGER NOT NULL,
  losses     TEXT NOT NULL          -- JSON: hop → events declared lost
) STRICT, WITHOUT ROWID;

CREATE TABLE cursors(
  name       TEXT PRIMARY KEY,
  seq        INTEGER NOT NULL,
  updated_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A projection of events: `agentsh journal rebuild` drops and recomputes it.
CREATE TABLE sessions(
  session_id    TEXT PRIMARY KEY,
  created_us    INTEGER,
  ended_us      INTEGER,
  workspace     TEXT,
  policy        TEXT,
  policy_digest TEXT,
  uid           INTEGER,
  end_reason    TEXT,
  first_seq     INTEGER NOT NULL,
  last_seq      INTEGER NOT NULL,
  events        INTEGER NOT NULL,
  decisions     INTEGER NOT NULL,
  denied        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE VIEW file_events AS
SELECT seq, strftime('%Y-%m-%dT%H:%M:%fZ', time_us / 1000000.0, 'unixepoch') AS time, session_id, command_id, pid,
       json_extract(payload, '$.actor.exe') AS exe, kind, subject AS path, json_extract(payload, '$.to') AS new_path,
       json_extract(payload, '$.access') AS access, json_extract(payload, '$.bytes_read') AS bytes_read,
       json_extract(payload, '$.bytes_written') AS bytes_written, json_extract(payload, '$.size_before') AS size_before,
       json_extract(payload, '$.size_after') AS size_after, payload
FROM events
WHERE kind IN ('file_open', 'file_create', 'file_read', 'file_write', 'file_close', 'file_delete', 'file_rename', 'file_link',
               'file_symlink', 'file_truncate', 'file_chmod', 'file_chown', 'file_utimens', 'file_xattr', 'dir_create',
               'dir_delete', 'dir_list');

CREATE VIEW network_events AS
SELECT seq, strftime('%Y-%m-%dT%H:%M:%fZ', time_us / 1000000.0, 'unixepoch') AS time, session_id, command_id, pid, kind, subject,
       coalesce(json_extract(payload, '$.host'), json_extract(payload, '$.name')) AS host,
       json_extract(payload, '$.address') AS address, json_extract(payload, '$.port') AS port,
       json_extract(payload, '$.method') AS method, json_extract(payload, '$.path') AS path,
       json_extract(payload, '$.status') AS status, json_extract(payload, '$.bytes_sent') AS bytes_sent,
       json_extract(payload, '$.bytes_received') AS bytes_received, payload
FROM events
WHERE kind IN ('dns_query', 'net_connect', 'net_close', 'http_request', 'http_response', 'tls_handshake');

CREATE VIEW process_events AS
SELECT seq, strftime('%Y-%m-%dT%H:%M:%fZ', time_us / 1000000.0, 'unixepoch') AS time, session_id, command_id, pid,
       json_extract(payload, '$.actor.ppid') AS ppid, kind, subject AS exe, json_extract(payload, '$.argv') AS argv,
       json_extract(payload, '$.actor.cwd') AS cwd, json_extract(payload, '$.exit_code') AS exit_code,
       json_extract(payload, '$.signal') AS signal, json_extract(payload, '$.statistics.wall_time_us') AS wall_time_us,
       json_extract(payload, '$.statistics.user_cpu_us') AS user_cpu_us,
       json_extract(payload, '$.statistics.system_cpu_us') AS system_cpu_us,
       json_extract(payload, '$.statistics.peak_memory_bytes') AS peak_memory_bytes, payload
FROM events
WHERE kind IN ('process_exec', 'process_exit', 'signal_sent', 'image_load', 'process_access');

CREATE VIEW ipc_events AS
SELECT seq, strftime('%Y-%m-%dT%H:%M:%fZ', time_us / 1000000.0, 'unixepoch') AS time, session_id, command_id, pid, kind,
       subject AS address, json_extract(payload, '$.namespace') AS namespace, payload
FROM events
WHERE kind IN ('unix_socket_connect', 'unix_socket_bind', 'unix_socket_listen', 'unix_socket_sendto', 'pipe_create',
               'pipe_connect');

CREATE VIEW registry_events AS
SELECT seq, strftime('%Y-%m-%dT%H:%M:%fZ', time_us / 1000000.0, 'unixepoch') AS time, session_id, command_id, pid, kind,
       json_extract(payload, '$.key') AS key, json_extract(payload, '$.value_name') AS value_name,
       json_extract(payload, '$.data') AS data, payload
FROM events
WHERE kind IN ('registry_create_key', 'registry_open_key', 'registry_query_value', 'registry_set_value',
               'registry_delete_value', 'registry_delete_key', 'registry_rename_key');

CREATE VIEW command_events AS
SELECT seq, strftime('%Y-%m-%dT%H:%M:%fZ', time_us / 1000000.0, 'unixepoch') AS time, session_id, command_id, kind,
       subject AS program, json_extract(payload, '$.argv') AS argv, json_extract(payload, '$.exit_code') AS exit_code,
       json_extract(payload, '$.signal') AS signal, payload
FROM events
WHERE kind IN ('command_started', 'command_finished', 'terminal_output', 'terminal_input', 'terminal_resize');

CREATE VIEW session_events AS
SELECT seq, strftime('%Y-%m-%dT%H:%M:%fZ', time_us / 1000000.0, 'unixepoch') AS time, session_id, kind, subject, payload
FROM events
WHERE kind IN ('session_created', 'session_ended', 'capability_report', 'resource_usage', 'resource_limit_exceeded');

CREATE VIEW derived_events AS
SELECT seq, strftime('%Y-%m-%dT%H:%M:%fZ', time_us / 1000000.0, 'unixepoch') AS time, session_id, command_id, pid, kind, subject,
       decision, rule, json_extract(payload, '$.reason') AS reason, attack, severity, payload
FROM events
WHERE kind IN ('policy_decision', 'approval_requested', 'approval_resolved', 'detection');

CREATE VIEW outcome_events AS
SELECT seq, strftime('%Y-%m-%dT%H:%M:%fZ', time_us / 1000000.0, 'unixepoch') AS time, session_id, command_id, pid, kind, subject,
       json_extract(payload, '$.operation') AS operation, json_extract(payload, '$.error') AS error, payload
FROM events
WHERE kind IN ('operation_failed');

CREATE VIEW pipeline_events AS
SELECT seq, strftime('%Y-%m-%dT%H:%M:%fZ', time_us / 1000000.0, 'unixepoch') AS time, kind, subject, payload
FROM events
WHERE kind IN ('journal_opened', 'journal_checkpoint', 'events_lost', 'policy_loaded', 'sink_stalled', 'sink_recovered');

-- Operation, decision and outcome in one row. A decision stands right behind its operation, in the same commit.
CREATE VIEW operations AS
SELECT o.seq, strftime('%Y-%m-%dT%H:%M:%fZ', o.time_us / 1000000.0, 'unixepoch') AS time, o.session_id, o.command_id, o.pid,
       json_extract(o.payload, '$.actor.exe') AS exe, o.kind AS operation, o.subject, d.decision, d.rule,
       json_extract(d.payload, '$.reason') AS reason,
       CASE WHEN d.decision = 'deny' THEN 'refused' ELSE coalesce(
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
         'let through') END AS outcome
FROM events d JOIN events o ON o.seq = d.seq - 1
WHERE d.kind = 'policy_decision' AND o.id = d.cause;
