//! Every limit that is not a setting, with its unit. Kinesis's and Lambda's are quoted as theirs.

/// Kinesis: characters in a stream's name.
pub const STREAM_NAME_CHARS: usize = 128;
/// Lambda: characters in a function's name.
pub const FUNCTION_NAME_CHARS: usize = 64;
/// Lambda: characters in an alias.
pub const ALIAS_NAME_CHARS: usize = 128;
/// Ours: published versions of a function; each stays callable.
pub const FUNCTION_VERSIONS: usize = 200;
/// Ours: aliases of a function.
pub const FUNCTION_ALIASES: usize = 200;
/// Ours: statements in all policies of a function; Lambda counts their bytes.
pub const FUNCTION_STATEMENTS: usize = 100;
/// Ours, as long as a function's.
pub const TRIGGER_NAME_CHARS: usize = 64;
/// Kinesis: characters (not bytes) in a partition key.
pub const PARTITION_KEY_CHARS: usize = 256;
/// Kinesis: records in one PutRecords.
pub const PUT_RECORDS_COUNT: usize = 500;
/// Kinesis: bytes of data and keys in one PutRecords, decoded.
pub const PUT_RECORDS_BYTES: usize = 10 * 1024 * 1024;
/// Kinesis: bytes of one record's data and key by default.
pub const RECORD_BYTES: usize = 1024 * 1024;
/// Kinesis: the same, in KiB, as a stream is given it.
pub const RECORD_KIB_DEFAULT: u32 = 1024;
/// Kinesis: what a stream may allow its records, in KiB.
pub const RECORD_KIB: std::ops::RangeInclusive<u32> = 1024..=10_240;
/// Kinesis: bytes of one record's data at most, however a stream is set.
pub const RECORD_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Kinesis: records in one GetRecords.
pub const GET_RECORDS_COUNT: usize = 10_000;
/// Kinesis: bytes in one GetRecords.
pub const GET_RECORDS_BYTES: usize = 10 * 1024 * 1024;
/// Kinesis: how long records of a channel may wait, in seconds. The first is what a new one gets.
pub const CHANNEL_FRESHNESS_SECONDS: std::ops::RangeInclusive<u32> = 300..=900;
/// Ours: channels of a region.
pub const CHANNELS: usize = 100;
/// Kinesis: how long an iterator lives, in milliseconds.
pub const ITERATOR_LIFE_MS: u64 = 300_000;
/// Kinesis: the retention of a new stream, in hours.
pub const RETENTION_DEFAULT_HOURS: u32 = 24;
/// Kinesis: what retention may be set to, in hours.
pub const RETENTION_HOURS: std::ops::RangeInclusive<u32> = 24..=8_760;
/// Kinesis: tags of a stream, a consumer, a channel or a queue.
pub const TAGS: usize = 50;
/// Kinesis: registered consumers and queues of a stream.
pub const CONSUMERS: usize = 20;
/// Kinesis: the same of an on-demand stream whose account has committed to a throughput.
pub const CONSUMERS_COMMITTED: usize = 50;
/// Kinesis: records that a queue gives at once.
pub const RECEIVE_RECORDS: usize = 10;
/// Ours: bytes that a queue gives at once; Kinesis has no limit beside that of records.
pub const RECEIVE_BYTES: usize = 10 * 1024 * 1024;
/// Kinesis: how long a call waits for a queue's records where it does not say, in seconds.
pub const RECEIVE_WAIT_DEFAULT_SECONDS: u64 = 9;
/// Kinesis: for how long a record of a new queue is its worker's alone, in seconds.
pub const VISIBILITY_DEFAULT_SECONDS: u32 = 30;
/// Kinesis: deliveries after which a record of a new queue is dead.
pub const MAX_RECEIVES_DEFAULT: u32 = 6;
/// Kinesis: open shards of an account in a region, where it has no other limit.
pub const SHARD_LIMIT_DEFAULT: u32 = 20_000;
/// Kinesis: shards of a stream that is created without a count.
pub const SHARDS_DEFAULT: u32 = 4;
/// Kinesis: bytes of data and keys that a shard takes in a second.
pub const SHARD_BYTES_IN: u32 = 1 << 20;
/// Kinesis: records that a shard takes in a second.
pub const SHARD_RECORDS_IN: u32 = 1_000;
/// Kinesis: bytes that a shard gives in a second by GetRecords.
pub const SHARD_BYTES_OUT: u32 = 2 << 20;
/// Kinesis: calls of GetRecords that a shard answers in a second.
pub const SHARD_READS: u32 = 5;
/// Ours: shards of an on-demand stream that the host makes by itself, as many as Kinesis gives to
/// the 200 MiB a second that an account has.
pub const SHARDS_ON_DEMAND: usize = 200;
/// Kinesis: how often a stream may be resized by count in 24 hours.
pub const RESIZES_A_DAY: usize = 10;
/// Ours: shards of one cell, over all time (20 bits of a block's row id).
pub const SHARDS_EVER: u32 = 1 << 20;
/// Ours: open shards of one stream that CreateStream may ask for. A put and a function's outputs may
/// reach all of them, and must fit into one commit ([`COMMIT_OPERATIONS`]).
pub const SHARDS_OF_STREAM: u32 = 500;

