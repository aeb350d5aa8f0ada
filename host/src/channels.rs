//! Where this host's channels deliver to: a directory, or an S3 endpoint as the AWS tools know one.

use std::env;

use millstream_channel::{Destination, Options, S3};

use crate::settings::Settings;

/// What `settings` and the environment come to. A directory that was asked for goes first.
pub(crate) fn options(settings: &Settings) -> Options {
    let channels = &settings.channels;
    let endpoint = channels.s3_endpoint.as_ref().filter(|url| !url.is_empty());
    let destination = match (&channels.channel_directory, endpoint) {
        (Some(directory), _) => Destination::Directory(directory.clone()),
        (None, Some(endpoint)) => Destination::S3(S3 {
            endpoint: endpoint.clone(),
            region: set("AWS_REGION").unwrap_or_else(|| settings.region.clone()),
            access_key: set("AWS_ACCESS_KEY_ID"),
            secret_key: set("AWS_SECRET_ACCESS_KEY"),
            session_token: set("AWS_SESSION_TOKEN"),
        }),
        (None, None) => Destination::Nowhere,
    };
    Options {
        destination,
        freshness_ms_max: channels.channel_freshness.map(|delay| delay.0),
        ..Options::default()
    }
}

fn set(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
