"""The `aws` command, unmodified apart from its endpoint, from a stream's birth to its end."""

import base64
import json
import os
import pathlib
import subprocess
import sys

import pytest


@pytest.fixture
def aws(endpoint):
    """Runs `aws kinesis ...`; its answer, as JSON where it is."""

    def aws(*words, fails=False):
        command = pathlib.Path(sys.executable).with_name("aws")
        done = subprocess.run(
            [command, "--endpoint-url", endpoint, "kinesis", *words],
            capture_output=True,
            text=True,
            env=os.environ | {"AWS_PAGER": ""},
        )
        if fails:
            assert done.returncode != 0
            return done.stderr
        assert done.returncode == 0, done.stderr
        try:
            return json.loads(done.stdout)
        except ValueError:
            return done.stdout.strip()

    return aws


def test_a_stream_lives_through_the_command_line(aws, tmp_path):
    name = "by-command"
    aws("create-stream", "--stream-name", name, "--shard-count", "2")
    aws("wait", "stream-exists", "--stream-name", name)
    put = aws(
        "put-record", "--stream-name", name, "--partition-key", "k",
        "--explicit-hash-key", "0", "--data", "first",
    )  # fmt: skip
    assert put["ShardId"] == "shardId-000000000000"
    entries = tmp_path / "records.json"
    entries.write_text(
        json.dumps(
            [
                {"PartitionKey": "k", "ExplicitHashKey": "0", "Data": f"line {n}"}
                for n in range(500)
            ]
        )
    )
    answer = aws("put-records", "--stream-name", name, "--records", f"file://{entries}")
    assert answer["FailedRecordCount"] == 0
    iterator = aws(
        "get-shard-iterator", "--stream-name", name, "--shard-id", put["ShardId"],
        "--shard-iterator-type", "TRIM_HORIZON", "--query", "ShardIterator", "--output", "text",
    )  # fmt: skip
    page = aws("get-records", "--shard-iterator", iterator)
    data = [base64.b64decode(record["Data"]).decode() for record in page["Records"]]
    assert data == ["first"] + [f"line {n}" for n in range(500)]
    summary = aws("describe-stream-summary", "--stream-name", name)
    assert summary["StreamDescriptionSummary"]["OpenShardCount"] == 2
    described = aws("describe-stream", "--stream-name", name)["StreamDescription"]
    assert len(described["Shards"]) == 2
    assert len(aws("list-shards", "--stream-name", name)["Shards"]) == 2
    assert name in aws("list-streams", "--page-size", "1")["StreamNames"]
    aws("delete-stream", "--stream-name", name)
    aws("wait", "stream-not-exists", "--stream-name", name)


def test_an_error_reads_as_amazons_does(aws):
    said = aws("describe-stream", "--stream-name", "absent", fails=True)
    assert "An error occurred (ResourceNotFoundException) when calling the DescribeStream" in said
    assert "Stream absent under account" in said
