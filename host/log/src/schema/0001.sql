-- One row: what the log knows of itself.
CREATE TABLE meta (
    only INTEGER PRIMARY KEY CHECK (only = 0),
    -- Raised at each open; the high bits of every position that is given until the next one.
    epoch INTEGER NOT NULL,
    -- The newest commit, unless a block names a newer one.
    commit_number INTEGER NOT NULL,
    -- 1 in a backup that was never opened: the next open leaps ahead of the original's epochs.
    restored INTEGER NOT NULL
) STRICT;

INSERT INTO meta VALUES (0, 0, 0, 0);

-- The records of one commit for one shard; id = shard << 43 | ordinal of the first record.
CREATE TABLE block (
    id INTEGER PRIMARY KEY,
    epoch INTEGER NOT NULL,
    count INTEGER NOT NULL,
    arrival_ms INTEGER NOT NULL,
    commit_number INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    columns BLOB NOT NULL
) STRICT;

-- Where in a shard the records of an epoch begin.
CREATE TABLE run (
    shard INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    first INTEGER NOT NULL,
    PRIMARY KEY (shard, epoch)
) STRICT, WITHOUT ROWID;

-- What the blocks of a shard cannot tell once they are removed.
CREATE TABLE shard (
    number INTEGER PRIMARY KEY,
    next INTEGER NOT NULL,
    arrival_ms INTEGER NOT NULL,
    -- 0 open, 1 dropped with blocks left to remove, 2 dropped.
    state INTEGER NOT NULL
) STRICT;

CREATE TABLE key_value (
    key BLOB PRIMARY KEY,
    crc INTEGER NOT NULL,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
