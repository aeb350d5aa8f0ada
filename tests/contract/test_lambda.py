"""The Lambda API as boto3 and the `aws` command use it: from an archive to records that flow."""

import base64
import collections
import io
import itertools
import json
import os
import pathlib
import subprocess
import sys
import time
import zipfile

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from conftest import serving

NAMES = itertools.count()
ROLE = "arn:aws:iam::123456789012:role/any"
ACCOUNT = "arn:aws:{}:us-east-1:123456789012"
WAIT = {"Delay": 1, "MaxAttempts": 30}


def archive(name="fixture"):
    """An archive with a guest in it."""
    wasm = pathlib.Path(os.environ["MILLSTREAM_GUESTS"]) / f"guest_{name}.wasm"
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as files:
        files.write(wasm, "function.wasm")
        files.writestr("README", "what else is in an archive is not looked at")
    return made.getvalue()


def client(endpoint, **config):
    return boto3.client(
        "lambda",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(retries={"total_max_attempts": 1}, **config),
    )


@pytest.fixture(scope="module")
def functions(endpoint):
    """A client as anyone would make it."""
    return client(endpoint)


@pytest.fixture
def make(functions, make_stream):
    """Creates functions with names of their own, and takes them away before the streams."""
    made = []

    def make(to="out", **more):
        name = f"function-{next(NAMES)}"
        given = {
            "FunctionName": name,
            "Runtime": "provided.al2023",
            "Handler": "bootstrap",
            "Role": ROLE,
            "Code": {"ZipFile": archive()},
            "Environment": {"Variables": {"to": to}},
        }
        functions.create_function(**(given | more))
        made.append(name)
        functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=WAIT)
        return name

    yield make
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        functions.delete_event_source_mapping(UUID=mapping["UUID"])
    for name in made:
        try:
            functions.delete_function(FunctionName=name)
        except functions.exceptions.ResourceNotFoundException:
            pass


def stream_arn(name):
    return f"{ACCOUNT.format('kinesis')}:stream/{name}"


def until(look, wanted, seconds=30):
    """What is seen once it is what is wanted."""
    deadline = time.monotonic() + seconds
    while not wanted(seen := look()):
        assert time.monotonic() < deadline, seen
        time.sleep(0.05)
    return seen


def put(kinesis, stream, *data):
    for datum in data:
        kinesis.put_record(StreamName=stream, PartitionKey="k", Data=datum)


def test_records_flow_through_a_function(functions, kinesis, make, make_stream, read):
    source, out, dead = make_stream(), make_stream(), make_stream()
    name = make(to=out)
    mapping = functions.create_event_source_mapping(
        FunctionName=name,
        EventSourceArn=stream_arn(source),
        StartingPosition="TRIM_HORIZON",
        MaximumRetryAttempts=0,
        BisectBatchOnFunctionError=True,
        DestinationConfig={"OnFailure": {"Destination": stream_arn(dead)}},
        FilterCriteria={"Filters": [{"Pattern": json.dumps({"data": {"skip": [{"exists": False}]}})}]},
    )
    assert mapping["ResponseMetadata"]["HTTPStatusCode"] == 202
    uuid = mapping["UUID"]
    put(kinesis, source, '{"n":1}', '{"skip":true}', '{"fail":"as asked"}', '{"n":2}')
    records = until(lambda: read(out), lambda records: len(records) == 2)
    assert [record["Data"] for record in records] == [b'{"n":1}', b'{"n":2}']
    letters = until(lambda: read(dead), lambda letters: len(letters) == 1)
    assert json.loads(letters[0]["Data"])["reason"] == "RetryAttemptsExhausted"
    shown = functions.get_event_source_mapping(UUID=uuid)
    assert (shown["State"], shown["LastProcessingResult"]) == ("Enabled", "OK")
    # Disabled means that nothing is called any more once the call has returned.
    functions.update_event_source_mapping(UUID=uuid, Enabled=False)
    put(kinesis, source, '{"n":3}')
    assert functions.get_event_source_mapping(UUID=uuid)["State"] == "Disabled"
    functions.update_event_source_mapping(UUID=uuid, Enabled=True, BatchSize=1)
    records = until(lambda: read(out), lambda records: len(records) == 3)
    assert records[-1]["Data"] == b'{"n":3}'
    assert functions.delete_event_source_mapping(UUID=uuid)["State"] == "Deleting"
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.get_event_source_mapping(UUID=uuid)


