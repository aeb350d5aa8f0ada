"""CBOR and JSON are two ways of saying the same."""

import datetime

import cbor
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session

CONTENT_TYPE = "application/x-amz-cbor-1.1"
DATA = [b"", b"\x00\xff\x80", "\u20ac".encode(), b"x" * 70_000]


class Refused(Exception):
    pass


@pytest.fixture
def call(endpoint, kinesis):
    """Calls an action as the Java SDK does."""
    session = URLLib3Session()
    signer = SigV4Auth(kinesis._get_credentials(), "kinesis", "us-east-1")

    def call(action, **members):
        headers = {"Content-Type": CONTENT_TYPE, "X-Amz-Target": f"Kinesis_20131202.{action}"}
        request = AWSRequest("POST", endpoint, headers, cbor.dumps(members))
        signer.add_auth(request)
        response = session.send(request.prepare())
        assert response.headers["content-type"] == CONTENT_TYPE
        answer = cbor.loads(response.content) if response.content else {}
        if response.status_code != 200:
            assert response.headers["x-amzn-errortype"] == answer["__type"]
            raise Refused(answer["__type"], answer.get("message", answer.get("Message")))
        return answer

    return call


def iterate(call, stream, **start):
    start = start or {"ShardIteratorType": "TRIM_HORIZON"}
    answer = call("GetShardIterator", StreamName=stream, ShardId="shardId-000000000000", **start)
    return call("GetRecords", ShardIterator=answer["ShardIterator"])


def test_records_are_the_same_in_both_forms(call, kinesis, stream, read):
    records = [{"Data": data, "PartitionKey": f"\u00e9-{i}"} for i, data in enumerate(DATA)]
    put = call("PutRecords", StreamName=stream, Records=records)
    assert put["FailedRecordCount"] == 0
    one = call("PutRecord", StreamName=stream, Data=b"\x01", PartitionKey="k", ExplicitHashKey="0")
    kinesis.put_record(StreamName=stream, Data=b"\x02", PartitionKey="k")

    page = iterate(call, stream)
    assert [record["Data"] for record in page["Records"]] == [*DATA, b"\x01", b"\x02"]
    numbers = [record["SequenceNumber"] for record in page["Records"]]
    assert numbers[:-1] == [r["SequenceNumber"] for r in put["Records"]] + [one["SequenceNumber"]]
    assert page["MillisBehindLatest"] == 0
    assert page["Records"] == read(stream)


def test_moments_are_milliseconds_both_ways(call, kinesis, stream):
    call("PutRecord", StreamName=stream, Data=b"before", PartitionKey="k")
    record = iterate(call, stream)["Records"][0]
    at = record["ApproximateArrivalTimestamp"]
    assert abs(datetime.datetime.now(datetime.timezone.utc) - at) < datetime.timedelta(minutes=1)
    at_once = iterate(call, stream, ShardIteratorType="AT_TIMESTAMP", Timestamp=at)
    assert at_once["Records"][0] == record
    last = record
    while last["ApproximateArrivalTimestamp"] == at:
        call("PutRecord", StreamName=stream, Data=b"after", PartitionKey="k")
        last = iterate(call, stream)["Records"][-1]
    later = last["ApproximateArrivalTimestamp"]
    after = iterate(call, stream, ShardIteratorType="AT_TIMESTAMP", Timestamp=later)["Records"]
    assert after == [last]

    summary = call("DescribeStreamSummary", StreamName=stream)["StreamDescriptionSummary"]
    same = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    assert summary == same


def test_refusals_are_the_same_in_both_forms(call, unchecked, stream):
    client_error = unchecked.exceptions.ClientError
    for action, method, members in [
        ("DescribeStream", "describe_stream", {"StreamName": "no-such-stream"}),
        ("DescribeStream", "describe_stream", {"StreamName": "a b"}),
        ("GetShardIterator", "get_shard_iterator", {"StreamName": stream}),
        ("PutRecord", "put_record", {"StreamName": stream, "Data": b"", "PartitionKey": ""}),
        ("PutRecords", "put_records", {"StreamName": stream, "Records": []}),
        ("ListShards", "list_shards", {"StreamName": stream, "MaxResults": 0}),
    ]:
        with pytest.raises(Refused) as refused:
            call(action, **members)
        with pytest.raises(client_error) as expected:
            getattr(unchecked, method)(**members)
        error = expected.value.response["Error"]
        assert refused.value.args == (error["Code"], error["Message"])
