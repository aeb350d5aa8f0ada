//! SubscribeToShard with the AWS SDK for Rust: records as they come, to the end of the shard and on.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use aws_sdk_kinesis::{
    Client,
    operation::subscribe_to_shard::SubscribeToShardOutput,
    primitives::Blob,
    types::{
        ChildShard, ConsumerStatus, ShardIteratorType, StartingPosition,
        SubscribeToShardEventStream as Event,
    },
};
use clients::{created, settled, start};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);
const SHARD: &str = "shardId-000000000000";

async fn registered(client: &Client, stream: &str) -> Result<String> {
    let summary = settled(client, stream).await?;
    let register = client
        .register_stream_consumer()
        .stream_arn(summary.stream_arn);
    let consumer = register.consumer_name("reader").send().await?.consumer;
    let arn = consumer.context("no consumer")?.consumer_arn;
    loop {
        let described = client.describe_stream_consumer().consumer_arn(&arn);
        let description = described.send().await?.consumer_description;
        let status = description.context("no description")?.consumer_status;
        if status == ConsumerStatus::Active {
            return Ok(arn);
        }
        ensure!(status == ConsumerStatus::Creating, "{status}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn subscribed(client: &Client, arn: &str, shard: &str) -> Result<SubscribeToShardOutput> {
    let from = StartingPosition::builder().r#type(ShardIteratorType::TrimHorizon);
    let subscribe = client
        .subscribe_to_shard()
        .consumer_arn(arn)
        .shard_id(shard);
    Ok(subscribe.starting_position(from.build()?).send().await?)
}

async fn put(client: &Client, data: &str) -> Result<()> {
    let put = client.put_record().stream_name("pushed");
    put.partition_key(data).data(Blob::new(data)).send().await?;
    Ok(())
}

/// Reads on until as many records have come, or the shard has ended.
async fn read(
    output: &mut SubscribeToShardOutput,
    enough: usize,
) -> Result<(BTreeSet<String>, Vec<ChildShard>)> {
    let mut found = BTreeSet::new();
    while found.len() < enough {
        let next = timeout(PATIENCE, output.event_stream.recv()).await;
        match next.context("nothing more comes")?? {
            None => bail!("the subscription ended with {found:?}"),
            Some(Event::SubscribeToShardEvent(event)) => {
                for record in event.records {
                    found.insert(String::from_utf8(record.data.into_inner())?);
                }
                if let Some(children) = event.child_shards {
                    return Ok((found, children));
                }
                ensure!(event.continuation_sequence_number.len() == 56);
            }
            Some(other) => bail!("an unknown event: {other:?}"),
        }
    }
    Ok((found, Vec::new()))
}

#[tokio::test]
async fn a_subscription_follows_its_shard_to_the_end() -> Result<()> {
    let (host, client) = start()?;
    created(&client, "pushed", 1).await?;
    let arn = registered(&client, "pushed").await?;
    put(&client, "before").await?;
    let mut output = subscribed(&client, &arn, SHARD).await?;
    assert_eq!(read(&mut output, 1).await?.0, ["before".to_owned()].into());
    for data in ["during one", "during two"] {
        put(&client, data).await?;
    }
    let (found, _) = read(&mut output, 2).await?;
    assert_eq!(
        found,
        ["during one".to_owned(), "during two".to_owned()].into()
    );

    let split = client.split_shard().stream_name("pushed");
    let split = split.shard_to_split(SHARD);
    split
        .new_starting_hash_key((1_u128 << 127).to_string())
        .send()
        .await?;
    let (found, children) = read(&mut output, usize::MAX).await?;
    assert!(found.is_empty());
    let names: Vec<_> = children
        .iter()
        .map(|child| child.shard_id.as_str())
        .collect();
    assert_eq!(names, ["shardId-000000000001", "shardId-000000000002"]);
    let ended = timeout(PATIENCE, output.event_stream.recv()).await??;
    ensure!(ended.is_none(), "{ended:?}");

    settled(&client, "pushed").await?;
    put(&client, "after").await?;
    let mut first = subscribed(&client, &arn, names[0]).await?;
    let mut second = subscribed(&client, &arn, names[1]).await?;
    let (found, _) = tokio::select! {
        read = read(&mut first, 1) => read?,
        read = read(&mut second, 1) => read?,
    };
    assert_eq!(found, ["after".to_owned()].into());
    // A host does not wait for subscriptions when it ends.
    ensure!(host.stop()?.success());
    Ok(())
}

#[tokio::test]
async fn a_shard_has_one_subscription_of_a_consumer() -> Result<()> {
    let (host, client) = start()?;
    created(&client, "pushed", 1).await?;
    let arn = registered(&client, "pushed").await?;
    let _first = subscribed(&client, &arn, SHARD).await?;
    let refused = subscribed(&client, &arn, SHARD).await;
    let told = refused.expect_err("the first has only begun");
    ensure!(
        format!("{told:?}").contains("ResourceInUseException"),
        "{told:?}"
    );
    ensure!(host.stop()?.success());
    Ok(())
}