def test_windows_hand_a_state_on_and_are_told_of_once(functions, kinesis, make, make_stream, read):
    source, out = make_stream(), make_stream()
    program = {"Code": {"ZipFile": archive("totals")}, "Environment": {"Variables": {"STREAM": out}}}
    name = make(**program)
    mapping = functions.create_event_source_mapping(
        FunctionName=name,
        EventSourceArn=stream_arn(source),
        StartingPosition="TRIM_HORIZON",
        BatchSize=3,
        TumblingWindowInSeconds=1,
    )
    assert mapping["TumblingWindowInSeconds"] == 1
    # A record of a later window closes the one before.
    for n in range(30):
        put(kinesis, source, json.dumps({"n": n}))
        time.sleep(0.1)
    sums = collections.defaultdict(lambda: [0, 0])
    for record in read(source):
        window = sums[int(record["ApproximateArrivalTimestamp"].timestamp())]
        window[0] += 1
        window[1] += json.loads(record["Data"])["n"]
    wanted = [sums[start] for start in sorted(sums)]
    assert len(wanted) > 2
    closed = until(lambda: read(out), lambda told: len(told) == len(wanted) - 1)
    # The last one is closed when there are no windows any more.
    changed = functions.update_event_source_mapping(UUID=mapping["UUID"], TumblingWindowInSeconds=0)
    assert changed["TumblingWindowInSeconds"] == 0
    told = until(lambda: read(out), lambda told: len(told) == len(wanted))
    assert told[: len(closed)] == closed
    told = [json.loads(record["Data"]) for record in told]
    assert [[window["records"], window["sum"]] for window in told] == wanted
    with pytest.raises(functions.exceptions.InvalidParameterValueException):
        functions.update_event_source_mapping(
            UUID=mapping["UUID"], TumblingWindowInSeconds=1, ParallelizationFactor=2
        )
    batches = make(to=out)
    with pytest.raises(functions.exceptions.InvalidParameterValueException):
        functions.create_event_source_mapping(
            FunctionName=batches,
            EventSourceArn=stream_arn(source),
            StartingPosition="LATEST",
            TumblingWindowInSeconds=1,
        )


def test_an_update_is_called_from_the_next_batch_on(functions, kinesis, make, make_stream, read):
    source, one, two = make_stream(), make_stream(), make_stream()
    name = make(to=one)
    functions.create_event_source_mapping(
        FunctionName=name, EventSourceArn=stream_arn(source), StartingPosition="LATEST"
    )
    put(kinesis, source, "first")
    until(lambda: read(one), lambda records: len(records) == 1)
    changed = functions.update_function_configuration(
        FunctionName=name, Timeout=5, Environment={"Variables": {"to": two}}
    )
    functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=WAIT)
    assert changed["Timeout"] == 5
    put(kinesis, source, "second")
    until(lambda: read(two), lambda records: len(records) == 1)
    functions.update_function_code(FunctionName=name, ZipFile=archive("alerts"), Publish=True)
    functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=WAIT)
    versions = functions.list_versions_by_function(FunctionName=name)["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST", "1"]


def test_an_alias_moves_records_from_version_to_version(functions, kinesis, make, make_stream, read):
    source, one, two = make_stream(), make_stream(), make_stream()
    name = make(to=one)
    first = functions.publish_version(FunctionName=name)["Version"]
    functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": {"to": two}}
    )
    second = functions.publish_version(FunctionName=name)["Version"]
    assert (first, second) == ("1", "2")
    functions.create_alias(FunctionName=name, Name="live", FunctionVersion=first)
    mapping = functions.create_event_source_mapping(
        FunctionName=f"{name}:live",
        EventSourceArn=stream_arn(source),
        StartingPosition="LATEST",
        BatchSize=1,
    )
    assert mapping["FunctionArn"].endswith(f":function:{name}:live")
    put(kinesis, source, "a")
    until(lambda: read(one), lambda records: len(records) == 1)
    functions.update_alias(
        FunctionName=name,
        Name="live",
        RoutingConfig={"AdditionalVersionWeights": {second: 0.5}},
    )
    for n in range(60):
        put(kinesis, source, str(n))
    seen = until(lambda: (read(one), read(two)), lambda both: sum(map(len, both)) == 61)
    assert all(len(records) > 10 for records in seen), [len(records) for records in seen]
    functions.update_alias(
        FunctionName=name, Name="live", FunctionVersion=second, RoutingConfig={}
    )
    before = len(read(two))
    put(kinesis, source, "z")
    until(lambda: read(two), lambda records: len(records) == before + 1)


