"""Settings of streams through boto3: what is changed is what is shown, and what it does is done."""

import contextlib
import json

import pytest
from botocore.exceptions import ClientError

SHARD = "shardId-000000000000"


def settled(kinesis, stream):
    kinesis.get_waiter("stream_exists").wait(
        StreamName=stream, WaiterConfig={"Delay": 0.05, "MaxAttempts": 200}
    )
    return kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]


@pytest.fixture
def arn(kinesis, stream):
    return settled(kinesis, stream)["StreamARN"]


@pytest.fixture
def on_demand(kinesis):
    """The name and the ARN of an on-demand stream."""
    name = "contract-on-demand"
    kinesis.create_stream(StreamName=name, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    yield name, settled(kinesis, name)["StreamARN"]
    settled(kinesis, name)
    kinesis.delete_stream(StreamName=name)
    kinesis.get_waiter("stream_not_exists").wait(
        StreamName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 200}
    )


def code(call, **request):
    with pytest.raises(ClientError) as refused:
        call(**request)
    return refused.value.response["Error"]["Code"]


def test_tags_of_a_stream_are_the_same_by_its_name_and_by_its_arn(kinesis, stream, arn):
    kinesis.add_tags_to_stream(StreamName=stream, Tags={"colour": "blue", "size": "s"})
    kinesis.tag_resource(ResourceARN=arn, Tags={"size": "m"})
    expected = [{"Key": "colour", "Value": "blue"}, {"Key": "size", "Value": "m"}]
    assert kinesis.list_tags_for_stream(StreamName=stream)["Tags"] == expected
    assert kinesis.list_tags_for_resource(ResourceARN=arn)["Tags"] == expected
    kinesis.remove_tags_from_stream(StreamName=stream, TagKeys=["colour"])
    kinesis.untag_resource(ResourceARN=arn, TagKeys=["size"])
    answer = kinesis.list_tags_for_stream(StreamName=stream)
    assert (answer["Tags"], answer["HasMoreTags"]) == ([], False)


def test_retention_goes_up_and_down_within_its_bounds(kinesis, stream):
    kinesis.increase_stream_retention_period(StreamName=stream, RetentionPeriodHours=8760)
    assert settled(kinesis, stream)["RetentionPeriodHours"] == 8760
    more = {"StreamName": stream, "RetentionPeriodHours": 8761}
    assert code(kinesis.increase_stream_retention_period, **more) == "InvalidArgumentException"
    kinesis.decrease_stream_retention_period(StreamName=stream, RetentionPeriodHours=24)
    assert settled(kinesis, stream)["RetentionPeriodHours"] == 24


def test_a_policy_is_what_was_put_until_it_is_deleted(kinesis, arn):
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": "123456789012"},
        "Action": "kinesis:GetRecords",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    kinesis.put_resource_policy(ResourceARN=arn, Policy=policy)
    assert kinesis.get_resource_policy(ResourceARN=arn)["Policy"] == policy
    kinesis.delete_resource_policy(ResourceARN=arn)
    left = kinesis.get_resource_policy(ResourceARN=arn)["Policy"]
    assert left == "" or "Allow" not in left


def test_a_consumer_is_registered_read_through_and_deregistered(kinesis, stream, arn):
    made = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="reader")["Consumer"]
    consumer = made["ConsumerARN"]
    taken = {"StreamARN": arn, "ConsumerName": "reader"}
    assert code(kinesis.register_stream_consumer, **taken) == "ResourceInUseException"
    for _ in range(200):
        described = kinesis.describe_stream_consumer(ConsumerARN=consumer)["ConsumerDescription"]
        if described["ConsumerStatus"] == "ACTIVE":
            break
    assert described["StreamARN"] == arn
    listed = kinesis.list_stream_consumers(StreamARN=arn)["Consumers"]
    assert [entry["ConsumerARN"] for entry in listed] == [consumer]
    put = kinesis.put_record(StreamName=stream, PartitionKey="k", Data=b"pushed")
    subscription = kinesis.subscribe_to_shard(
        ConsumerARN=consumer, ShardId=SHARD, StartingPosition={"Type": "TRIM_HORIZON"}
    )
    with contextlib.closing(subscription["EventStream"]) as events:
        pushed = next(iter(events))["SubscribeToShardEvent"]
    (record,) = pushed["Records"]
    assert (record["Data"], record["SequenceNumber"]) == (b"pushed", put["SequenceNumber"])
    kinesis.deregister_stream_consumer(ConsumerARN=consumer)
    while listed := kinesis.list_stream_consumers(StreamARN=arn)["Consumers"]:
        assert listed[0]["ConsumerStatus"] == "DELETING"


