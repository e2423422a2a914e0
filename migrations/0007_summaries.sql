-- What blocks of 4,096 events hold, so that readers pass over blocks in which nothing meets their filter. Nothing depends on it: it may be
-- emptied at any time, and `agentsh journal rebuild` makes it anew. docs/journal.md has the form of the two sets of bits.
CREATE TABLE summaries(
  block    INTEGER PRIMARY KEY,     -- of events block * 4096 + 1 to (block + 1) * 4096
  first_us INTEGER NOT NULL,        -- the earliest and the latest time
  last_us  INTEGER NOT NULL,
  words    BLOB NOT NULL,           -- paths, programs, hosts, processes, kinds, verdicts, rules, techniques, sessions
  runs     BLOB NOT NULL            -- runs of three bytes in subjects and payloads
) STRICT;
