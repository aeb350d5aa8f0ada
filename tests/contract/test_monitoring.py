"""Enhanced monitoring: what it is enabled for shows in Prometheus's text, by stream and shard."""

import urllib.request

SHARD = "shardId-000000000000"


def shown(endpoint, stream):
    """The samples of one stream's shards, by name without what all names share."""
    with urllib.request.urlopen(f"{endpoint}/metrics") as answer:
        text = answer.read().decode()
    labels = f'{{stream="{stream}",shard="{SHARD}"}} '
    lines = [line.split(labels) for line in text.splitlines() if labels in line]
    return {name.removeprefix("millstream_shard_"): float(value) for name, value in lines}


def test_metrics_show_what_monitoring_is_enabled_for(kinesis, stream, read, endpoint):
    assert shown(endpoint, stream) == {}
    enabled = kinesis.enable_enhanced_monitoring(StreamName=stream, ShardLevelMetrics=["ALL"])
    assert len(enabled["DesiredShardLevelMetrics"]) == 7
    records = [{"PartitionKey": "key", "Data": b"seven.."}] * 5
    kinesis.put_records(StreamName=stream, Records=records)
    kinesis.put_record(StreamName=stream, PartitionKey="key", Data=b"")
    assert len(read(stream)) == 6
    assert shown(endpoint, stream) == {
        "incoming_bytes_total": 53,
        "incoming_records_total": 6,
        "outgoing_bytes_total": 53,
        "outgoing_records_total": 6,
        "write_throughput_exceeded_total": 0,
        "read_throughput_exceeded_total": 0,
        "iterator_age_seconds": 0,
    }
    kinesis.disable_enhanced_monitoring(
        StreamName=stream,
        ShardLevelMetrics=["OutgoingBytes", "OutgoingRecords", "IteratorAgeMilliseconds"],
    )
    assert set(shown(endpoint, stream)) == {
        "incoming_bytes_total",
        "incoming_records_total",
        "write_throughput_exceeded_total",
        "read_throughput_exceeded_total",
    }
    kinesis.disable_enhanced_monitoring(StreamName=stream, ShardLevelMetrics=["ALL"])
    assert shown(endpoint, stream) == {}
