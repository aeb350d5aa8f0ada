"""A worker with async-kinesis: prints each record's data as a line, until its stdin closes.

Arguments: the stream, the worker's name, the file of leases.
"""

import asyncio
import os
import sys
import threading

from botocore.exceptions import BotoCoreError, ClientError
from kinesis import Consumer, StringProcessor

from leases import Leases


class Steady(Consumer):
    """Asks for a shard's iterator until the host is there: where that fails, the consumer holds the
    shard's lease and never reads it."""

    async def get_shard_iterator(self, *arguments, **named):
        while True:
            try:
                return await super().get_shard_iterator(*arguments, **named)
            except BotoCoreError:
                await asyncio.sleep(0.1)


async def main(stream, worker, leases):
    while True:
        try:
            await work(stream, worker, leases)
        except (BotoCoreError, ClientError) as lost:
            print(f"begins again: {lost}", file=sys.stderr)
            await asyncio.sleep(0.5)


async def work(stream, worker, leases):
    """Works until the consumer gives up: after some errors in a row it stops fetching, silently, as
    while the host is down."""
    async with Steady(
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
        fetches = True
        while fetches:
            async for data in consumer:
                print(data, flush=True)
            fetches = consumer.fetch_task is not None and not consumer.fetch_task.done()


# Nobody is left to print for when the test has ended.
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
asyncio.run(main(*sys.argv[1:]))
