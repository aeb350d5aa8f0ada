-- Whether a shard was closed by a split or a merge: it takes no more records, and keeps its own.
ALTER TABLE shard ADD COLUMN closed INTEGER NOT NULL DEFAULT 0;
