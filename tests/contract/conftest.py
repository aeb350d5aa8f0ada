"""What the contract tests share: unmodified AWS clients whose only peculiarity is their endpoint."""

import itertools
import os
import subprocess
from types import SimpleNamespace

import boto3
import pytest
from botocore.config import Config

from recipes import RECIPES
from wire import Wire
from world import World

NAMES = itertools.count()


@pytest.fixture(scope="session")
def endpoint():
    """The host that the test runner started."""
    return os.environ["MILLSTREAM_URL"]


def client(endpoint, **config):
    return boto3.client(
        "kinesis",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(**config),
    )


def serving(data, *arguments):
    """The command of a host of one's own, and what it gets of the environment."""
    command = [os.environ["MILLSTREAM_BINARY"], "serve", "--data", str(data)]
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MILLSTREAM_"))}
    return [*command, "--state-change-delay", "0", *arguments], clean


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    """Starts hosts of one's own; gives where each is, its data, its log and its process."""
    running = []

    def start(arguments, listen="127.0.0.1:0", data=None, **environment):
        home = tmp_path_factory.mktemp("host")
        data = data or home / "data"
        command, clean = serving(data, "--listen", listen, *arguments)
        with open(home / "log", "wb") as log:
            host = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, env=clean | environment
            )
        running.append(host)
        line = host.stdout.readline().decode()
        assert "is ready on" in line, (line, (home / "log").read_text())
        return SimpleNamespace(url=line.split()[-1], data=data, log=home / "log", process=host)

    yield start
    for host in running:
        host.terminate()
    for host in running:
        host.wait(timeout=30)


@pytest.fixture(scope="session")
def kinesis(endpoint):
    """A client as anyone would make it."""
    return client(endpoint)


@pytest.fixture(scope="session")
def unchecked(endpoint):
    """A client that leaves it to the host to refuse, and takes its first answer."""
    return client(endpoint, parameter_validation=False, retries={"total_max_attempts": 1})


@pytest.fixture(scope="module")
def wire(endpoint):
    """A connection for requests by hand."""
    return Wire(endpoint)


@pytest.fixture(scope="module")
def world(kinesis):
    """What the inputs made from the model act on."""
    made = World(kinesis, RECIPES)
    yield made
    made.clean()


@pytest.fixture
def make_stream(kinesis):
    """Creates streams with names of their own and deletes them afterwards."""
    made = []

    def make(shards=1):
        name = f"contract-{next(NAMES)}"
        kinesis.create_stream(StreamName=name, ShardCount=shards)
        made.append(name)
        active = kinesis.get_waiter("stream_exists")
        active.wait(StreamName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 200})
        return name

    yield make
    for name in made:
        kinesis.delete_stream(StreamName=name)


@pytest.fixture
def stream(make_stream):
    """A stream of one shard."""
    return make_stream()


@pytest.fixture
def read(kinesis):
    """Reads a shard to its tip from where `how` says."""

    def read(stream, shard="shardId-000000000000", **how):
        how = how or {"ShardIteratorType": "TRIM_HORIZON"}
        answer = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, **how)
        return drain(kinesis, answer["ShardIterator"])

    return read


def drain(kinesis, iterator, limit=10_000):
    """All records from an iterator to the tip."""
    records = []
    while True:
        page = kinesis.get_records(ShardIterator=iterator, Limit=limit)
        assert len(page["Records"]) <= limit
        records += page["Records"]
        if not page["Records"] and page["MillisBehindLatest"] == 0:
            return records
        iterator = page["NextShardIterator"]
