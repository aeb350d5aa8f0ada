"""What the host refuses, as botocore's own exception classes, with Amazon's words."""

import pytest
from botocore.exceptions import ClientError

from wire import Wire

SHARD = "shardId-000000000000"


def refusal(call, **arguments):
    """The error that a call ends with."""
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    answer = raised.value.response
    assert 400 <= answer["ResponseMetadata"]["HTTPStatusCode"] < 500
    assert len(answer["ResponseMetadata"]["RequestId"]) == 36
    return answer["Error"]["Code"], answer["Error"]["Message"]


def account(kinesis, stream):
    return kinesis.describe_stream(StreamName=stream)["StreamDescription"]["StreamARN"].split(":")[4]


@pytest.mark.parametrize(
    "action, arguments",
    [
        ("describe_stream", {}),
        ("describe_stream_summary", {}),
        ("delete_stream", {}),
        ("list_shards", {}),
        ("put_record", {"PartitionKey": "k", "Data": b"-"}),
        ("put_records", {"Records": [{"PartitionKey": "k", "Data": b"-"}]}),
        ("get_shard_iterator", {"ShardId": SHARD, "ShardIteratorType": "LATEST"}),
    ],
)
def test_an_absent_stream_is_not_found(kinesis, unchecked, stream, action, arguments):
    code, message = refusal(getattr(unchecked, action), StreamName="absent", **arguments)
    assert code == "ResourceNotFoundException"
    assert message == f"Stream absent under account {account(kinesis, stream)} not found."


def test_a_stream_that_exists_is_in_use(kinesis, unchecked, stream):
    with pytest.raises(unchecked.exceptions.ResourceInUseException) as raised:
        unchecked.create_stream(StreamName=stream, ShardCount=1)
    message = raised.value.response["Error"]["Message"]
    assert message == f"Stream {stream} under account {account(kinesis, stream)} already exists."


@pytest.mark.parametrize("shard", ["shardId-000000000007", "shardId-999999999999", "nonsense"])
def test_an_absent_shard_is_not_found(unchecked, stream, shard):
    asked = {"StreamName": stream, "ShardId": shard, "ShardIteratorType": "LATEST"}
    code, message = refusal(unchecked.get_shard_iterator, **asked)
    assert code == "ResourceNotFoundException"
    assert shard in message or "shardId" in message


@pytest.mark.parametrize(
    "action, arguments, path, constraint",
    [
        ("create_stream", {"StreamName": "a/b"}, "streamName", "regular expression pattern"),
        ("create_stream", {"StreamName": "nul\x00"}, "streamName", "regular expression pattern"),
        ("create_stream", {"StreamName": "\u00fcber"}, "streamName", "regular expression pattern"),
        ("create_stream", {"StreamName": ""}, "streamName", "greater than or equal to 1"),
        ("create_stream", {"StreamName": "x" * 129}, "streamName", "less than or equal to 128"),
        ("create_stream", {"StreamName": "x", "ShardCount": 0}, "shardCount", "greater than"),
        ("list_streams", {"Limit": 0}, "limit", "greater than or equal to 1"),
        ("list_streams", {"Limit": 10_001}, "limit", "less than or equal to 10000"),
        ("get_records", {"ShardIterator": ""}, "shardIterator", "greater than or equal to 1"),
        ("get_records", {"ShardIterator": "x", "Limit": 10_001}, "limit", "less than or equal"),
    ],
)
def test_a_constraint_is_named_with_its_member(unchecked, action, arguments, path, constraint):
    code, message = refusal(getattr(unchecked, action), **arguments)
    assert code == "ValidationException"
    assert "validation error" in message
    assert f"'{path}'" in message
    assert constraint in message


@pytest.mark.parametrize(
    "record, path",
    [
        ({"PartitionKey": "", "Data": b"-"}, "partitionKey"),
        ({"PartitionKey": "x" * 257, "Data": b"-"}, "partitionKey"),
        ({"Data": b"-"}, "partitionKey"),
        ({"PartitionKey": "k"}, "data"),
        ({"PartitionKey": "k", "Data": b"-", "ExplicitHashKey": "01"}, "explicitHashKey"),
        ({"PartitionKey": "k", "Data": b"-", "ExplicitHashKey": "-1"}, "explicitHashKey"),
    ],
)
def test_a_bad_record_is_refused_alone_and_in_a_list(unchecked, stream, read, record, path):
    code, message = refusal(unchecked.put_record, StreamName=stream, **record)
    assert (code, f"'{path}'" in message) == ("ValidationException", True), message
    good = {"PartitionKey": "k", "Data": b"-"}
    listed = {"StreamName": stream, "Records": [good, record]}
    code, message = refusal(unchecked.put_records, **listed)
    assert (code, f"'records.2.member.{path}'" in message) == ("ValidationException", True), message
    assert read(stream) == []


