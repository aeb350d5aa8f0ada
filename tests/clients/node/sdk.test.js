// What a program with the AWS SDK for JavaScript does with a stream. It speaks HTTP/2 in clear, as
// the SDK does by itself where the endpoint has no TLS, and HTTP/1.1 where it is told to.
'use strict';

const assert = require('node:assert');
const { after, test } = require('node:test');
const {
  CreateStreamCommand,
  DescribeStreamCommand,
  DescribeStreamConsumerCommand,
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
  PutRecordCommand,
  PutRecordsCommand,
  RegisterStreamConsumerCommand,
  ResourceInUseException,
  ResourceNotFoundException,
  SplitShardCommand,
  SubscribeToShardCommand,
  waitUntilStreamExists
} = require('@aws-sdk/client-kinesis');
const { NodeHttpHandler } = require('@smithy/node-http-handler');

const options = {
  endpoint: process.env.MILLSTREAM_URL,
  region: 'us-east-1',
  credentials: { accessKeyId: 'any', secretAccessKey: 'any' }
};
const clients = {
  'HTTP/2': new KinesisClient(options),
  'HTTP/1.1': new KinesisClient({ ...options, requestHandler: new NodeHttpHandler() })
};
after(() => Object.values(clients).forEach((client) => client.destroy()));

const SHARD = 'shardId-000000000000';
let made = 0;

async function stream(client, shards) {
  made += 1;
  const StreamName = `node-${made}`;
  await client.send(new CreateStreamCommand({ StreamName, ShardCount: shards }));
  const waited = { client, maxWaitTime: 30, minDelay: 1, maxDelay: 1 };
  await waitUntilStreamExists(waited, { StreamName });
  return StreamName;
}

async function drained(client, StreamName, ShardId) {
  const place = { StreamName, ShardId, ShardIteratorType: 'TRIM_HORIZON' };
  let { ShardIterator } = await client.send(new GetShardIteratorCommand(place));
  const records = [];
  while (ShardIterator) {
    const page = await client.send(new GetRecordsCommand({ ShardIterator }));
    records.push(...page.Records);
    if (page.Records.length === 0 && page.MillisBehindLatest === 0) break;
    ShardIterator = page.NextShardIterator;
  }
  return records;
}

async function active(describe, status) {
  for (;;) {
    const described = await describe();
    if (described[status] === 'ACTIVE') return described;
    await new Promise((done) => setTimeout(done, 20));
  }
}

for (const [protocol, client] of Object.entries(clients)) {
  test(`a subscription follows its shard to the end over ${protocol}`, async () => {
    const StreamName = await stream(client, 1);
    const summary = () => client.send(new DescribeStreamSummaryCommand({ StreamName }));
    const { StreamARN } = (await summary()).StreamDescriptionSummary;
    const asked = { StreamARN, ConsumerName: 'reader' };
    const { Consumer } = await client.send(new RegisterStreamConsumerCommand(asked));
    const { ConsumerARN } = Consumer;
    const consumer = () => client.send(new DescribeStreamConsumerCommand({ ConsumerARN }));
    await active(async () => (await consumer()).ConsumerDescription, 'ConsumerStatus');
    const put = (text) =>
      client.send(new PutRecordCommand({ StreamName, PartitionKey: text, Data: Buffer.from(text) }));

    await put('before');
    const { EventStream } = await client.send(
      new SubscribeToShardCommand({
        ConsumerARN,
        ShardId: SHARD,
        StartingPosition: { Type: 'TRIM_HORIZON' }
      })
    );
    const found = [];
    let children;
    for await (const { SubscribeToShardEvent: event } of EventStream) {
      assert.strictEqual(typeof event.MillisBehindLatest, 'number');
      for (const { Data } of event.Records) {
        const text = Buffer.from(Data).toString();
        found.push(text);
        if (text === 'before') await put('during');
        if (text === 'during') {
          const NewStartingHashKey = `${2n ** 127n}`;
          const split = { StreamName, ShardToSplit: SHARD, NewStartingHashKey };
          await client.send(new SplitShardCommand(split));
        }
      }
      children = event.ChildShards ?? children;
    }
    assert.deepStrictEqual(found, ['before', 'during']);
    assert.deepStrictEqual(
      children.map(({ ShardId, ParentShards }) => [ShardId, ParentShards]),
      [
        ['shardId-000000000001', [SHARD]],
        ['shardId-000000000002', [SHARD]]
      ]
    );
  });

  test(`records come back byte for byte over ${protocol}`, async () => {
    const StreamName = await stream(client, 1);
    const bodies = [Buffer.alloc(0), Buffer.from([0, 255, 128]), Buffer.from('h\u00e9llo'), Buffer.alloc(100_001, 7)];
    for (const Data of bodies) {
      await client.send(new PutRecordCommand({ StreamName, PartitionKey: 'k\u00e9y', Data }));
    }
    const records = await drained(client, StreamName, SHARD);
    assert.deepStrictEqual(records.map(({ Data }) => Buffer.from(Data)), bodies);
    for (const { ApproximateArrivalTimestamp, PartitionKey } of records) {
      assert(ApproximateArrivalTimestamp instanceof Date);
      assert(Math.abs(Date.now() - ApproximateArrivalTimestamp) < 300_000);
      assert.strictEqual(PartitionKey, 'k\u00e9y');
    }
  });

  test(`records are found again in all shards over ${protocol}`, async () => {
    const StreamName = await stream(client, 3);
    const Records = Array.from({ length: 500 }, (_, n) => ({
      PartitionKey: `key-${n % 37}`,
      Data: Buffer.from(`${n}`)
    }));
    const put = await client.send(new PutRecordsCommand({ StreamName, Records }));
    assert.strictEqual(put.FailedRecordCount, 0);
    const found = [];
    let asked = { StreamName };
    while (asked) {
      const page = await client.send(new ListShardsCommand({ ...asked, MaxResults: 1 }));
      assert(page.Shards.length <= 1);
      for (const { ShardId } of page.Shards) {
        found.push(...(await drained(client, StreamName, ShardId)));
      }
      asked = page.NextToken && { NextToken: page.NextToken };
    }
    const numbers = found.map(({ Data }) => Number(Buffer.from(Data)));
    assert.deepStrictEqual(numbers.sort((a, b) => a - b), Records.map((_, n) => n));
  });

  test(`errors are of the SDK's own classes over ${protocol}`, async () => {
    const StreamName = await stream(client, 1);
    await assert.rejects(
      client.send(new CreateStreamCommand({ StreamName, ShardCount: 1 })),
      ResourceInUseException
    );
    await assert.rejects(
      client.send(new DescribeStreamCommand({ StreamName: 'absent' })),
      (error) => {
        assert(error instanceof ResourceNotFoundException);
        assert.match(error.message, /^Stream absent under account \d{12} not found\.$/);
        assert.strictEqual(error.$metadata.httpStatusCode, 400);
        return true;
      }
    );
  });
}
