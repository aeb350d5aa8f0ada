"""What a mapping gives up is told to SQS, SNS and S3, as moto has them."""

import json
import re
import socket
import time
import urllib.request

import boto3
import pytest
from conftest import NAMES, client
from moto.server import ThreadedMotoServer
from test_lambda import archive, client as functions_at

REGION = "us-east-1"
KEYS = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
ROLE = "arn:aws:iam::123456789012:role/any"
MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def amazon(service, endpoint, region=REGION):
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )


@pytest.fixture(scope="module")
def moto():
    """Somebody else's services."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    address, port = server.get_host_and_port()
    yield f"http://{address}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def sqs(moto):
    return amazon("sqs", moto)


@pytest.fixture(scope="module")
def host(hosts, moto):
    """A host that finds all services at one address."""
    return hosts([], AWS_ENDPOINT_URL=moto, **KEYS)


def queue(sqs, fifo=False):
    name = f"failures-{next(NAMES)}" + (".fifo" if fifo else "")
    attributes = {"FifoQueue": "true"} if fifo else {}
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return url, f"arn:aws:sqs:{sqs.meta.region_name}:123456789012:{name}"


def messages(sqs, url):
    answer = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        MessageAttributeNames=["All"],
        AttributeNames=["All"],
        WaitTimeSeconds=0,
    )
    return answer.get("Messages", [])


def eventually(look):
    """The first answer that holds."""
    deadline = time.monotonic() + 60
    while not (found := look()):
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)
    return found


def wire(host, destination, **settings):
    """A stream whose records fail where they say so; gives it and the mapping."""
    kinesis, functions = client(host.url), functions_at(host.url)
    stream, name = f"destination-{next(NAMES)}", f"function-{next(NAMES)}"
    kinesis.create_stream(StreamName=stream, ShardCount=1)
    kinesis.create_stream(StreamName=f"{stream}-out", ShardCount=1)
    functions.create_function(
        FunctionName=name,
        Runtime="provided.al2023",
        Handler="bootstrap",
        Role=ROLE,
        Code={"ZipFile": archive()},
        Environment={"Variables": {"to": f"{stream}-out"}},
    )
    mapping = functions.create_event_source_mapping(
        FunctionName=name,
        EventSourceArn=f"arn:aws:kinesis:{REGION}:123456789012:stream/{stream}",
        StartingPosition="TRIM_HORIZON",
        DestinationConfig={"OnFailure": {"Destination": destination}},
        **({"MaximumRetryAttempts": 1} | settings),
    )
    assert mapping["DestinationConfig"] == {"OnFailure": {"Destination": destination}}
    return stream, mapping


def fail(host, stream, how="fail"):
    """Puts a record that fails; gives its sequence number."""
    data = json.dumps({how: "as asked"})
    answer = client(host.url).put_record(StreamName=stream, PartitionKey="k", Data=data)
    return answer["SequenceNumber"]


def status(host, mapping):
    """What the host says of a mapping's failure records."""
    with urllib.request.urlopen(f"{host.url}/v1/triggers/{mapping['UUID']}") as answer:
        return json.load(answer)["destination"]


def settled(host, mapping):
    """The same once nothing waits and something was sent or given up."""

    def done():
        seen = status(host, mapping)
        ended = seen["delivered_records"] + seen["failed_records"]
        return seen if ended and not seen["waiting"] else None

    return eventually(done)


def check(record, mapping, stream, number, error=None):
    """That a failure record is one of AWS's, of that record."""
    request = record["requestContext"]
    assert re.fullmatch(r"[0-9a-f-]{36}", request["requestId"])
    assert request["functionArn"] == mapping["FunctionArn"]
    assert request["condition"] == "RetryAttemptsExhausted"
    assert request["approximateInvokeCount"] == 2
    assert record["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": error,
    }
    assert record["version"] == "1.0"
    assert re.fullmatch(MOMENT, record["timestamp"])
    info = record["KinesisBatchInfo"]
    for name in ["approximateArrivalOfFirstRecord", "approximateArrivalOfLastRecord"]:
        assert re.fullmatch(MOMENT, info.pop(name))
    assert info == {
        "shardId": "shardId-000000000000",
        "startSequenceNumber": number,
        "endSequenceNumber": number,
        "batchSize": 1,
        "streamArn": f"arn:aws:kinesis:{REGION}:123456789012:stream/{stream}",
    }


def test_a_queue_is_told(host, sqs):
    url, arn = queue(sqs)
    stream, mapping = wire(host, arn)
    number = fail(host, stream, "panic")
    (message,) = eventually(lambda: messages(sqs, url))
    check(json.loads(message["Body"]), mapping, stream, number, "Unhandled")
    key = message["MessageAttributes"]["IdempotencyKey"]["StringValue"]
    assert key == f"{mapping['UUID']}/shardId-000000000000/{number}/{number}"
    seen = settled(host, mapping)
    assert (seen["delivered_records"], seen["failed_records"]) == (1, 0)
    with urllib.request.urlopen(f"{host.url}/metrics") as answer:
        samples = answer.read().decode()
    label = f'{{trigger="{mapping["UUID"]}"}}'
    assert f"millstream_trigger_destination_delivered_records_total{label} 1" in samples
    assert f"millstream_trigger_dropped_records_total{label} 0" in samples


