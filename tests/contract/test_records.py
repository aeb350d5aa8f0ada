"""Records through boto3: what is put comes back, in order, from the shard that its key belongs to."""

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import drain

HASH_KEYS = 2**128


def numbers(records):
    return [int(record["SequenceNumber"]) for record in records]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        bytes(range(256)) * 5,
        "h\u00e9llo \U0001f41f".encode(),
        b"\r\n\t {\"json\": \"inside\"}",
        b"x" * 100_001,
    ],
    ids=["empty", "nul", "binary", "unicode", "blanks", "large"],
)
def test_data_comes_back_byte_for_byte(kinesis, stream, read, data):
    put = kinesis.put_record(StreamName=stream, PartitionKey="k\u00e9y", Data=data)
    (record,) = read(stream)
    assert record["Data"] == data
    assert record["PartitionKey"] == "k\u00e9y"
    assert record["SequenceNumber"] == put["SequenceNumber"]
    assert "EncryptionType" not in record
    assert abs(record["ApproximateArrivalTimestamp"].timestamp() - time.time()) < 300


def test_five_hundred_records_go_in_at_once(kinesis, make_stream):
    stream = make_stream(4)
    entries = [{"PartitionKey": f"user-{n % 37}", "Data": f"{n}".encode()} for n in range(500)]
    answer = kinesis.put_records(StreamName=stream, Records=entries)
    assert answer["FailedRecordCount"] == 0
    assert len(answer["Records"]) == 500
    assert all(len(record["SequenceNumber"]) == 56 for record in answer["Records"])
    placed = {}
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records = drain(kinesis, iterator, limit=33)
        assert numbers(records) == sorted(set(numbers(records)))
        for record in records:
            placed[record["SequenceNumber"]] = (shard["ShardId"], record["Data"])
    for entry, result in zip(entries, answer["Records"]):
        assert placed.pop(result["SequenceNumber"]) == (result["ShardId"], entry["Data"])
    assert placed == {}


def test_records_of_a_key_stay_in_order_across_requests(kinesis, make_stream, read):
    stream = make_stream(3)
    for step in range(20):
        kinesis.put_records(
            StreamName=stream,
            Records=[
                {"PartitionKey": f"key-{key}", "Data": f"{step}".encode()} for key in range(10)
            ],
        )
    by_key = {}
    for shard in range(3):
        for record in read(stream, f"shardId-{shard:012}"):
            by_key.setdefault(record["PartitionKey"], []).append(int(record["Data"]))
    assert by_key == {f"key-{key}": list(range(20)) for key in range(10)}


def test_parallel_producers_lose_nothing(kinesis, stream, read):
    def produce(producer):
        for n in range(25):
            kinesis.put_record(
                StreamName=stream, PartitionKey=f"{producer}", Data=f"{producer}/{n}".encode()
            )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(produce, range(8)))
    records = read(stream)
    assert len(records) == 200
    for producer in range(8):
        mine = [r["Data"] for r in records if r["PartitionKey"] == f"{producer}"]
        assert mine == [f"{producer}/{n}".encode() for n in range(25)]


def test_a_key_goes_to_the_shard_of_its_md5(kinesis, make_stream):
    stream = make_stream(4)
    for n in range(40):
        key = f"k{n}"
        put = kinesis.put_record(StreamName=stream, PartitionKey=key, Data=b"-")
        position = int.from_bytes(hashlib.md5(key.encode()).digest(), "big")
        assert put["ShardId"] == f"shardId-{position * 4 // HASH_KEYS:012}"


@pytest.mark.parametrize(
    "hash_key, shard",
    [
        (0, 0),
        (HASH_KEYS // 4 - 1, 0),
        (HASH_KEYS // 4, 1),
        (HASH_KEYS // 2, 2),
        (HASH_KEYS - 1, 3),
    ],
)
def test_an_explicit_hash_key_overrides_the_key(kinesis, make_stream, hash_key, shard):
    stream = make_stream(4)
    routed = {"PartitionKey": "same", "ExplicitHashKey": str(hash_key), "Data": b"-"}
    one = kinesis.put_record(StreamName=stream, **routed)
    many = kinesis.put_records(StreamName=stream, Records=[routed])["Records"][0]
    assert one["ShardId"] == many["ShardId"] == f"shardId-{shard:012}"


def test_sequence_numbers_for_ordering_are_taken(kinesis, stream):
    previous = {}
    seen = []
    for n in range(5):
        put = kinesis.put_record(
            StreamName=stream, PartitionKey="k", Data=f"{n}".encode(), **previous
        )
        previous = {"SequenceNumberForOrdering": put["SequenceNumber"]}
        seen.append(int(put["SequenceNumber"]))
    assert seen == sorted(set(seen))


def test_a_record_may_have_a_mebibyte_with_its_key(kinesis, stream, read):
    data = b"x" * (1024 * 1024 - 3)
    kinesis.put_record(StreamName=stream, PartitionKey="key", Data=data)
    (record,) = read(stream)
    assert record["Data"] == data


def test_a_request_may_have_ten_mebibytes(kinesis, stream, read):
    half = b"x" * (512 * 1024 - 1)
    entries = [{"PartitionKey": "k", "Data": half}] * 20
    assert kinesis.put_records(StreamName=stream, Records=entries)["FailedRecordCount"] == 0
    assert [len(record["Data"]) for record in read(stream)] == [len(half)] * 20


def test_a_page_holds_ten_mebibytes_at_most(kinesis, stream):
    half = b"x" * (512 * 1024)
    for _ in range(2):
        entries = [{"PartitionKey": "k", "Data": half[:-1]}] * 12
        kinesis.put_records(StreamName=stream, Records=entries)
    iterator = kinesis.get_shard_iterator(
        StreamName=stream, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    page = kinesis.get_records(ShardIterator=iterator)
    assert 1 <= len(page["Records"]) <= 20
    assert len(page["Records"]) + len(drain(kinesis, page["NextShardIterator"])) == 24