/// Lambda: records in a batch at most.
pub const BATCH_RECORDS_MAX: u32 = 10_000;
/// Lambda: records in a batch by default.
pub const BATCH_RECORDS_DEFAULT: u32 = 100;
/// Lambda: bytes of a batch; its 6 MB hold base64, which makes 4.5 MB of data.
pub const BATCH_BYTES: usize = 4_718_592;
/// Lambda: bytes of a synchronous call's payload, and so of an event, which is JSON with base64 in it.
pub const EVENT_BYTES: usize = 6_291_556;
/// Lambda: bytes of the answer to one.
pub const EVENT_ANSWER_BYTES: usize = 6_291_556;
/// Lambda: seconds of a batching window at most.
pub const BATCH_WINDOW_SECONDS_MAX: u32 = 300;
/// Seconds of a tumbling window at most.
pub const TUMBLING_WINDOW_SECONDS_MAX: u32 = 900;
/// Bytes of a tumbling window's state; one that is larger ends the window early.
pub const WINDOW_STATE_BYTES: usize = 1024 * 1024;
/// How long after its end a tumbling window is closed where no later record comes.
pub const WINDOW_LATE_MS: u64 = 120_000;
/// Lambda: batches of a shard that a trigger works at once, at most.
pub const PARALLELIZATION_MAX: u32 = 10;
/// Lambda: retry attempts at most.
pub const RETRY_ATTEMPTS_MAX: i32 = 10_000;
/// Lambda: the shortest and the longest age that a record may be given, in seconds.
pub const RECORD_AGE_SECONDS: std::ops::RangeInclusive<i32> = 60..=604_800;

/// Lambda: filters of a trigger: five, and ten where the quota was raised. A host has no quota to raise.
pub const FILTERS: usize = 10;
/// Lambda: characters in a filter's pattern.
pub const FILTER_PATTERN_CHARS: usize = 4096;
/// Ours: how deep the fields of a pattern lie; a name with dots counts as its parts.
pub const FILTER_NESTING: usize = 64;
/// Ours: combinations of the alternatives of a pattern's `$or` lists.
pub const FILTER_WAYS: usize = 1_000;
/// Ours: fields in all of these combinations together.
pub const FILTER_FIELDS: usize = 10_000;
/// Ours: asterisks in one wildcard.
pub const FILTER_WILDCARDS: usize = 32;
/// Ours: records that a lane filters out before it makes durable that it passed them. After a crash
/// at most so many are filtered again.
pub const FILTER_CHECKPOINT_RECORDS: u64 = 10_000;
/// Ours: how long a lane that has nothing else to do waits before it does so, in milliseconds.
pub const FILTER_CHECKPOINT_MS: u64 = 1_000;
/// Ours: bytes that a lane with filters reads at once, so that other lanes get their turn.
pub const FILTER_READ_BYTES: usize = 256 * 1024;

/// Bytes of the ARN of what takes failure records.
pub const DESTINATION_BYTES: usize = 350;

/// Ours: operations in one commit, which is what a replicated log takes atomically.
pub const COMMIT_OPERATIONS: usize = 900;
/// Ours: bytes of an uploaded module.
pub const MODULE_BYTES: usize = 32 * 1024 * 1024;
/// Ours: bytes of an error that a guest gives, as kept in dead letters and answers.
pub const ERROR_BYTES: usize = 4096;
