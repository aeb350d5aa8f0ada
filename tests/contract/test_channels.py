"""Channels: what boto3 asks for is delivered, to a directory and to moto's S3."""

import gzip
import json
import time

import boto3
import pytest
from botocore.exceptions import ClientError
from conftest import NAMES, client
from moto.server import ThreadedMotoServer

ROLE = "arn:aws:iam::123456789012:role/delivery"
KEYS = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}


@pytest.fixture(scope="module")
def moto():
    """Somebody else's S3."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    address, port = server.get_host_and_port()
    yield f"http://{address}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def s3(moto):
    return boto3.client(
        "s3",
        endpoint_url=moto,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )


@pytest.fixture(scope="module")
def serve(hosts):
    """Starts hosts of its own, each with its environment; gives a client of each."""
    return lambda arguments, **environment: client(hosts(arguments, **environment).url)


@pytest.fixture(scope="module")
def buckets(tmp_path_factory):
    return tmp_path_factory.mktemp("buckets")


@pytest.fixture(scope="module")
def local(serve, buckets):
    """A host that delivers into a directory, as soon as it can."""
    return serve(["--channel-directory", str(buckets), "--channel-freshness", "0"])


@pytest.fixture(scope="module")
def remote(serve, moto):
    """A host that delivers to moto, as soon as it can."""
    return serve(["--channel-freshness", "0"], AWS_ENDPOINT_URL_S3=moto, **KEYS)


def on_demand(kinesis):
    name = f"channels-{next(NAMES)}"
    kinesis.create_stream(StreamName=name, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    return name, kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"][
        "StreamARN"
    ]


def bucket(name):
    return {"BucketARN": f"arn:aws:s3:::{name}", "ExpectedBucketOwner": "123456789012"}


def create(kinesis, stream_arn, into, form="JSON", **storage):
    storage = {"CompressionType": "GZIP"} | storage
    made = kinesis.create_channel(
        ChannelName=f"channel-{next(NAMES)}",
        ServiceExecutionRoleARN=ROLE,
        StreamConfigurationList=[
            {"StreamARN": stream_arn, "RecordConfiguration": {"RecordFormatType": form}}
        ],
        S3DestinationConfiguration={"StorageConfiguration": bucket(into) | storage},
    )
    return made["ChannelDescription"]


def put(kinesis, stream, *data):
    records = [{"PartitionKey": str(i), "Data": each} for i, each in enumerate(data)]
    assert kinesis.put_records(StreamName=stream, Records=records)["FailedRecordCount"] == 0


def eventually(look):
    """The first answer that holds."""
    deadline = time.monotonic() + 60
    while not (found := look()):
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)
    return found


def files(buckets, name):
    """The objects of a bucket that is a directory; a hash is in the name of unfinished ones."""
    found = (path for path in (buckets / name).rglob("*") if path.is_file())
    return {
        str(path.relative_to(buckets / name)): path.read_bytes()
        for path in found
        if "#" not in path.name
    }


def lines(objects, part):
    """The lines of all compressed objects whose keys contain `part`."""
    texts = (gzip.decompress(body) for key, body in objects.items() if part in key)
    return sorted(line for text in texts for line in text.splitlines())


def test_json_records_become_lines_of_compressed_objects(local, buckets):
    stream, arn = on_demand(local)
    made = create(local, arn, "lines")
    wanted = [json.dumps({"number": i}).encode() for i in range(100)]
    put(local, stream, *wanted)
    part = made["ChannelId"]
    eventually(lambda: len(lines(files(buckets, "lines"), part)) == 100)
    objects = files(buckets, "lines")
    assert lines(objects, part) == sorted(wanted)
    prefix = f"kinesis-channel/{made['ChannelName']}/{part}/"
    assert all(key.startswith(prefix) and key.endswith(".gz") for key in objects)


def test_what_is_not_json_is_kept_with_the_reason(local, buckets):
    stream, arn = on_demand(local)
    made = create(local, arn, "mixed")
    put(local, stream, b"{", b"1")
    prefix = f"kinesis-channel/errors/{made['ChannelName']}/{made['ChannelId']}/"
    letters = eventually(
        lambda: [body for key, body in files(buckets, "mixed").items() if key.startswith(prefix)]
    )
    letter = json.loads(letters[0])
    assert letter["errorCode"] == "InvalidJson" and letter["rawData"] == "ew=="
    assert letter["streamName"] == stream
    eventually(lambda: lines(files(buckets, "mixed"), f"/{made['ChannelName']}-") == [b"1"])


def test_bytes_and_templates(local, buckets):
    stream, arn = on_demand(local)
    template = "raw/!{stream-name}/!{channel-name}!{extension:.bin}"
    made = create(
        local, arn, "bytes", "BYTE_ARRAY", CompressionType="NONE", OutputKeyTemplate=template
    )
    put(local, stream, b"\xff\x00\n")
    objects = eventually(lambda: files(buckets, "bytes"))
    [(key, body)] = objects.items()
    assert key.startswith(f"raw/{stream}/{made['ChannelName']}-") and key.endswith(".bin")
    assert body == b"\xff\x00\n"


def test_zstandard_objects_say_so(local, buckets):
    stream, arn = on_demand(local)
    create(local, arn, "zstandard", "STRING", CompressionType="ZSTD")
    put(local, stream, b"text")
    [(key, body)] = eventually(lambda: files(buckets, "zstandard")).items()
    assert key.endswith(".zst") and body.startswith(b"\x28\xb5\x2f\xfd")


def test_a_channel_follows_its_stream_through_a_split(local, buckets):
    stream, arn = on_demand(local)
    made = create(local, arn, "split", "STRING")
    put(local, stream, b"before")
    local.update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": "PROVISIONED"})
    shards = local.list_shards(StreamName=stream)["Shards"]
    count = 2 * len(shards)
    local.update_shard_count(
        StreamName=stream, TargetShardCount=count, ScalingType="UNIFORM_SCALING"
    )
    eventually(lambda: len(local.list_shards(StreamName=stream)["Shards"]) > len(shards))
    put(local, stream, *[f"after {i}".encode() for i in range(20)])
    wanted = sorted([b"before"] + [f"after {i}".encode() for i in range(20)])
    eventually(lambda: lines(files(buckets, "split"), made["ChannelId"]) == wanted)


def test_moto_gets_the_objects_with_their_class(remote, s3):
    s3.create_bucket(Bucket="archive")
    stream, arn = on_demand(remote)
    made = create(remote, arn, "archive", StorageClass="INTELLIGENT_TIERING")
    put(remote, stream, *[b"%d" % i for i in range(50)])

    def delivered():
        listed = s3.list_objects_v2(Bucket="archive").get("Contents", [])
        return {
            entry["Key"]: s3.get_object(Bucket="archive", Key=entry["Key"])["Body"].read()
            for entry in listed
        }

    wanted = sorted(b"%d" % i for i in range(50))
    eventually(lambda: lines(delivered(), made["ChannelId"]) == wanted)
    classes = {
        entry["StorageClass"] for entry in s3.list_objects_v2(Bucket="archive")["Contents"]
    }
    assert classes == {"INTELLIGENT_TIERING"}


def described(kinesis, channel):
    answer = kinesis.describe_channel(ChannelARN=channel["ChannelARN"])
    return answer["ChannelDescription"]


def test_a_missing_bucket_is_told_until_it_is_there(remote, s3):
    stream, arn = on_demand(remote)
    made = create(remote, arn, "later")
    put(remote, stream, b"1")
    eventually(lambda: described(remote, made)["ChannelStatus"] == "FAILED")
    assert "NoSuchBucket" in described(remote, made)["ChannelStatusReason"]
    s3.create_bucket(Bucket="later")
    eventually(lambda: described(remote, made)["ChannelStatus"] == "ACTIVE")
    eventually(lambda: s3.list_objects_v2(Bucket="later").get("KeyCount"))


def test_a_host_without_a_destination_says_what_to_set(serve):
    kinesis = serve([])
    _, arn = on_demand(kinesis)
    made = create(kinesis, arn, "nowhere")
    eventually(lambda: described(kinesis, made)["ChannelStatus"] == "FAILED")
    reason = described(kinesis, made)["ChannelStatusReason"]
    assert "--channel-directory" in reason and "AWS_ENDPOINT_URL_S3" in reason


def test_a_channel_lives_as_the_model_says(local):
    stream, arn = on_demand(local)
    made = create(local, arn, "life")
    assert made["ChannelARN"].endswith(f":channel/{made['ChannelId']}")
    changed = local.update_channel(
        ChannelARN=made["ChannelARN"],
        S3DestinationConfiguration={"DataFreshnessInSeconds": 900},
    )["ChannelDescription"]
    assert changed["S3DestinationConfiguration"]["DataFreshnessInSeconds"] == 900
    listed = local.list_channels(StreamFilter=[{"StreamARN": arn}])["ChannelSummaries"]
    assert [each["ChannelName"] for each in listed] == [made["ChannelName"]]
    with pytest.raises(local.exceptions.ResourceInUseException):
        local.delete_stream(StreamName=stream)
    local.delete_channel(ChannelARN=made["ChannelARN"])
    with pytest.raises(local.exceptions.ResourceNotFoundException):
        described(local, made)
    local.delete_stream(StreamName=stream)


def test_streaming_tables_are_refused_as_the_model_allows(local):
    _, arn = on_demand(local)
    record = {"RecordFormatType": "JSON"}
    table = {
        "TableBucketARN": "arn:aws:s3tables:us-east-1:123456789012:bucket/tables",
        "Namespace": "a",
        "TableName": "b",
        "CompressionType": "ZSTD",
    }
    with pytest.raises(ClientError) as refused:
        local.create_channel(
            ChannelName="tables",
            ServiceExecutionRoleARN=ROLE,
            StreamConfigurationList=[{"StreamARN": arn, "RecordConfiguration": record}],
            S3TablesDestinationConfiguration={
                "DeadLetterQueueS3Configuration": bucket("errors"),
                "S3TablesConfigurationList": [table],
            },
        )
    error = refused.value.response["Error"]
    assert error["Code"] == "InvalidArgumentException"
    assert "S3TablesDestinationConfiguration" in error["Message"]