def test_a_hash_key_beyond_the_last_is_refused(unchecked, stream):
    asked = {"StreamName": stream, "PartitionKey": "k", "Data": b"-"}
    code, message = refusal(unchecked.put_record, ExplicitHashKey=str(2**128), **asked)
    assert code == "InvalidArgumentException"
    assert message == (
        "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "
        f"Specified value was {2**128}"
    )


def test_a_record_above_a_mebibyte_is_refused(unchecked, stream, read):
    data = b"x" * (1024 * 1024 - 2)
    code, _ = refusal(unchecked.put_record, StreamName=stream, PartitionKey="key", Data=data)
    assert code in ("ValidationException", "InvalidArgumentException")
    assert read(stream) == []


def test_five_hundred_and_one_records_are_refused(unchecked, stream, read):
    entries = [{"PartitionKey": "k", "Data": b"-"}] * 501
    code, message = refusal(unchecked.put_records, StreamName=stream, Records=entries)
    assert code == "ValidationException"
    assert "'records'" in message and "less than or equal to 500" in message
    assert read(stream) == []


def test_no_records_are_refused(unchecked, stream):
    code, _ = refusal(unchecked.put_records, StreamName=stream, Records=[])
    assert code == "ValidationException"


def test_more_than_ten_mebibytes_are_refused(unchecked, stream, read):
    entries = [{"PartitionKey": "k", "Data": b"x" * (1024 * 1024 - 1)}] * 11
    code, _ = refusal(unchecked.put_records, StreamName=stream, Records=entries)
    assert code in ("ValidationException", "InvalidArgumentException")
    assert read(stream) == []


@pytest.mark.parametrize(
    "how",
    [
        {"ShardIteratorType": "AT_SEQUENCE_NUMBER"},
        {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER"},
        {"ShardIteratorType": "AT_TIMESTAMP"},
        {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": "12345"},
        {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": "9" * 60},
    ],
)
def test_an_iterator_without_its_place_is_refused(unchecked, stream, how):
    code, _ = refusal(unchecked.get_shard_iterator, StreamName=stream, ShardId=SHARD, **how)
    assert code in ("InvalidArgumentException", "ValidationException")


def test_an_unknown_iterator_type_is_refused(unchecked, stream):
    asked = {"StreamName": stream, "ShardId": SHARD, "ShardIteratorType": "EARLIEST"}
    code, message = refusal(unchecked.get_shard_iterator, **asked)
    assert code == "ValidationException"
    assert "shardIteratorType" in message
    assert "TRIM_HORIZON" in message


def test_a_sequence_number_of_another_shard_is_refused(unchecked, make_stream):
    stream = make_stream(2)
    routed = {"PartitionKey": "k", "ExplicitHashKey": "0", "Data": b"-"}
    number = unchecked.put_record(StreamName=stream, **routed)["SequenceNumber"]
    code, message = refusal(
        unchecked.get_shard_iterator,
        StreamName=stream,
        ShardId="shardId-000000000001",
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        StartingSequenceNumber=number,
    )
    assert code == "InvalidArgumentException"
    assert "shardId-000000000000" in message and "shardId-000000000001" in message


def test_a_forged_list_token_is_refused(unchecked):
    code, _ = refusal(unchecked.list_shards, NextToken="forged")
    assert code in ("InvalidArgumentException", "ExpiredNextTokenException", "ValidationException")


def test_a_token_and_a_name_do_not_go_together(unchecked, make_stream):
    stream = make_stream(3)
    token = unchecked.list_shards(StreamName=stream, MaxResults=1)["NextToken"]
    code, message = refusal(unchecked.list_shards, StreamName=stream, NextToken=token)
    assert code == "InvalidArgumentException"
    assert message == "NextToken and StreamName cannot be provided together."


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"{'single': 1}",
        b'{"StreamName": "x"} trailing',
        b'{"StreamName": "\xff\xfe"}',
        b'{"StreamName": ' + b"[" * 10_000,
        b'{"StreamName": 7}',
        b'{"StreamName": ["x"]}',
        b'{"StreamName": {"S": "x"}}',
        b'{"StreamName": "x", "Records": "none"}',
        b'{"StreamName": "x", "Records": [7]}',
        b'{"StreamName": "x", "Records": [{"PartitionKey": true, "Data": "LQ=="}]}',
        b'{"StreamName": "x", "Records": [{"PartitionKey": "k", "Data": "LQ="}]}',
        b'{"StreamName": "x", "Records": [{"PartitionKey": "k", "Data": "*"}]}',
        b'{"StreamName": "x", "Records": [{"PartitionKey": "k", "Data": 1.5}]}',
    ],
)
def test_a_malformed_body_is_a_clear_error(endpoint, body):
    answer = Wire(endpoint).call("PutRecords", body)
    assert answer.status == 400
    assert answer.code in (
        "SerializationException",
        "ValidationException",
        "InvalidArgumentException",
    )
