"""Streams and shards through boto3: every control action, its paging and its waiters."""

import datetime

import pytest

HASH_KEYS = 2**128


def test_a_stream_is_active_as_soon_as_it_was_created(kinesis, make_stream):
    name = make_stream(3)
    described = kinesis.describe_stream(StreamName=name)["StreamDescription"]
    assert described["StreamName"] == name
    assert described["StreamStatus"] == "ACTIVE"
    assert described["RetentionPeriodHours"] == 24
    assert described["HasMoreShards"] is False
    assert described["EnhancedMonitoring"] == [{"ShardLevelMetrics": []}]
    assert described["StreamARN"].endswith(f":stream/{name}")
    created = described["StreamCreationTimestamp"]
    age = datetime.datetime.now(datetime.timezone.utc) - created
    assert abs(age) < datetime.timedelta(minutes=5)


def test_shards_divide_all_hash_keys_evenly(kinesis, make_stream):
    name = make_stream(3)
    shards = kinesis.describe_stream(StreamName=name)["StreamDescription"]["Shards"]
    assert [shard["ShardId"] for shard in shards] == [f"shardId-{n:012}" for n in range(3)]
    ends = [int(shard["HashKeyRange"]["EndingHashKey"]) for shard in shards]
    assert ends == [
        113427455640312821154458202477256070484,
        226854911280625642308916404954512140969,
        340282366920938463463374607431768211455,
    ]
    starts = [int(shard["HashKeyRange"]["StartingHashKey"]) for shard in shards]
    assert starts == [0] + [end + 1 for end in ends[:-1]]
    for shard in shards:
        assert len(shard["SequenceNumberRange"]["StartingSequenceNumber"]) == 56
        assert "EndingSequenceNumber" not in shard["SequenceNumberRange"]


def test_a_summary_counts_open_shards(kinesis, make_stream):
    name = make_stream(5)
    summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert summary["OpenShardCount"] == 5
    assert summary["StreamStatus"] == "ACTIVE"
    assert summary["StreamName"] == name


def test_a_stream_without_a_shard_count_has_four(kinesis):
    kinesis.create_stream(StreamName="contract-default")
    summary = kinesis.describe_stream_summary(StreamName="contract-default")
    assert summary["StreamDescriptionSummary"]["OpenShardCount"] == 4
    kinesis.delete_stream(StreamName="contract-default")


