"""What the inputs of recipes act on: made beforehand, and taken away at the end."""

import itertools
import time

from botocore.exceptions import ClientError

NAMES = itertools.count()
SHARD = "shardId-000000000000"
ROLE = "arn:aws:iam::123456789012:role/channel"
BUCKET = {"BucketARN": "arn:aws:s3:::model-bucket", "ExpectedBucketOwner": "123456789012"}


class World:
    """Makes what recipes need, and takes it away at the end."""

    def __init__(self, kinesis, recipes):
        self.kinesis = kinesis
        self.recipes = recipes
        self.inputs = {}

    def stream(self, shards=1, **settings):
        name = f"model-{next(NAMES)}"
        if "StreamModeDetails" not in settings:
            settings["ShardCount"] = shards
        self.kinesis.create_stream(StreamName=name, **settings)
        self.settled(name)
        return name

    def settled(self, name):
        """Waits until a stream has become active."""
        deadline = time.monotonic() + 30
        while True:
            summary = self.kinesis.describe_stream_summary(StreamName=name)
            summary = summary["StreamDescriptionSummary"]
            if summary["StreamStatus"] == "ACTIVE":
                return summary
            assert time.monotonic() < deadline, summary
            time.sleep(0.02)

    def arn(self, name):
        summary = self.kinesis.describe_stream_summary(StreamName=name)
        return summary["StreamDescriptionSummary"]["StreamARN"]

    def put(self, name, count=1):
        """Puts records, so that reading finds some."""
        records = [{"PartitionKey": f"{n}", "Data": b"record"} for n in range(count)]
        assert self.kinesis.put_records(StreamName=name, Records=records)["FailedRecordCount"] == 0

    def consumer(self, name):
        made = self.kinesis.register_stream_consumer(
            StreamARN=self.arn(name), ConsumerName=f"consumer-{next(NAMES)}"
        )["Consumer"]
        return self.until_active(
            lambda: self.kinesis.describe_stream_consumer(ConsumerARN=made["ConsumerARN"])[
                "ConsumerDescription"
            ],
            "ConsumerStatus",
        )

    def queue(self, name, **attributes):
        made = self.kinesis.create_queue(
            QueueName=f"queue-{next(NAMES)}",
            StreamConfigurationList=[queue_source(self.arn(name))],
            QueueAttributes=attributes,
        )["QueueDescription"]
        self.until_active(
            lambda: self.kinesis.describe_queue(QueueARN=made["QueueARN"])["QueueDescription"],
            "QueueStatus",
        )
        return made["QueueARN"]

    def channel(self, name):
        made = self.kinesis.create_channel(**channel(self.arn(name)))["ChannelDescription"]
        self.until_active(
            lambda: self.kinesis.describe_channel(ChannelARN=made["ChannelARN"])[
                "ChannelDescription"
            ],
            "ChannelStatus",
        )
        return made["ChannelARN"]

    def until_active(self, describe, status):
        deadline = time.monotonic() + 30
        while (described := describe())[status] != "ACTIVE":
            assert time.monotonic() < deadline, described
            time.sleep(0.02)
        return described

    def iterator(self, name):
        return self.kinesis.get_shard_iterator(
            StreamName=name, ShardId=SHARD, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]

    def fresh(self, name):
        """An input of the operation that succeeds, once."""
        return self.recipes[name](self)

    def kept(self, name):
        """The same input each time, for requests that are refused whatever it would come to."""
        if name not in self.inputs:
            self.inputs[name] = self.fresh(name)
        return self.inputs[name]

    def clean(self):
        """Whatever there is goes; requests at the bounds made things, too."""
        kinesis = self.kinesis
        for queue in pages(kinesis, "list_queues", "QueueSummaries"):
            gone(lambda: kinesis.delete_queue(QueueARN=queue["QueueARN"]))
        for channel in pages(kinesis, "list_channels", "ChannelSummaries"):
            gone(lambda: kinesis.delete_channel(ChannelARN=channel["ChannelARN"]))
        for name in pages(kinesis, "list_streams", "StreamNames"):
            gone(lambda: kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True))
        kinesis.update_account_settings(MinimumThroughputBillingCommitment={"Status": "DISABLED"})


def pages(kinesis, operation, member):
    """The entries of a list, all of it."""
    ask = getattr(kinesis, operation)
    answer = ask()
    yield from answer[member]
    while token := answer.get("NextToken"):
        answer = ask(NextToken=token)
        yield from answer[member]


def gone(delete):
    """Deletes what an operation of the test may have deleted before, once nothing uses it any more."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return delete()
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "ResourceNotFoundException":
                return None
            if code != "ResourceInUseException" or time.monotonic() > deadline:
                raise


def queue_source(arn):
    return {"StreamARN": arn, "StartingPosition": {"Type": "TRIM_HORIZON"}}


def channel(arn):
    return {
        "ChannelName": f"channel-{next(NAMES)}",
        "ServiceExecutionRoleARN": ROLE,
        "StreamConfigurationList": [
            {"StreamARN": arn, "RecordConfiguration": {"RecordFormatType": "BYTE_ARRAY"}}
        ],
        "S3DestinationConfiguration": {
            "StorageConfiguration": BUCKET | {"CompressionType": "NONE"},
        },
    }
