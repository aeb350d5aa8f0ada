//! Where this host's channels and failure records go: a directory, endpoints as the AWS tools know them,
//! or AWS itself.

use std::env;

use millstream_channel::{Aws, Destination, Options, OutboxOptions, S3};

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

/// The variables of the AWS tools that say who asks.
const CREDENTIALS: [&str; 9] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
];

/// How failure records are sent. Buckets lie where those of channels do.
pub(crate) fn outbox(settings: &Settings) -> OutboxOptions {
    let channels = &settings.channels;
    let given = |name: &&str| set(name).map(|value| ((*name).to_owned(), value));
    OutboxOptions {
        aws: Aws {
            sqs: set("AWS_ENDPOINT_URL_SQS"),
            sns: set("AWS_ENDPOINT_URL_SNS"),
            s3: channels.s3_endpoint.clone().filter(|url| !url.is_empty()),
            any: set("AWS_ENDPOINT_URL"),
            region: set("AWS_REGION").unwrap_or_else(|| settings.region.clone()),
            credentials: CREDENTIALS.iter().filter_map(given).collect(),
        },
        buckets: options(settings).destination,
    }
}

fn set(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