def test_a_stream_answers_to_its_arn(kinesis, make_stream):
    name = make_stream()
    arn = kinesis.describe_stream(StreamName=name)["StreamDescription"]["StreamARN"]
    put = kinesis.put_record(StreamARN=arn, PartitionKey="k", Data=b"by arn")
    listed = kinesis.list_shards(StreamARN=arn)["Shards"]
    assert put["ShardId"] == listed[0]["ShardId"]
    both = kinesis.describe_stream_summary(StreamName=name, StreamARN=arn)
    assert both["StreamDescriptionSummary"]["StreamARN"] == arn
    answer = kinesis.get_shard_iterator(
        StreamARN=arn, ShardId=put["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )
    page = kinesis.get_records(ShardIterator=answer["ShardIterator"], StreamARN=arn)
    assert [record["Data"] for record in page["Records"]] == [b"by arn"]


def test_the_waiters_see_a_stream_come_and_go(kinesis):
    kinesis.create_stream(StreamName="contract-waited", ShardCount=1)
    soon = {"Delay": 1, "MaxAttempts": 30}
    kinesis.get_waiter("stream_exists").wait(StreamName="contract-waited", WaiterConfig=soon)
    kinesis.delete_stream(StreamName="contract-waited", EnforceConsumerDeletion=True)
    kinesis.get_waiter("stream_not_exists").wait(StreamName="contract-waited", WaiterConfig=soon)


# How often to look for a status, in seconds.
SOON = {"Delay": 0.05, "MaxAttempts": 200}


def test_a_name_can_be_used_again_after_its_stream_was_deleted(kinesis, read):
    name = "contract-again"
    for attempt in range(2):
        kinesis.create_stream(StreamName=name, ShardCount=1)
        kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig=SOON)
        assert read(name) == []
        kinesis.put_record(StreamName=name, PartitionKey="k", Data=f"life {attempt}".encode())
        assert [record["Data"] for record in read(name)] == [f"life {attempt}".encode()]
        kinesis.delete_stream(StreamName=name)
        kinesis.get_waiter("stream_not_exists").wait(StreamName=name, WaiterConfig=SOON)


def test_listing_streams_pages_through_all_of_them(kinesis, make_stream):
    made = sorted(make_stream() for _ in range(7))
    paginator = kinesis.get_paginator("list_streams")
    pages = list(paginator.paginate(PaginationConfig={"PageSize": 2}))
    assert all(len(page["StreamNames"]) <= 2 for page in pages)
    names = [name for page in pages for name in page["StreamNames"]]
    assert names == sorted(names)
    assert set(made) <= set(names)
    assert len(names) == len(set(names))
    summaries = [summary["StreamName"] for page in pages for summary in page["StreamSummaries"]]
    assert summaries == names


def test_listing_streams_can_begin_after_one(kinesis, make_stream):
    made = sorted(make_stream() for _ in range(3))
    listed = kinesis.list_streams(ExclusiveStartStreamName=made[0], Limit=10_000)
    assert made[0] not in listed["StreamNames"]
    assert set(made[1:]) <= set(listed["StreamNames"])
    assert listed["HasMoreStreams"] is False


def test_describing_a_stream_pages_through_its_shards(kinesis, make_stream):
    name = make_stream(11)
    paginator = kinesis.get_paginator("describe_stream")
    pages = list(paginator.paginate(StreamName=name, PaginationConfig={"PageSize": 4}))
    shards = [page["StreamDescription"]["Shards"] for page in pages]
    assert [len(page) for page in shards] == [4, 4, 3]
    ids = [shard["ShardId"] for page in shards for shard in page]
    assert ids == [f"shardId-{n:012}" for n in range(11)]


def test_listed_shards_are_paged_by_their_token_alone(kinesis, make_stream):
    name = make_stream(11)
    page = kinesis.list_shards(StreamName=name, MaxResults=4)
    ids = [shard["ShardId"] for shard in page["Shards"]]
    while "NextToken" in page:
        assert len(page["Shards"]) == 4
        page = kinesis.list_shards(NextToken=page["NextToken"], MaxResults=4)
        ids += [shard["ShardId"] for shard in page["Shards"]]
    assert ids == [f"shardId-{n:012}" for n in range(11)]


@pytest.mark.parametrize(
    "shard_filter, expected",
    [
        ({"Type": "AT_LATEST"}, 4),
        ({"Type": "AT_TRIM_HORIZON"}, 4),
        ({"Type": "FROM_TRIM_HORIZON"}, 4),
        ({"Type": "AFTER_SHARD_ID", "ShardId": "shardId-000000000001"}, 2),
    ],
)
def test_shards_can_be_filtered(kinesis, make_stream, shard_filter, expected):
    name = make_stream(4)
    shards = kinesis.list_shards(StreamName=name, ShardFilter=shard_filter)["Shards"]
    assert len(shards) == expected


def test_shards_can_be_listed_after_one(kinesis, make_stream):
    name = make_stream(4)
    after = kinesis.list_shards(StreamName=name, ExclusiveStartShardId="shardId-000000000002")
    assert [shard["ShardId"] for shard in after["Shards"]] == ["shardId-000000000003"]


def test_five_hundred_shards_cover_all_hash_keys(kinesis, make_stream):
    name = make_stream(500)
    paginator = kinesis.get_paginator("list_shards")
    pages = paginator.paginate(StreamName=name)
    ranges = [shard["HashKeyRange"] for page in pages for shard in page["Shards"]]
    covered = sum(int(r["EndingHashKey"]) - int(r["StartingHashKey"]) + 1 for r in ranges)
    assert len(ranges) == 500
    assert covered == HASH_KEYS
