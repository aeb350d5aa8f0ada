"""Where reading begins, through boto3: all five iterator types, how far behind, and forgeries."""

import datetime
import time

import pytest

from conftest import drain

SHARD = "shardId-000000000000"


@pytest.fixture
def five(kinesis, stream):
    """A stream with five records, and their sequence numbers."""
    puts = [
        kinesis.put_record(StreamName=stream, PartitionKey="k", Data=f"{n}".encode())
        for n in range(5)
    ]
    return stream, [put["SequenceNumber"] for put in puts]


def data(records):
    return [int(record["Data"]) for record in records]


def test_trim_horizon_begins_at_the_oldest(five, read):
    stream, _ = five
    assert data(read(stream, ShardIteratorType="TRIM_HORIZON")) == [0, 1, 2, 3, 4]


def test_at_sequence_number_includes_the_record(five, read):
    stream, numbers = five
    how = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": numbers[2]}
    assert data(read(stream, **how)) == [2, 3, 4]


def test_after_sequence_number_excludes_the_record(five, read):
    stream, numbers = five
    how = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": numbers[2]}
    assert data(read(stream, **how)) == [3, 4]
    how["StartingSequenceNumber"] = numbers[4]
    assert read(stream, **how) == []


def test_a_shards_first_sequence_number_is_a_place_to_begin(kinesis, five, read):
    stream, _ = five
    shard = kinesis.list_shards(StreamName=stream)["Shards"][0]
    start = shard["SequenceNumberRange"]["StartingSequenceNumber"]
    how = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": start}
    assert data(read(stream, **how)) == [0, 1, 2, 3, 4]


def test_latest_sees_only_what_comes_later(kinesis, five):
    stream, _ = five
    iterator = kinesis.get_shard_iterator(
        StreamName=stream, ShardId=SHARD, ShardIteratorType="LATEST"
    )["ShardIterator"]
    assert kinesis.get_records(ShardIterator=iterator)["Records"] == []
    kinesis.put_record(StreamName=stream, PartitionKey="k", Data=b"5")
    assert data(drain(kinesis, iterator)) == [5]


def test_at_timestamp_begins_at_the_first_record_not_before_it(kinesis, stream, read):
    kinesis.put_record(StreamName=stream, PartitionKey="k", Data=b"0")
    (first,) = read(stream)
    first_second = int(first["ApproximateArrivalTimestamp"].timestamp())
    # The client sends whole seconds.
    while int(time.time()) <= first_second:
        time.sleep(0.01)
    kinesis.put_record(StreamName=stream, PartitionKey="k", Data=b"1")
    second = int(read(stream)[1]["ApproximateArrivalTimestamp"].timestamp())

    def at(seconds):
        moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
        return data(read(stream, ShardIteratorType="AT_TIMESTAMP", Timestamp=moment))

    assert at(first_second) == [0, 1]
    assert at(second) == [1]
    assert at(0) == [0, 1]


def test_pages_follow_each_other_without_a_gap(kinesis, five):
    stream, numbers = five
    iterator = kinesis.get_shard_iterator(
        StreamName=stream, ShardId=SHARD, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    seen = []
    for _ in range(3):
        page = kinesis.get_records(ShardIterator=iterator, Limit=2)
        assert page["NextShardIterator"] != iterator
        seen += [record["SequenceNumber"] for record in page["Records"]]
        iterator = page["NextShardIterator"]
    assert seen == numbers


def test_the_same_iterator_gives_the_same_page(kinesis, five):
    stream, _ = five
    iterator = kinesis.get_shard_iterator(
        StreamName=stream, ShardId=SHARD, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    pages = [kinesis.get_records(ShardIterator=iterator, Limit=3)["Records"] for _ in range(2)]
    assert pages[0] == pages[1]


def test_how_far_behind_falls_to_zero_at_the_tip(kinesis, stream):
    put = kinesis.put_record(StreamName=stream, PartitionKey="k", Data=b"0")
    iterator = kinesis.get_shard_iterator(
        StreamName=stream,
        ShardId=SHARD,
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        StartingSequenceNumber=put["SequenceNumber"],
    )["ShardIterator"]
    first = kinesis.get_records(ShardIterator=iterator)
    arrival = first["Records"][0]["ApproximateArrivalTimestamp"].timestamp()
    assert first["MillisBehindLatest"] == 0
    while time.time() < arrival + 0.05:
        time.sleep(0.01)
    kinesis.put_record(StreamName=stream, PartitionKey="k", Data=b"1")
    behind = kinesis.get_records(ShardIterator=iterator, Limit=1)
    assert behind["MillisBehindLatest"] > 0
    tip = kinesis.get_records(ShardIterator=behind["NextShardIterator"], Limit=1)
    assert data(tip["Records"]) == [1]
    assert tip["MillisBehindLatest"] == 0


def test_an_iterator_in_quotes_is_taken(kinesis, five):
    stream, _ = five
    iterator = kinesis.get_shard_iterator(
        StreamName=stream, ShardId=SHARD, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    assert len(iterator) <= 512 - 2
    assert data(kinesis.get_records(ShardIterator=f'"{iterator}"')["Records"]) == [0, 1, 2, 3, 4]


def test_a_changed_iterator_is_refused(kinesis, unchecked, five):
    stream, _ = five
    iterator = kinesis.get_shard_iterator(
        StreamName=stream, ShardId=SHARD, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    for at in range(0, len(iterator) - 2, 3):
        other = "A" if iterator[at] != "A" else "B"
        forged = iterator[:at] + other + iterator[at + 1 :]
        with pytest.raises(unchecked.exceptions.InvalidArgumentException) as refused:
            unchecked.get_records(ShardIterator=forged)
        assert refused.value.response["Error"]["Message"] == "Invalid ShardIterator."


@pytest.mark.parametrize("forged", ["x", "AAAAAAAAAAE=", "A" * 512, "not base64 at all"])
def test_an_iterator_of_someone_else_is_refused(unchecked, forged):
    with pytest.raises(unchecked.exceptions.InvalidArgumentException) as refused:
        unchecked.get_records(ShardIterator=forged)
    assert refused.value.response["Error"]["Message"] == "Invalid ShardIterator."


def test_an_iterator_ends_with_its_stream(kinesis, unchecked):
    name = "contract-orphan"
    kinesis.create_stream(StreamName=name, ShardCount=1)
    iterator = kinesis.get_shard_iterator(
        StreamName=name, ShardId=SHARD, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    kinesis.delete_stream(StreamName=name)
    with pytest.raises(unchecked.exceptions.ResourceNotFoundException):
        unchecked.get_records(ShardIterator=iterator)