def test_a_program_that_takes_events_is_invoked(functions, make):
    name = make(Code={"ZipFile": archive("event")})
    answer = functions.invoke(FunctionName=name, Payload=b'{"Records": []}', LogType="Tail")
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert "FunctionError" not in answer
    assert json.loads(answer["Payload"].read()) == {"batchItemFailures": []}
    log = base64.b64decode(answer["LogResult"]).decode()
    assert log.startswith(f"START RequestId: {answer['ResponseMetadata']['RequestId']} Version: ")
    assert "REPORT RequestId: " in log
    answer = functions.invoke(FunctionName=name, Payload=event("error as asked"))
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert "errorMessage" in json.loads(answer["Payload"].read())
    later = functions.invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
    assert later["StatusCode"] == 202
    tried = functions.invoke(FunctionName=name, InvocationType="DryRun")
    assert tried["StatusCode"] == 204
    with pytest.raises(functions.exceptions.InvalidRequestContentException):
        functions.invoke(FunctionName=name, Payload=b"{")


def test_a_function_of_batches_takes_no_event(functions, make):
    name = make()
    with pytest.raises(functions.exceptions.InvalidParameterValueException):
        functions.invoke(FunctionName=name, Payload=b"{}")


def test_a_reservation_bounds_the_calls(functions, kinesis, make, make_stream, read):
    source, out = make_stream(), make_stream()
    name = make(to=out)
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    mapping = functions.create_event_source_mapping(
        FunctionName=name, EventSourceArn=stream_arn(source), StartingPosition="LATEST"
    )
    put(kinesis, source, "x")
    look = functions.get_event_source_mapping
    until(
        lambda: look(UUID=mapping["UUID"])["LastProcessingResult"],
        lambda result: result == "PROBLEM: Function call failed",
    )
    assert read(out) == []
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    until(lambda: read(out), lambda records: len(records) == 1)
    events = make(Code={"ZipFile": archive("event")})
    functions.put_function_concurrency(FunctionName=events, ReservedConcurrentExecutions=0)
    with pytest.raises(functions.exceptions.TooManyRequestsException) as throttled:
        functions.invoke(FunctionName=events)
    reason = throttled.value.response["Reason"]
    assert reason == "ReservedFunctionConcurrentInvocationLimitExceeded"
    functions.delete_function_concurrency(FunctionName=events)
    assert functions.invoke(FunctionName=events)["StatusCode"] == 200


def event(data):
    """An event of one record, as Lambda makes them of Kinesis's."""
    record = {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "k",
            "sequenceNumber": "1",
            "data": base64.b64encode(data.encode()).decode(),
            "approximateArrivalTimestamp": 1.5,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": "shardId-000000000000:1",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": ROLE,
        "awsRegion": "us-east-1",
        "eventSourceARN": stream_arn("s"),
    }
    return json.dumps({"Records": [record]}).encode()


def test_what_is_set_survives_a_restart(tmp_path):
    def start():
        command, clean = serving(tmp_path / "data", "--listen", "127.0.0.1:0")
        host = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=clean)
        line = host.stdout.readline().decode()
        assert "is ready on" in line, line
        return host, client(line.split()[-1])

    def shown(functions):
        answers = [
            functions.get_function(FunctionName="f:live"),
            functions.get_function(FunctionName="f"),
            functions.list_versions_by_function(FunctionName="f"),
            functions.list_aliases(FunctionName="f"),
            functions.get_policy(FunctionName="f"),
        ]
        return [answer | {"ResponseMetadata": None} for answer in answers]

    host, functions = start()
    functions.create_function(
        FunctionName="f", Runtime="provided.al2", Handler="h", Role=ROLE, Description="kept",
        Code={"ZipFile": archive()}, Tags={"a": "b"}, Publish=True,
    )  # fmt: skip
    functions.update_function_code(FunctionName="f", ZipFile=archive("alerts"))
    functions.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    functions.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=3)
    functions.add_permission(FunctionName="f", StatementId="s", Action="lambda:*", Principal="*")
    before = shown(functions)
    host.terminate()
    host.wait(timeout=30)
    host, functions = start()
    try:
        # Both uploads are still there to be called.
        for name in ("f", "f:1"):
            assert functions.get_function(FunctionName=name)["Configuration"]["State"] == "Active"
        assert shown(functions) == before
    finally:
        host.terminate()
        host.wait(timeout=30)


ERRORS = [
    ("get_function", {}, "ResourceNotFoundException", 404),
    ("get_function_configuration", {}, "ResourceNotFoundException", 404),
    ("delete_function", {}, "ResourceNotFoundException", 404),
    ("publish_version", {}, "ResourceNotFoundException", 404),
    ("get_policy", {}, "ResourceNotFoundException", 404),
    ("get_alias", {"Name": "live"}, "ResourceNotFoundException", 404),
    ("invoke", {}, "ResourceNotFoundException", 404),
    ("get_function", {"Qualifier": "1"}, "ResourceNotFoundException", 404),
]


