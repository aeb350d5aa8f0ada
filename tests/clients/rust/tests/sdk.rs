//! What a program with the AWS SDK for Rust does with a stream, from its creation to its end.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use aws_sdk_kinesis::{
    Client,
    error::SdkError,
    operation::describe_stream::DescribeStreamError,
    primitives::{Blob, DateTime},
    types::{PutRecordsRequestEntry, Record, ShardIteratorType},
};
use clients::{created, start};

async fn iterator(client: &Client, stream: &str, shard: &str) -> Result<String> {
    let asked = client
        .get_shard_iterator()
        .stream_name(stream)
        .shard_id(shard);
    let answer = asked
        .shard_iterator_type(ShardIteratorType::TrimHorizon)
        .send()
        .await?;
    answer.shard_iterator.context("no iterator")
}

/// All of a shard, to its tip or its end.
async fn drained(client: &Client, stream: &str, shard: &str) -> Result<Vec<Record>> {
    let mut next = Some(iterator(client, stream, shard).await?);
    let mut records = Vec::new();
    while let Some(iterator) = next {
        let page = client.get_records().shard_iterator(iterator).send().await?;
        let tip = page.records.is_empty() && page.millis_behind_latest == Some(0);
        records.extend(page.records);
        next = page.next_shard_iterator.filter(|_| !tip);
    }
    Ok(records)
}

#[tokio::test]
async fn records_come_back_in_the_order_of_their_key() -> Result<()> {
    let (host, client) = start()?;
    created(&client, "orders", 3).await?;
    for step in 0..5 {
        let entries = (0..100).map(|n| {
            PutRecordsRequestEntry::builder()
                .partition_key(format!("key-{}", n % 10))
                .data(Blob::new(format!("{step}/{n}")))
                .build()
        });
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        let put = client.put_records().stream_name("orders");
        let answer = put.set_records(Some(entries)).send().await?;
        assert_eq!(answer.failed_record_count, Some(0));
        assert_eq!(answer.records.len(), 100);
    }
    let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let listed = client.list_shards().stream_name("orders").send().await?;
    for shard in listed.shards() {
        for record in drained(&client, "orders", shard.shard_id()).await? {
            ensure!(
                record.approximate_arrival_timestamp > Some(DateTime::from_secs(1_700_000_000))
            );
            let data = String::from_utf8(record.data.into_inner())?;
            let key = record.partition_key.context("no key")?;
            keys.entry(key).or_default().push(data);
        }
    }
    assert_eq!(keys.len(), 10);
    for (key, found) in keys {
        let digit: usize = key.trim_start_matches("key-").parse()?;
        let each =
            (0..5).flat_map(|step| (digit..100).step_by(10).map(move |n| format!("{step}/{n}")));
        assert_eq!(found, each.collect::<Vec<_>>(), "{key}");
    }
    ensure!(host.stop()?.success());
    Ok(())
}

#[tokio::test]
async fn errors_are_the_sdks_own_types() -> Result<()> {
    let (host, client) = start()?;
    let absent = client.describe_stream().stream_name("absent").send().await;
    let refused = absent.expect_err("there is no such stream");
    assert!(matches!(
        &refused,
        SdkError::ServiceError(told)
            if matches!(told.err(), DescribeStreamError::ResourceNotFoundException(_))
    ));
    created(&client, "twice", 1).await?;
    let again = client.create_stream().stream_name("twice").shard_count(1);
    let refused = again.send().await.expect_err("it exists already");
    assert!(refused.into_service_error().is_resource_in_use_exception());
    let forged = client.get_records().shard_iterator("forged").send().await;
    let refused = forged.expect_err("it was never given out");
    assert!(refused.into_service_error().is_invalid_argument_exception());
    ensure!(host.stop()?.success());
    Ok(())
}

#[tokio::test]
async fn pages_are_turned_by_the_sdk() -> Result<()> {
    let (host, client) = start()?;
    for n in 0..5 {
        created(&client, &format!("page-{n}"), 1).await?;
    }
    let mut pages = client.list_streams().limit(2).into_paginator().send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page?.stream_names;
        ensure!(page.len() <= 2);
        names.extend(page);
    }
    let expected: Vec<_> = (0..5).map(|n| format!("page-{n}")).collect();
    assert_eq!(names, expected);
    ensure!(host.stop()?.success());
    Ok(())
}
