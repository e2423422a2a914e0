-- What correlations have counted in each session, kept with the cursor `detect` in one transaction.
CREATE TABLE detection_states(
  session_id TEXT PRIMARY KEY,      -- empty for events without a session
  seq        INTEGER NOT NULL,      -- every event up to this one is counted
  state      TEXT NOT NULL          -- JSON
) STRICT, WITHOUT ROWID;