@pytest.mark.parametrize(("operation", "more", "code", "status"), ERRORS)
def test_errors_are_the_models(functions, operation, more, code, status):
    with pytest.raises(ClientError) as refused:
        getattr(functions, operation)(FunctionName="absent", **more)
    answer = refused.value.response
    assert answer["Error"]["Code"] == code
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == status
    assert "Function not found: " in answer["Error"]["Message"]
    assert type(refused.value).__name__ == code


def least(shape):
    """A small value that the model allows, or nearly."""
    kind = shape.type_name
    if kind == "structure":
        return {name: least(shape.members[name]) for name in shape.required_members}
    if kind == "list":
        return [least(shape.member)]
    if kind == "map":
        return {"key": least(shape.value)}
    if kind == "string":
        named = {
            "FunctionName": "absent",
            "NamespacedFunctionName": "absent",
            "RoleArn": ROLE,
            "TaggableResource": f"{ACCOUNT.format('lambda')}:function:absent",
        }
        return named.get(shape.name) or (shape.metadata.get("enum") or ["1"])[0]
    values = {"blob": b"x", "boolean": True, "timestamp": 1, "double": 0.5}
    return values.get(kind, max(shape.metadata.get("min", 1), 1))


def operations():
    model = boto3.session.Session()._session.get_service_model("lambda")
    return list(model.operation_names)


@pytest.mark.parametrize("name", operations())
def test_every_operation_has_an_answer_of_the_model(name, endpoint):
    unchecked = client(endpoint, parameter_validation=False)
    operation = unchecked.meta.service_model.operation_model(name)
    given = least(operation.input_shape) if operation.input_shape else {}
    try:
        unchecked._make_api_call(name, given)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        assert 400 <= status < 500, error
        code = error.response["Error"]["Code"]
        known = {shape.name for shape in operation.error_shapes}
        # What stands before the service may answer to any operation.
        assert code in known | {"ValidationException"}, (code, error)


def test_every_operation_has_a_row_that_says_what_differs():
    text = pathlib.Path(__file__).parents[2] / "host/docs/LAMBDA.md"
    first = [line.split("|")[1] for line in text.read_text().splitlines() if line.startswith("|")]
    named = {word for cell in first for word in cell.replace("`", "").replace(",", " ").split()}
    assert set(operations()) - named == set()


def test_a_function_lives_through_the_command_line(endpoint, tmp_path, kinesis, make_stream, read):
    command = pathlib.Path(sys.executable).with_name("aws")

    def aws(*words):
        done = subprocess.run(
            [command, "--endpoint-url", endpoint, "--output", "json", "lambda", *words],
            capture_output=True,
            text=True,
            env=os.environ | {"AWS_PAGER": ""},
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    source, out = make_stream(), make_stream()
    (tmp_path / "f.zip").write_bytes(archive())
    zipped = f"fileb://{tmp_path / 'f.zip'}"
    made = aws(
        "create-function", "--function-name", "by-command", "--runtime", "provided.al2023",
        "--handler", "bootstrap", "--role", ROLE, "--zip-file", zipped,
        "--environment", f"Variables={{to={out}}}", "--tags", "a=b",
    )  # fmt: skip
    assert made["State"] == "Active"
    aws("wait", "function-active-v2", "--function-name", "by-command")
    mapping = aws(
        "create-event-source-mapping", "--function-name", "by-command",
        "--event-source-arn", stream_arn(source), "--starting-position", "TRIM_HORIZON",
        "--batch-size", "10",
    )  # fmt: skip
    put(kinesis, source, "x")
    until(lambda: read(out), lambda records: [r["Data"] for r in records] == [b"x"])
    listed = aws("list-event-source-mappings", "--function-name", "by-command")
    assert [m["UUID"] for m in listed["EventSourceMappings"]] == [mapping["UUID"]]
    aws("update-function-code", "--function-name", "by-command", "--zip-file", zipped, "--publish")
    aws("wait", "function-updated-v2", "--function-name", "by-command")
    names = [f["FunctionName"] for f in aws("list-functions", "--page-size", "1")["Functions"]]
    assert "by-command" in names
    arn = made["FunctionArn"]
    assert aws("list-tags", "--resource", arn) == {"Tags": {"a": "b"}}
    aws("delete-event-source-mapping", "--uuid", mapping["UUID"])
    aws("delete-function", "--function-name", "by-command")
