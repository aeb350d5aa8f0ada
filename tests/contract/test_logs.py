"""Functions' logs as boto3 and the `aws` command read them, and as those follow who tail them."""

import collections
import json
import os
import re
import subprocess
import sys
import time

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from test_lambda import archive, event, functions, make, put, stream_arn, until  # noqa: F401

STREAM = re.compile(r"\d{4}/\d\d/\d\d/\[(\$LATEST|\d+)\][0-9a-f]{32}")


@pytest.fixture(scope="module")
def logs(endpoint):
    """A client as anyone would make it."""
    return boto3.client(
        "logs",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(retries={"total_max_attempts": 1}),
    )


def aws(endpoint, *arguments):
    """What the `aws` command prints, as the JSON that it is."""
    command = [sys.executable, "-m", "awscli", "--endpoint-url", endpoint, "logs", *arguments]
    environment = os.environ | {
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def group(name):
    return f"/aws/lambda/{name}"


def lines(logs, name, **more):
    """All lines of a function that are asked for."""
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group(name), **more)
    return [line["message"].rstrip("\n") for page in pages for line in page["events"]]


def said(logs, name):
    """What the function itself said."""
    return [line for line in lines(logs, name) if "RequestId: " not in line]


def test_an_invocation_has_lambdas_lines(functions, logs, make):
    name = make(Code={"ZipFile": archive("event")}, MemorySize=256)
    answer = functions.invoke(FunctionName=name, Payload=event("say"), LogType="Tail")
    request = answer["ResponseMetadata"]["RequestId"]
    seen = lines(logs, name)
    assert seen[0] == f"START RequestId: {request} Version: $LATEST"
    assert seen[1:3] == ["one", "two"]
    assert seen[3] == f"END RequestId: {request}"
    report = (
        rf"REPORT RequestId: {request}\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\t"
        rf"Memory Size: 256 MB\tMax Memory Used: \d+ MB\t"
    )
    assert re.fullmatch(report, seen[4])
    assert len(seen) == 5
    functions.invoke(FunctionName=name, Payload=event("error as asked"))
    failed = lines(logs, name)[5:]
    assert any(line.startswith("RequestId: ") and "Error: " in line for line in failed), failed
    assert failed[-1].endswith("\tStatus: error\tError Type: Runtime.ExitError\t")


def test_a_time_out_says_so(functions, logs, make):
    name = make(Code={"ZipFile": archive("event")}, Timeout=1)
    answer = functions.invoke(FunctionName=name, Payload=event("sleep"))
    assert answer["FunctionError"] == "Unhandled"
    request = answer["ResponseMetadata"]["RequestId"]
    (late,) = lines(logs, name, filterPattern='"timed out"')
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.fullmatch(rf"{moment} {request} Task timed out after 1\.00 seconds", late)


def test_batches_of_a_mapping_are_logged_by_their_version(functions, kinesis, logs, make, make_stream):
    source = make_stream()
    name = make(Environment={"Variables": {"mode": "log"}}, Publish=True)
    functions.create_event_source_mapping(
        FunctionName=f"{name}:1", EventSourceArn=stream_arn(source), StartingPosition="LATEST"
    )
    put(kinesis, source, "first", "second")
    until(lambda: said(logs, name), lambda texts: texts == ["first", "second"])
    streams = logs.describe_log_streams(logGroupName=group(name))["logStreams"]
    assert [STREAM.fullmatch(stream["logStreamName"])[1] for stream in streams] == ["1"]
    assert streams[0]["lastEventTimestamp"] >= streams[0]["firstEventTimestamp"]
    ids = {line.split()[2] for line in lines(logs, name, filterPattern="START")}
    ends = {line.split()[2] for line in lines(logs, name, filterPattern="END")}
    assert ids == ends and ids


def test_groups_and_streams_are_listed(functions, logs, make):
    names = sorted(make(Code={"ZipFile": archive("event")}) for _ in range(3))
    pages = logs.get_paginator("describe_log_groups").paginate(
        logGroupNamePrefix="/aws/lambda/function-", PaginationConfig={"PageSize": 2}
    )
    groups = [each for page in pages for each in page["logGroups"]]
    assert {group(name) for name in names} <= {each["logGroupName"] for each in groups}
    arn = f"arn:aws:logs:us-east-1:123456789012:log-group:{group(names[0])}"
    (shown,) = [each for each in groups if each["logGroupName"] == group(names[0])]
    assert (shown["logGroupArn"], shown["arn"]) == (arn, f"{arn}:*")
    assert logs.describe_log_streams(logGroupIdentifier=arn)["logStreams"] == []
    functions.publish_version(FunctionName=names[0])
    for qualifier in ("$LATEST", "1"):
        functions.invoke(FunctionName=names[0], Qualifier=qualifier)
    pages = logs.get_paginator("describe_log_streams").paginate(
        logGroupName=group(names[0]), orderBy="LastEventTime", PaginationConfig={"PageSize": 1}
    )
    streams = [stream["logStreamName"] for page in pages for stream in page["logStreams"]]
    assert [STREAM.fullmatch(stream)[1] for stream in streams] == ["$LATEST", "1"]
    (line,) = lines(logs, names[0], logStreamNames=[streams[1]], filterPattern="START")
    assert line.endswith(" Version: 1")


