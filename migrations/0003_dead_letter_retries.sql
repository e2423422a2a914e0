-- Dead letters that somebody asked to be sent again, until the sink has tried.

CREATE TABLE dead_letter_retries(
  sink     TEXT NOT NULL,
  seq      INTEGER NOT NULL,
  asked_us INTEGER NOT NULL,
  PRIMARY KEY (sink, seq)
) STRICT, WITHOUT ROWID;
