// A worker with lifion-kinesis: prints each record's data as a line, until its stdin closes.
// Arguments: the stream, and the address of a DynamoDB for its leases.
'use strict';

const Kinesis = require('lifion-kinesis');

const [streamName, dynamoDb] = process.argv.slice(2);
const place = {
  region: 'us-east-1',
  credentials: { accessKeyId: 'any', secretAccessKey: 'any' }
};
const silent = () => {};
const logger = process.env.LIFION_DEBUG
  ? { debug: console.error, error: console.error, warn: console.error }
  : { debug: silent, error: silent, warn: silent };

const consumer = new Kinesis({
  ...place,
  endpoint: process.env.MILLSTREAM_URL,
  streamName,
  consumerGroup: 'group',
  createStreamIfNeeded: false,
  dynamoDb: { ...place, endpoint: dynamoDb },
  initialPositionInStream: 'TRIM_HORIZON',
  leaseAcquisitionInterval: 1000,
  leaseAcquisitionRecoveryInterval: 500,
  logger,
  noRecordsPollDelay: 250,
  pollDelay: 50,
  shouldParseJson: false,
  // Not its subscriptions: those go to Amazon's own name, and end at two events in one read.
  useEnhancedFanOut: false,
  // What was read is taken down as read only once it has been printed.
  usePausedPolling: true
});

consumer.on('data', ({ records, continuePolling }) => {
  const lines = records.map(({ data }) => `${data}\n`).join('');
  process.stdout.write(lines, () => continuePolling && continuePolling());
});
consumer.on('error', (error) => {
  console.error(error);
  process.exit(1);
});
process.stdin.on('end', () => process.exit(0)).resume();
consumer.startConsumer().catch((error) => {
  console.error(error);
  process.exit(1);
});