def test_the_events_of_a_stream_are_read_from_either_end(functions, logs, make, endpoint):
    name = make(Code={"ZipFile": archive("event")})
    for _ in range(4):
        functions.invoke(FunctionName=name, Payload=event("say"))
    whole = lines(logs, name)
    (stream,) = logs.describe_log_streams(logGroupName=group(name))["logStreams"]
    which = {"logGroupName": group(name), "logStreamName": stream["logStreamName"]}

    def read(token, **more):
        page = logs.get_log_events(**which, **more)
        seen = [[line["message"].rstrip("\n") for line in page["events"]]]
        while page[token] != more.get("nextToken"):
            more["nextToken"] = page[token]
            page = logs.get_log_events(**which, **more)
            seen.append([line["message"].rstrip("\n") for line in page["events"]])
        return seen

    forwards = read("nextForwardToken", limit=3, startFromHead=True)
    assert [line for page in forwards for line in page] == whole
    backwards = read("nextBackwardToken", limit=3)
    assert [line for page in reversed(backwards) for line in page] == whole
    printed = aws(
        endpoint, "get-log-events", "--log-group-name", group(name),
        "--log-stream-name", stream["logStreamName"], "--limit", "2",
    )  # fmt: skip
    assert [line["message"].rstrip("\n") for line in printed["events"]] == whole[-2:]


def test_the_command_line_filters(functions, make, endpoint):
    name = make(Code={"ZipFile": archive("event")})
    functions.invoke(FunctionName=name, Payload=event("say"))
    printed = aws(
        endpoint, "filter-log-events", "--log-group-name", group(name),
        "--filter-pattern", "?one ?two", "--page-size", "1",
    )  # fmt: skip
    assert [line["message"] for line in printed["events"]] == ["one\n", "two\n"]
    printed = aws(endpoint, "describe-log-groups", "--log-group-name-prefix", group(name))
    assert printed["logGroups"][0]["logGroupName"] == group(name)


def tail(logs, name, since):
    """What `aws logs tail --follow` prints, poll by poll: lines from the newest moment that it has
    seen on, without those that it has seen already."""
    asked = {"logGroupName": group(name), "interleaved": True, "startTime": since}
    seen = collections.defaultdict(set)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        page = logs.filter_log_events(**asked)
        for line in page["events"]:
            if line["eventId"] not in seen[line["timestamp"]]:
                seen[line["timestamp"]].add(line["eventId"])
                yield line["message"].rstrip("\n")
        asked.pop("nextToken", None)
        if "nextToken" in page:
            asked["nextToken"] = page["nextToken"]
        elif seen:
            newest = max(seen)
            seen = collections.defaultdict(set, {newest: seen[newest]})
            asked["startTime"] = newest


def test_who_follows_sees_every_line_once(functions, kinesis, logs, make, make_stream):
    source = make_stream(4)
    name = make(Environment={"Variables": {"mode": "log"}})
    functions.create_event_source_mapping(
        FunctionName=name,
        EventSourceArn=stream_arn(source),
        StartingPosition="LATEST",
        ParallelizationFactor=4,
        BatchSize=3,
    )
    following = tail(logs, name, 0)
    expected, seen = [], []
    for n in range(20):
        texts = [f"{n}/{i}" for i in range(25)]
        records = [{"PartitionKey": text, "Data": text} for text in texts]
        kinesis.put_records(StreamName=source, Records=records)
        expected += texts
        # Some lines are read while others come.
        while len(seen) < len(expected) - 10:
            line = next(following)
            if "RequestId: " not in line:
                seen.append(line)
    while len(seen) < len(expected):
        line = next(following)
        if "RequestId: " not in line:
            seen.append(line)
    assert sorted(seen) == sorted(expected)


REFUSED = [
    ("filter_log_events", {"logGroupName": "/aws/lambda/absent"}, "ResourceNotFoundException"),
    ("describe_log_streams", {"logGroupName": "absent"}, "ResourceNotFoundException"),
    ("filter_log_events", {}, "InvalidParameterException"),
    ("describe_log_groups", {"nextToken": "x"}, "InvalidParameterException"),
    ("create_log_group", {"logGroupName": "g"}, "InvalidParameterException"),
    ("put_retention_policy", {"logGroupName": "g", "retentionInDays": 1}, "InvalidParameterException"),
    ("describe_deliveries", {}, "ValidationException"),
    ("list_tags_log_group", {"logGroupName": "g"}, "ResourceNotFoundException"),
]


@pytest.mark.parametrize(("operation", "more", "code"), REFUSED)
def test_refusals_are_the_models(logs, operation, more, code):
    with pytest.raises(ClientError) as refused:
        getattr(logs, operation)(**more)
    assert refused.value.response["Error"]["Code"] == code
    assert type(refused.value).__name__ == code


def test_every_operation_of_the_model_has_an_answer(logs):
    """An operation is served, or refused with an exception that its model lists."""
    model = logs.meta.service_model
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1}, inject_host_prefix=False)
    unchecked = boto3.client(
        "logs", endpoint_url=logs.meta.endpoint_url, region_name="us-east-1",
        aws_access_key_id="any", aws_secret_access_key="any", config=config,
    )  # fmt: skip
    served = {"DescribeLogGroups", "DescribeLogStreams", "FilterLogEvents", "GetLogEvents"}
    methods = {operation: method for method, operation in unchecked.meta.method_to_api_mapping.items()}
    for name in set(model.operation_names) - served:
        with pytest.raises(ClientError) as refused:
            getattr(unchecked, methods[name])()
        error = refused.value.response["Error"]
        assert error["Message"] == f"{name} is not supported by Millstream."
        listed = {shape.name for shape in model.operation_model(name).error_shapes}
        assert error["Code"] in listed, (name, error)
