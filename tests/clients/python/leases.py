"""Where the workers of a group keep who reads which shard, and how far: a file of SQLite.

It implements what async-kinesis asks of a check-pointer. A worker that is killed stops renewing its
leases, and another one takes them over.
"""

import asyncio
import sqlite3
import time

from kinesis.checkpointers import BaseCheckPointer

LIFE = 3.0
RENEWAL = 0.5


class Leases(BaseCheckPointer):
    def __init__(self, path, worker):
        super().__init__(name="group", id=worker)
        self.file = sqlite3.connect(path, isolation_level=None, timeout=30)
        self.file.execute(
            "CREATE TABLE IF NOT EXISTS lease"
            " (shard TEXT PRIMARY KEY, owner TEXT, until REAL, sequence TEXT)"
        )
        self.renewing = asyncio.get_running_loop().create_task(self.renew())

    async def renew(self):
        while True:
            await asyncio.sleep(RENEWAL)
            self.file.execute(
                "UPDATE lease SET until = ? WHERE owner = ?", (time.time() + LIFE, str(self._id))
            )

    async def allocate(self, shard_id):
        now = time.time()
        self.file.execute("INSERT OR IGNORE INTO lease VALUES (?, NULL, 0, NULL)", (shard_id,))
        taken = self.file.execute(
            "UPDATE lease SET owner = ?, until = ?"
            " WHERE shard = ? AND (owner IS NULL OR owner = ? OR until < ?) RETURNING sequence",
            # Its own too: a worker that begins again has the leases of its life before.
            (str(self._id), now + LIFE, shard_id, str(self._id), now),
        ).fetchall()
        if not taken:
            return False, None
        self._items[shard_id] = taken[0][0]
        return True, taken[0][0]

    async def checkpoint(self, shard_id, sequence_number):
        self.file.execute(
            "UPDATE lease SET sequence = ? WHERE shard = ? AND owner = ?",
            (sequence_number, shard_id, str(self._id)),
        )
        self._items[shard_id] = sequence_number

    async def deallocate(self, shard_id):
        self.file.execute(
            "UPDATE lease SET owner = NULL, until = 0 WHERE shard = ? AND owner = ?",
            (shard_id, str(self._id)),
        )
        self._items.pop(shard_id, None)

    async def close(self):
        self.renewing.cancel()
        await asyncio.gather(*(self.deallocate(shard) for shard in list(self._items)))
