"""For every operation an input that succeeds, with what it acts on made beforehand."""

import json

from world import NAMES, SHARD, channel, queue_source

# One above the beginning of the lower half of all hash keys.
MIDDLE = str(2**127)
ENCRYPTION = {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"AWS": "123456789012"},
            "Action": "kinesis:GetRecords",
        },
    }
)

RECIPES = {}


def recipe(make):
    """Registers the input of the operation that the function is named after."""
    RECIPES[make.__name__] = make
    return make


def of_a_stream(*names, **more):
    """Operations that need nothing but a stream's name."""
    for name in names:
        RECIPES[name] = lambda world: {"StreamName": world.stream()} | more


of_a_stream("DeleteStream", "DescribeStream", "DescribeStreamSummary", "ListShards")
of_a_stream("ListTagsForStream")
of_a_stream("AddTagsToStream", Tags={"colour": "blue"})
of_a_stream("RemoveTagsFromStream", TagKeys=["colour"])
of_a_stream("EnableEnhancedMonitoring", ShardLevelMetrics=["IncomingBytes"])
of_a_stream("DisableEnhancedMonitoring", ShardLevelMetrics=["ALL"])
of_a_stream("GetShardIterator", ShardId=SHARD, ShardIteratorType="TRIM_HORIZON")
of_a_stream("IncreaseStreamRetentionPeriod", RetentionPeriodHours=48)
of_a_stream("SplitShard", ShardToSplit=SHARD, NewStartingHashKey=MIDDLE)
of_a_stream("StartStreamEncryption", **ENCRYPTION)
of_a_stream("UpdateShardCount", TargetShardCount=2, ScalingType="UNIFORM_SCALING")

RECIPES["DescribeAccountSettings"] = lambda world: {}
RECIPES["DescribeLimits"] = lambda world: {}
RECIPES["ListChannels"] = lambda world: {}
RECIPES["ListQueues"] = lambda world: {}
RECIPES["ListStreams"] = lambda world: {}


def of_an_arn(member, *names, **more):
    """Operations that need nothing but a stream's ARN."""
    for name in names:
        RECIPES[name] = lambda world: {member: world.arn(world.stream())} | more


of_an_arn("StreamARN", "ListStreamConsumers")
of_an_arn("StreamARN", "RegisterStreamConsumer", ConsumerName="reader")
of_an_arn("StreamARN", "UpdateMaxRecordSize", MaxRecordSizeInKiB=2048)
of_an_arn("StreamARN", "UpdateStreamMode", StreamModeDetails={"StreamMode": "ON_DEMAND"})
of_an_arn("ResourceARN", "ListTagsForResource", "GetResourcePolicy")
of_an_arn("ResourceARN", "TagResource", Tags={"colour": "blue"})
of_an_arn("ResourceARN", "UntagResource", TagKeys=["colour"])
of_an_arn("ResourceARN", "PutResourcePolicy", Policy=POLICY)


def of_a_consumer(*names):
    for name in names:
        RECIPES[name] = lambda world: {"ConsumerARN": world.consumer(world.stream())["ConsumerARN"]}


of_a_consumer("DescribeStreamConsumer", "DeregisterStreamConsumer")


def of_a_channel(*names, **more):
    for name in names:
        RECIPES[name] = lambda world: {"ChannelARN": world.channel(on_demand(world))} | more


of_a_channel("DeleteChannel", "DescribeChannel")
of_a_channel("UpdateChannel", S3DestinationConfiguration={"DataFreshnessInSeconds": 300})


def of_a_queue(*names, **more):
    for name in names:
        RECIPES[name] = lambda world: {"QueueARN": world.queue(on_demand(world))} | more


of_a_queue("DeleteQueue", "DescribeQueue")
of_a_queue("UpdateQueue", QueueAttributes={"VisibilityTimeoutSeconds": 60})


def on_demand(world):
    return world.stream(StreamModeDetails={"StreamMode": "ON_DEMAND"})


@recipe
def CreateStream(world):
    name = f"model-{next(NAMES)}"
    return {"StreamName": name, "ShardCount": 1}


@recipe
def DecreaseStreamRetentionPeriod(world):
    name = world.stream()
    world.kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=48)
    world.settled(name)
    return {"StreamName": name, "RetentionPeriodHours": 24}


@recipe
def DeleteResourcePolicy(world):
    arn = world.arn(world.stream())
    world.kinesis.put_resource_policy(ResourceARN=arn, Policy=POLICY)
    return {"ResourceARN": arn}


@recipe
def GetRecords(world):
    name = world.stream()
    world.put(name)
    return {"ShardIterator": world.iterator(name)}


