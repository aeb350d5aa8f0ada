"""A worker with async-kinesis: prints each record's data as a line, until its stdin closes.

Arguments: the stream, the worker's name, the file of leases.
"""

import asyncio
import os
import sys
import threading

from kinesis import Consumer, StringProcessor

from leases import Leases


async def main(stream, worker, leases):
    async with Consumer(
        stream_name=stream,
        endpoint_url=os.environ["MILLSTREAM_URL"],
        region_name="us-east-1",
        checkpointer=Leases(leases, worker),
        processor=StringProcessor(),
        sleep_time_no_records=0.1,
        shard_fetch_rate=20,
        idle_timeout=0.5,
        retry_limit=50,
        expo_backoff=0.2,
        expo_backoff_limit=1,
    ) as consumer:
        # It looks for new shards once a minute, and has no option for that.
        consumer._shard_refresh_interval = 0.5
        while True:
            async for data in consumer:
                print(data, flush=True)


# Nobody is left to print for when the test has ended.
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
asyncio.run(main(*sys.argv[1:]))
