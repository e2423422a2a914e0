-- Readers that come back by name, what a sink's peer refused, and where each sensor stands.

-- Subscribers that acknowledge. Sinks and detectors keep their place in `cursors`.
CREATE TABLE consumers(
  name            TEXT PRIMARY KEY,
  acked           INTEGER NOT NULL,  -- every event up to this seq is done with
  delivered       INTEGER NOT NULL,  -- everything up to this seq was sent; may lag by a moment
  paused          INTEGER NOT NULL CHECK (paused IN (0, 1)),
  max_ack_pending INTEGER NOT NULL,  -- events that may be delivered and not acknowledged
  owner           TEXT,              -- name of the key that made it
  created_us      INTEGER NOT NULL,
  updated_us      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE dead_letters(
  sink     TEXT NOT NULL,
  seq      INTEGER NOT NULL,
  time_us  INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  reason   TEXT NOT NULL,
  PRIMARY KEY (sink, seq)
) STRICT, WITHOUT ROWID;

-- A projection of events: the last event that each sensor has in the journal.
CREATE TABLE sensors(
  name     TEXT PRIMARY KEY,
  sequence INTEGER NOT NULL,
  seq      INTEGER NOT NULL,         -- of that event
  time_us  INTEGER NOT NULL,
  events   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