@recipe
def PutRecord(world):
    return {"StreamName": spread(world), "Data": "LQ=="}


@recipe
def PutRecords(world):
    return {"StreamName": spread(world), "Records": [{"Data": "LQ=="}]}


def spread(world):
    """A stream that leaves everything to its producers that the model does: keys, and the size."""
    return world.stream(
        StreamModeDetails={"StreamMode": "ON_DEMAND"},
        RecordDistributionStrategy="AUTO",
        MaxRecordSizeInKiB=10_240,
    )


@recipe
def MergeShards(world):
    name = world.stream(2)
    return {
        "StreamName": name,
        "ShardToMerge": SHARD,
        "AdjacentShardToMerge": "shardId-000000000001",
    }


@recipe
def StopStreamEncryption(world):
    name = world.stream()
    world.kinesis.start_stream_encryption(StreamName=name, **ENCRYPTION)
    world.settled(name)
    return {"StreamName": name} | ENCRYPTION


@recipe
def SubscribeToShard(world):
    name = world.stream()
    world.put(name)
    return {
        "ConsumerARN": world.consumer(name)["ConsumerARN"],
        "ShardId": SHARD,
        "StartingPosition": {"Type": "TRIM_HORIZON"},
    }


@recipe
def UpdateAccountSettings(world):
    return {"MinimumThroughputBillingCommitment": {"Status": "DISABLED"}}


@recipe
def UpdateStreamRecordDistributionStrategy(world):
    return {"StreamARN": world.arn(on_demand(world)), "RecordDistributionStrategy": "AUTO"}


@recipe
def UpdateStreamWarmThroughput(world):
    world.kinesis.update_account_settings(
        MinimumThroughputBillingCommitment={"Status": "ENABLED"}
    )
    return {"StreamARN": world.arn(on_demand(world)), "WarmThroughputMiBps": 10}


@recipe
def CreateChannel(world):
    return channel(world.arn(on_demand(world)))


@recipe
def CreateQueue(world):
    return {
        "QueueName": f"queue-{next(NAMES)}",
        "StreamConfigurationList": [queue_source(world.arn(on_demand(world)))],
    }


@recipe
def ReceiveQueueRecords(world):
    name = on_demand(world)
    queue = world.queue(name)
    # Enough for all requests that are answered, so that none of them waits.
    world.put(name, 300)
    return {"QueueARN": queue}


def delivered(world):
    """A record in a worker's hands."""
    name = on_demand(world)
    queue = world.queue(name)
    world.put(name)
    answer = world.kinesis.receive_queue_records(QueueARN=queue, WaitTimeSeconds=10)
    (record,) = answer["QueueRecords"]
    return queue, {"ReceiptHandle": record["ReceiptHandle"]}


@recipe
def AcknowledgeQueueRecords(world):
    queue, entry = delivered(world)
    return {"QueueARN": queue, "Entries": [entry]}


@recipe
def UpdateQueueRecordsVisibility(world):
    queue, entry = delivered(world)
    return {"QueueARN": queue, "Entries": [entry | {"VisibilityTimeoutSeconds": 60}]}


def dying(world, count):
    """A queue of which so many records were given up."""
    name = on_demand(world)
    queue = world.queue(
        name,
        VisibilityTimeoutSeconds=0,
        DeadLetterConfiguration={"TargetType": "BUILT_IN", "MaxReceiveCount": 1},
    )
    world.put(name, count)
    received = 0
    while received < count:
        received += len(world.kinesis.receive_queue_records(QueueARN=queue)["QueueRecords"])
    return queue


@recipe
def ReceiveDeadLetterQueueRecords(world):
    return {"QueueARN": dying(world, 300)}


def dead(world):
    """A record that was given up, in a worker's hands."""
    queue = dying(world, 1)
    (record,) = world.kinesis.receive_dead_letter_queue_records(
        QueueARN=queue, VisibilityTimeoutSeconds=60
    )["QueueRecords"]
    return queue, {"ReceiptHandle": record["ReceiptHandle"]}


@recipe
def AcknowledgeDeadLetterQueueRecords(world):
    queue, entry = dead(world)
    return {"QueueARN": queue, "Entries": [entry]}


@recipe
def RestoreDeadLetterQueueRecords(world):
    queue, entry = dead(world)
    return {"QueueARN": queue, "Entries": [entry]}


@recipe
def UpdateDeadLetterQueueRecordsVisibility(world):
    queue, entry = dead(world)
    return {"QueueARN": queue, "Entries": [entry | {"VisibilityTimeoutSeconds": 60}]}
