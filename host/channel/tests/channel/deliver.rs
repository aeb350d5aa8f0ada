//! Every record is delivered or a dead letter, through restarts and through buckets that fail.

use std::{fs, io::Read, sync::Arc};

use anyhow::{Context, Result};
use flate2::read::GzDecoder;
use millstream_channel::{Deliveries, Options};
use millstream_core::{
    catalog::{Request, channel, key},
    channel::{Compression, RecordFormat},
    port::{Channels, Control, Log},
    position::Position,
};

use crate::world::{World, eventually, now};

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

#[tokio::test]
async fn records_of_all_shards_come_from_the_channels_creation_on() -> Result<()> {
    let mut world = World::new()?;
    world.put(0, &["before"]).await?;
    world.create(RecordFormat::String, Compression::None)?;
    world.put(0, &["a", "b"]).await?;
    world.start();
    assert_eq!(sorted(world.lines(2).await?), ["a", "b"]);
    world.put(1, &["c"]).await?;
    world.put(0, &["d"]).await?;
    assert_eq!(sorted(world.lines(4).await?), ["a", "b", "c", "d"]);
    world.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_restart_goes_on_where_the_last_life_stood() -> Result<()> {
    let mut world = World::new()?;
    world.create(RecordFormat::String, Compression::None)?;
    for life in 0..4 {
        world.start();
        let data = format!("{life}");
        world.put(0, &[&data]).await?;
        world.lines(life + 1).await?;
        while !kept(&world, life as u64 + 1).await? {
            tokio::task::yield_now().await;
        }
        world.stop().await;
    }
    assert_eq!(sorted(world.lines(4).await?), ["0", "1", "2", "3"]);
    assert_eq!(world.objects("x")?.len(), 4);
    Ok(())
}

/// Whether the position after that many records of shard 0 is kept.
async fn kept(world: &World, records: u64) -> Result<bool> {
    let catalog = world.plane.catalog();
    let channel = catalog.channel("archive").context("the channel")?;
    let stream = catalog.stream("clicks").context("the stream")?;
    let key = key::channel_position(channel.id, stream.shards[0].number);
    let values = world.log.get_many(vec![key]).await?;
    let Some(value) = values.into_iter().next().flatten() else {
        return Ok(false);
    };
    let position = Position(u64::from_be_bytes(value.as_ref().try_into()?));
    Ok(position.ordinal() >= records)
}

#[tokio::test]
async fn what_is_not_json_goes_to_the_dead_letters_and_the_rest_is_compressed() -> Result<()> {
    let mut world = World::new()?;
    world.create(RecordFormat::Json, Compression::Gzip)?;
    world.put(0, &["{\"a\":1}", "not json", "[2]"]).await?;
    world.start();
    eventually(|| Ok(world.objects("x")?.len() == 1 && world.objects("bad")?.len() == 1)).await?;
    let objects = world.objects("x")?;
    let (key, bytes) = objects.first_key_value().context("no object")?;
    assert!(
        key.starts_with("x/archive-") && key.ends_with(".gz"),
        "{key}"
    );
    let mut text = String::new();
    GzDecoder::new(bytes.as_slice()).read_to_string(&mut text)?;
    assert_eq!(text, "{\"a\":1}\n[2]\n");
    let letters = world.objects("bad")?;
    let letter = letters.into_values().next().context("no dead letter")?;
    let letter: serde_json::Value = serde_json::from_slice(&letter)?;
    assert_eq!(letter["errorCode"], "InvalidJson");
    assert_eq!(letter["rawData"], "bm90IGpzb24=");
    world.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_bucket_that_fails_is_told_and_tried_again() -> Result<()> {
    let mut world = World::new()?;
    world.create(RecordFormat::String, Compression::None)?;
    // A file stands where the bucket should be.
    fs::create_dir(world.buckets())?;
    fs::write(world.buckets().join("records"), "in the way")?;
    let deliveries = world.start();
    world.put(0, &["a"]).await?;
    let id = world
        .plane
        .catalog()
        .channel("archive")
        .context("the channel")?
        .id;
    eventually(|| Ok(deliveries.failure(id).is_some())).await?;
    let told = deliveries.failure(id).unwrap_or_default();
    assert!(told.contains("bucket `records` cannot be used"), "{told}");
    fs::remove_file(world.buckets().join("records"))?;
    assert_eq!(world.lines(1).await?, ["a"]);
    eventually(|| Ok(deliveries.failure(id).is_none())).await?;
    world.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_host_without_a_destination_says_what_to_set() -> Result<()> {
    let mut world = World::new()?;
    world.create(RecordFormat::String, Compression::None)?;
    let plane: Arc<dyn Control> = Arc::new(world.plane.clone());
    let deliveries = Deliveries::new(world.log.clone(), now, Options::default());
    let follows = tokio::spawn(Arc::clone(&deliveries).follow(plane));
    let id = world
        .plane
        .catalog()
        .channel("archive")
        .context("the channel")?
        .id;
    eventually(|| Ok(deliveries.failure(id).is_some())).await?;
    let told = deliveries.failure(id).unwrap_or_default();
    assert!(told.contains("AWS_ENDPOINT_URL_S3"), "{told}");
    follows.abort();
    deliveries.drain().await;
    world.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_deleted_channel_delivers_no_more() -> Result<()> {
    let mut world = World::new()?;
    world.create(RecordFormat::String, Compression::None)?;
    let deliveries = world.start();
    world.put(0, &["a"]).await?;
    world.lines(1).await?;
    let name = "archive".try_into()?;
    let delete = channel::Request::Delete { name };
    let change = world.plane.decide(Request::Channel(delete))?;
    assert_eq!(change.orphans.len(), 1);
    let mut text = String::new();
    eventually(|| {
        text.clear();
        deliveries.samples(&mut text);
        Ok(text.is_empty())
    })
    .await?;
    world.put(0, &["b"]).await?;
    world.stop().await;
    assert_eq!(world.lines(1).await?, ["a"]);
    Ok(())
}