def test_a_shard_is_split_and_merged_again(kinesis, stream):
    kinesis.put_record(StreamName=stream, PartitionKey="k", Data=b"before")
    kinesis.split_shard(
        StreamName=stream, ShardToSplit=SHARD, NewStartingHashKey=str(2**127)
    )
    settled(kinesis, stream)
    parent, *halves = kinesis.list_shards(StreamName=stream)["Shards"]
    assert "EndingSequenceNumber" in parent["SequenceNumberRange"]
    assert [half["ParentShardId"] for half in halves] == [SHARD, SHARD]
    left, right = (half["ShardId"] for half in halves)
    kinesis.merge_shards(StreamName=stream, ShardToMerge=left, AdjacentShardToMerge=right)
    settled(kinesis, stream)
    opened = kinesis.list_shards(StreamName=stream, ShardFilter={"Type": "AT_LATEST"})["Shards"]
    (merged,) = opened
    assert (merged["ParentShardId"], merged["AdjacentParentShardId"]) == (left, right)
    assert merged["HashKeyRange"] == {"StartingHashKey": "0", "EndingHashKey": str(2**128 - 1)}


def test_encryption_is_shown_while_it_is_on(kinesis, stream):
    key = {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
    kinesis.start_stream_encryption(StreamName=stream, **key)
    shown = settled(kinesis, stream)
    assert (shown["EncryptionType"], shown["KeyId"]) == ("KMS", "alias/aws/kinesis")
    put = kinesis.put_record(StreamName=stream, PartitionKey="k", Data=b"x")
    assert put["EncryptionType"] == "KMS"
    kinesis.stop_stream_encryption(StreamName=stream, **key)
    assert settled(kinesis, stream)["EncryptionType"] == "NONE"


def test_a_stream_takes_records_as_large_as_it_was_told_to(kinesis, stream, arn):
    large = {"StreamName": stream, "PartitionKey": "k", "Data": b"x" * (2 << 20)}
    assert code(kinesis.put_record, **large) == "ValidationException"
    kinesis.update_max_record_size(StreamARN=arn, MaxRecordSizeInKiB=3072)
    assert settled(kinesis, stream)["MaxRecordSizeInKiB"] == 3072
    kinesis.put_record(**large)


def test_records_are_spread_whatever_their_keys_where_that_is_wanted(kinesis, on_demand):
    name, arn = on_demand
    kinesis.update_stream_record_distribution_strategy(
        StreamARN=arn, RecordDistributionStrategy="AUTO"
    )
    settled(kinesis, name)
    records = [{"PartitionKey": "one", "Data": b"x"} for _ in range(8)]
    spread = kinesis.put_records(StreamName=name, Records=records)["Records"]
    assert len({record["ShardId"] for record in spread}) > 1


def test_warm_throughput_wants_the_account_to_commit_itself(kinesis, on_demand):
    name, arn = on_demand
    warm = {"StreamARN": arn, "WarmThroughputMiBps": 10}
    assert code(kinesis.update_stream_warm_throughput, **warm) == "ValidationException"
    commitment = {"MinimumThroughputBillingCommitment": {"Status": "ENABLED"}}
    kinesis.update_account_settings(**commitment)
    try:
        shown = kinesis.describe_account_settings()["MinimumThroughputBillingCommitment"]
        assert shown["Status"] == "ENABLED"
        kinesis.update_stream_warm_throughput(**warm)
        assert settled(kinesis, name)["WarmThroughput"]["TargetMiBps"] == 10
    finally:
        commitment["MinimumThroughputBillingCommitment"]["Status"] = "DISABLED"
        kinesis.update_account_settings(**commitment)


def test_limits_count_what_there_is(kinesis, make_stream):
    before = kinesis.describe_limits()
    settled(kinesis, make_stream(3))
    after = kinesis.describe_limits()
    assert after["OpenShardCount"] == before["OpenShardCount"] + 3
    assert after["ShardLimit"] == before["ShardLimit"] >= after["OpenShardCount"]
