//! The AWS SDK for Rust, unmodified; only its endpoint is ours, and its connection is in clear.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use aws_sdk_kinesis::{
    Client,
    config::{BehaviorVersion, Config, Credentials, Region},
    types::{StreamDescriptionSummary, StreamStatus},
};
use aws_smithy_http_client::Builder;
use support::Host;

/// A host of the test's own, and a client of it.
pub fn start() -> Result<(Host, Client)> {
    let host = Host::start()?;
    let client = client(&host.api.url);
    Ok((host, client))
}

/// A client of the host at `url`.
#[must_use]
pub fn client(url: &str) -> Client {
    Client::from_conf(
        Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(url)
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("any", "any", None, None, "tests"))
            .http_client(Builder::new().build_http())
            .build(),
    )
}

/// Creates a stream and waits until it is active.
pub async fn created(client: &Client, stream: &str, shards: i32) -> Result<()> {
    let create = client.create_stream().stream_name(stream);
    create.shard_count(shards).send().await?;
    settled(client, stream).await?;
    Ok(())
}

/// Waits until a stream is active.
pub async fn settled(client: &Client, stream: &str) -> Result<StreamDescriptionSummary> {
    loop {
        let described = client.describe_stream_summary().stream_name(stream);
        let summary = described.send().await?.stream_description_summary;
        let summary = summary.context("no summary")?;
        match summary.stream_status {
            StreamStatus::Active => return Ok(summary),
            StreamStatus::Creating | StreamStatus::Updating => {}
            status => bail!("{stream} is {status}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
