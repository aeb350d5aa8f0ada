"""Records that Amazon's producer library would have packed pass as they are."""

from aws_kinesis_agg.aggregator import RecordAggregator


def test_aggregates_come_back_byte_for_byte(kinesis, stream, read):
    packed = [("ann", b"one"), ("bob", b""), ("ann", bytes(range(256)))]
    aggregator = RecordAggregator()
    for key, data in packed:
        aggregator.add_user_record(key, data)
    key, _, data = aggregator.clear_and_get().get_contents()
    put = kinesis.put_record(StreamName=stream, PartitionKey=key, Data=data)
    kinesis.put_records(StreamName=stream, Records=[{"PartitionKey": key, "Data": data}])
    records = read(stream)
    assert [record["Data"] for record in records] == [data, data]
    assert {record["PartitionKey"] for record in records} == {"ann"}
    assert records[0]["SequenceNumber"] == put["SequenceNumber"]
