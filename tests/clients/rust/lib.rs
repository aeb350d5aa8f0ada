//! The AWS SDK for Rust, unmodified; only its endpoint is ours, and its connection is in clear.

use anyhow::Result;
use aws_sdk_kinesis::{
    Client,
    config::{BehaviorVersion, Config, Credentials, Region},
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