def test_a_queue_of_another_region_that_keeps_the_order_is_told(host, moto):
    sqs = amazon("sqs", moto, "eu-west-1")
    url, arn = queue(sqs, fifo=True)
    stream, mapping = wire(host, arn)
    number = fail(host, stream)
    (message,) = eventually(lambda: messages(sqs, url))
    check(json.loads(message["Body"]), mapping, stream, number)
    attributes = message["Attributes"]
    assert attributes["MessageGroupId"] == f"{mapping['UUID']}/shardId-000000000000"
    assert re.fullmatch(r"[0-9a-f-]{36}", attributes["MessageDeduplicationId"])


def test_a_topic_is_told(host, moto, sqs):
    sns = amazon("sns", moto)
    url, arn = queue(sqs)
    topic = sns.create_topic(Name=f"failures-{next(NAMES)}")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    stream, mapping = wire(host, topic)
    number = fail(host, stream)
    (message,) = eventually(lambda: messages(sqs, url))
    notification = json.loads(message["Body"])
    check(json.loads(notification["Message"]), mapping, stream, number)
    key = notification["MessageAttributes"]["IdempotencyKey"]["Value"]
    assert key.startswith(mapping["UUID"])


def test_a_bucket_holds_the_records_too(host, moto):
    s3 = amazon("s3", moto)
    bucket = f"failures-{next(NAMES)}"
    s3.create_bucket(Bucket=bucket)
    stream, mapping = wire(host, f"arn:aws:s3:::{bucket}")
    number = fail(host, stream)
    (found,) = eventually(lambda: s3.list_objects_v2(Bucket=bucket).get("Contents"))
    day = r"(\d{4})/(\d\d)/(\d\d)/\1-\2-\3T\d\d\.\d\d\.\d\d-[0-9a-f-]{36}"
    prefix = f"aws/lambda/{mapping['UUID']}/shardId-000000000000/"
    assert re.fullmatch(prefix + day, found["Key"]), found["Key"]
    record = json.load(s3.get_object(Bucket=bucket, Key=found["Key"])["Body"])
    (event,) = json.loads(record.pop("payload"))["Records"]
    check(record, mapping, stream, number)
    assert event["kinesis"]["sequenceNumber"] == number
    assert event["kinesis"]["partitionKey"] == "k"


def test_what_a_missing_queue_does_not_take_is_counted_and_logged(host):
    arn = f"arn:aws:sqs:{REGION}:123456789012:missing-{next(NAMES)}"
    stream, mapping = wire(host, arn)
    number = fail(host, stream)
    seen = settled(host, mapping)
    assert (seen["delivered_records"], seen["failed_records"]) == (0, 1)
    assert "QueueDoesNotExist" in seen["last_error"] or "NonExistentQueue" in seen["last_error"]
    told = [line for line in host.log.read_text().splitlines() if arn in line]
    assert any("given up" in line and number in line for line in told), told


@pytest.mark.parametrize("service", ["sns", "s3"])
def test_a_missing_topic_or_bucket_is_no_reason_to_wait(host, service):
    name = f"missing-{next(NAMES)}"
    place = f"{REGION}:123456789012" if service == "sns" else ":"
    stream, mapping = wire(host, f"arn:aws:{service}:{place}:{name}")
    fail(host, stream)
    seen = settled(host, mapping)
    assert (seen["delivered_records"], seen["failed_records"]) == (0, 1), seen


def test_failure_records_wait_for_a_service_that_is_down_and_survive_a_kill(hosts, sqs):
    url, arn = queue(sqs)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    there = {"AWS_ENDPOINT_URL_SQS": f"http://127.0.0.1:{port}", **KEYS}
    host = hosts([], **there)
    stream, mapping = wire(host, arn, MaximumRetryAttempts=0)
    numbers = [fail(host, stream)]
    eventually(lambda: status(host, mapping)["failed_attempts"] > 0)
    # The shard goes on meanwhile.
    numbers.append(fail(host, stream))
    seen = eventually(lambda: (now := status(host, mapping))["waiting"] == 2 and now)
    assert "did not answer" in seen["last_error"]
    host.process.kill()
    host.process.wait()
    again = hosts([], data=host.data, **there)
    assert status(again, mapping)["waiting"] == 2
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port)
    server.start()
    try:
        found = {}

        def all_of_them():
            for message in messages(sqs, url):
                info = json.loads(message["Body"])["KinesisBatchInfo"]
                found.setdefault(info["startSequenceNumber"], message)
            return sorted(found) == sorted(numbers)

        eventually(all_of_them)
        assert settled(again, mapping)["delivered_records"] == 2
    finally:
        server.stop()
    # Deleting the mapping takes nothing back, and nothing is left to send after another start.
    functions_at(again.url).delete_event_source_mapping(UUID=mapping["UUID"])
    assert not messages(sqs, url)


def test_a_mapping_that_is_deleted_still_tells(hosts, sqs):
    url, arn = queue(sqs)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    host = hosts([], AWS_ENDPOINT_URL_SQS=f"http://127.0.0.1:{port}", **KEYS)
    stream, mapping = wire(host, arn, MaximumRetryAttempts=0)
    fail(host, stream)
    eventually(lambda: status(host, mapping)["failed_attempts"] > 0)
    functions_at(host.url).delete_event_source_mapping(UUID=mapping["UUID"])
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port)
    server.start()
    try:
        eventually(lambda: messages(sqs, url))
    finally:
        server.stop()
