"""Queues: shared delivery of a stream's records, as boto3 sees it."""

import itertools
import threading
import time

import pytest
from botocore.exceptions import ClientError

NAMES = itertools.count()


@pytest.fixture
def on_demand(kinesis):
    """The ARN of a stream that may have queues; they go with it."""
    name = f"queued-{next(NAMES)}"
    kinesis.create_stream(StreamName=name, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
    arn = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    yield arn
    for queue in kinesis.list_queues(StreamFilter=[{"StreamARN": arn}])["QueueSummaries"]:
        kinesis.delete_queue(QueueARN=queue["QueueARN"])
        gone(kinesis, queue["QueueARN"])
    kinesis.delete_stream(StreamName=name)


@pytest.fixture
def make_queue(kinesis, on_demand):
    """Creates queues that read their stream from its beginning, and awaits them."""

    def make(**attributes):
        start = {"StreamARN": on_demand, "StartingPosition": {"Type": "TRIM_HORIZON"}}
        created = kinesis.create_queue(
            QueueName=f"queue-{next(NAMES)}",
            StreamConfigurationList=[start],
            QueueAttributes=attributes,
        )["QueueDescription"]
        arn = created["QueueARN"]
        active(kinesis, arn)
        return arn

    return make


def until(what, is_so):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if is_so():
            return
        time.sleep(0.05)
    pytest.fail(f"never: {what}")


def active(kinesis, queue):
    def is_active():
        described = kinesis.describe_queue(QueueARN=queue)["QueueDescription"]
        return described["QueueStatus"] == "ACTIVE"

    until("an active queue", is_active)


def gone(kinesis, queue):
    def is_gone():
        try:
            kinesis.describe_queue(QueueARN=queue)
        except kinesis.exceptions.ResourceNotFoundException:
            return True
        return False

    until("a deleted queue", is_gone)


def put(kinesis, stream, *data):
    records = [{"Data": datum, "PartitionKey": datum.decode()} for datum in data]
    assert kinesis.put_records(StreamARN=stream, Records=records)["FailedRecordCount"] == 0


def receive(kinesis, queue, **how):
    how = {"WaitTimeSeconds": 1} | how
    return kinesis.receive_queue_records(QueueARN=queue, **how)["QueueRecords"]


def drain(kinesis, queue, count, **how):
    """So many records, by as many calls as they take."""
    records = []
    until(f"{count} records", lambda: len(records) >= count or records.extend(receive(kinesis, queue, **how)))
    return records


def entries(records, **more):
    return [{"ReceiptHandle": record["ReceiptHandle"]} | more for record in records]


def test_records_are_shared_and_acknowledged(kinesis, on_demand, make_queue):
    queue = make_queue(VisibilityTimeoutSeconds=3600)
    data = [f"record-{i}".encode() for i in range(25)]
    put(kinesis, on_demand, *data)
    records = drain(kinesis, queue, len(data))
    assert sorted(record["Data"] for record in records) == sorted(data)
    assert len({record["RecordId"] for record in records}) == len(data)
    for record in records:
        assert record["PartitionKey"].encode() == record["Data"]
        assert record["ReceiveCount"] == 1
        assert record["FirstReceiveTimestamp"] >= record["ApproximateArrivalTimestamp"]
    done = kinesis.acknowledge_queue_records(QueueARN=queue, Entries=entries(records[:10]))
    assert (len(done["Successful"]), done["Failed"]) == (10, [])
    again = kinesis.acknowledge_queue_records(QueueARN=queue, Entries=entries(records[:1]))
    assert [failed["ErrorCode"] for failed in again["Failed"]] == ["ResourceNotFoundException"]
    assert receive(kinesis, queue) == []


def test_a_wait_ends_with_a_put(kinesis, on_demand, make_queue):
    queue = make_queue()
    late = threading.Timer(0.3, put, [kinesis, on_demand, b"late"])
    late.start()
    before = time.monotonic()
    records = receive(kinesis, queue, WaitTimeSeconds=20)
    late.join()
    assert [record["Data"] for record in records] == [b"late"]
    assert time.monotonic() - before < 15


def test_what_is_released_is_received_again(kinesis, on_demand, make_queue):
    queue = make_queue(VisibilityTimeoutSeconds=3600)
    put(kinesis, on_demand, b"a")
    (first,) = drain(kinesis, queue, 1)
    kinesis.update_queue_records_visibility(
        QueueARN=queue, Entries=entries([first], VisibilityTimeoutSeconds=0)
    )
    (second,) = drain(kinesis, queue, 1)
    assert second["RecordId"] == first["RecordId"]
    assert second["ReceiveCount"] == 2
    stale = kinesis.acknowledge_queue_records(QueueARN=queue, Entries=entries([first, second]))
    assert [failed["ErrorCode"] for failed in stale["Failed"]] == ["InvalidArgumentException"]
    assert [done["ReceiptHandle"] for done in stale["Successful"]] == [second["ReceiptHandle"]]


def test_dead_letters_are_kept_restored_and_discarded(kinesis, on_demand, make_queue):
    dead = {"TargetType": "BUILT_IN", "MaxReceiveCount": 2}
    queue = make_queue(VisibilityTimeoutSeconds=0, DeadLetterConfiguration=dead)
    put(kinesis, on_demand, b"poison", b"poison")
    for _ in range(2):
        drain(kinesis, queue, 2)
    assert receive(kinesis, queue) == []
    letters = kinesis.receive_dead_letter_queue_records(
        QueueARN=queue, VisibilityTimeoutSeconds=3600
    )["QueueRecords"]
    assert [letter["Data"] for letter in letters] == [b"poison", b"poison"]
    kept = kinesis.update_dead_letter_queue_records_visibility(
        QueueARN=queue, Entries=entries(letters, VisibilityTimeoutSeconds=7200)
    )
    assert len(kept["Successful"]) == 2
    restored = kinesis.restore_dead_letter_queue_records(
        QueueARN=queue, Entries=entries(letters[:1])
    )
    assert len(restored["Successful"]) == 1
    (alive,) = drain(kinesis, queue, 1)
    assert (alive["RecordId"], alive["ReceiveCount"]) == (letters[0]["RecordId"], 1)
    discarded = kinesis.acknowledge_dead_letter_queue_records(
        QueueARN=queue, Entries=entries(letters)
    )
    assert len(discarded["Successful"]) == len(discarded["Failed"]) == 1


def test_a_queue_is_described_changed_and_listed(kinesis, on_demand, make_queue):
    queue = make_queue()
    described = kinesis.describe_queue(QueueARN=queue)["QueueDescription"]
    assert described["QueueAttributes"] == {
        "VisibilityTimeoutSeconds": 30,
        "DeadLetterConfiguration": {"TargetType": "BUILT_IN", "MaxReceiveCount": 6},
    }
    (source,) = described["StreamConfigurationList"]
    assert source["StreamARN"] == on_demand
    assert source["StartingPosition"]["Timestamp"] <= described["QueueCreationTimestamp"]
    kinesis.update_queue(QueueARN=queue, QueueAttributes={"VisibilityTimeoutSeconds": 5})
    active(kinesis, queue)
    changed = kinesis.describe_queue(QueueARN=queue)["QueueDescription"]["QueueAttributes"]
    assert changed["VisibilityTimeoutSeconds"] == 5
    assert changed["DeadLetterConfiguration"]["MaxReceiveCount"] == 6
    pages = kinesis.list_queues(StreamFilter=[{"StreamARN": on_demand}])
    assert [summary["QueueARN"] for summary in pages["QueueSummaries"]] == [queue]
    kinesis.tag_resource(ResourceARN=queue, Tags={"team": "red"})
    tags = kinesis.list_tags_for_resource(ResourceARN=queue)["Tags"]
    assert tags == [{"Key": "team", "Value": "red"}]


def test_a_stream_with_queues_stays_as_it_is(kinesis, on_demand, make_queue):
    make_queue()
    name = on_demand.rsplit("/", 1)[1]
    for change in (
        lambda: kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True),
        lambda: kinesis.update_stream_mode(
            StreamARN=on_demand, StreamModeDetails={"StreamMode": "PROVISIONED"}
        ),
    ):
        with pytest.raises(kinesis.exceptions.ResourceInUseException):
            change()
    summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert summary["QueueCount"] == 1


def test_a_provisioned_stream_has_no_queues(kinesis, stream):
    kinesis.get_waiter("stream_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1})
    arn = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["StreamARN"]
    with pytest.raises(ClientError) as refused:
        kinesis.create_queue(QueueName="q", StreamConfigurationList=[{"StreamARN": arn}])
    assert refused.value.response["Error"]["Code"] == "ValidationException"
