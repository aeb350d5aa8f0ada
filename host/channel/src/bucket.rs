//! One bucket, wherever it lies.

use std::{fs, path::Path as FilePath, sync::Arc, time::Duration};

use futures_util::TryStreamExt;
use millstream_core::catalog::channel::StorageClass;
use object_store::{
    Attribute, AttributeValue, Attributes, BackoffConfig, ClientOptions, ObjectStore, PutOptions,
    RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
    local::LocalFileSystem,
    path::Path,
};

use crate::{
    destination::{Destination, S3},
    error::DeliveryError,
};

/// Where nothing lies; asking for it shows whether the bucket answers.
const PROBE: &str = "millstream-probe";
/// One request. Objects are small, so a slower one hangs.
const REQUEST: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(5);

/// A bucket. Clones share its connections.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    store: Arc<dyn ObjectStore>,
    name: Arc<str>,
    /// Whether objects have more than bytes there.
    attributes: bool,
}

/// What an object is stored with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Label {
    pub(crate) class: StorageClass,
    pub(crate) content_type: &'static str,
}

impl Bucket {
    /// Opens the bucket of that name. Says nothing of whether it exists behind an endpoint.
    pub(crate) fn open(destination: &Destination, name: &str) -> Result<Self, DeliveryError> {
        let store: Arc<dyn ObjectStore> = match destination {
            Destination::Nowhere => return Err(DeliveryError::Nowhere),
            Destination::Directory(all) => Arc::new(directory(&all.join(name), name)?),
            Destination::S3(s3) => Arc::new(behind(s3, name)?),
        };
        Ok(Self {
            store,
            name: name.into(),
            attributes: matches!(destination, Destination::S3(_)),
        })
    }

    /// A bucket of S3 with settings of its own.
    pub(crate) fn over(builder: AmazonS3Builder, name: &str) -> Result<Self, DeliveryError> {
        Ok(Self {
            store: Arc::new(built(builder, name)?),
            name: name.into(),
            attributes: true,
        })
    }

    /// Asks the bucket for something small, so that a missing one is told before records wait.
    pub(crate) async fn probe(&self) -> Result<(), DeliveryError> {
        let nothing = Path::from(PROBE);
        let mut listed = self.store.list(Some(&nothing));
        match listed.try_next().await {
            // Who may write need not be allowed to list.
            Ok(_) | Err(object_store::Error::PermissionDenied { .. }) => Ok(()),
            Err(error) if error.to_string().contains("AccessDenied") => Ok(()),
            Err(error) => Err(DeliveryError::probe(&self.name, &error)),
        }
    }

    /// Stores an object; one that is there under that key is replaced.
    pub(crate) async fn put(
        &self,
        key: &str,
        body: Vec<u8>,
        label: Label,
    ) -> Result<(), DeliveryError> {
        let failed = |error| DeliveryError::object(&self.name, key, &error);
        let path = Path::parse(key).map_err(|error| failed(error.into()))?;
        let mut options = PutOptions::default();
        if self.attributes {
            options.attributes = label.attributes();
        }
        let stored = self.store.put_opts(&path, body.into(), options).await;
        stored.map(|_| ()).map_err(failed)
    }
}

impl Label {
    fn attributes(self) -> Attributes {
        let mut attributes = Attributes::new();
        let kind = AttributeValue::from(self.content_type);
        attributes.insert(Attribute::ContentType, kind);
        // Endpoints that are not Amazon's may know no classes; the standard one need not be said.
        if self.class != StorageClass::Standard {
            let class = AttributeValue::from(self.class.name());
            attributes.insert(Attribute::StorageClass, class);
        }
        attributes
    }
}

fn directory(path: &FilePath, name: &str) -> Result<LocalFileSystem, DeliveryError> {
    let unusable = |what: String| DeliveryError::Bucket {
        bucket: name.to_owned(),
        what,
    };
    fs::create_dir_all(path).map_err(|error| unusable(error.to_string()))?;
    let store = LocalFileSystem::new_with_prefix(path);
    let store = store.map_err(|error| unusable(error.to_string()))?;
    // The position is kept right after the object is, so the object must be on the disk.
    Ok(store.with_fsync(true))
}

fn behind(s3: &S3, name: &str) -> Result<impl ObjectStore, DeliveryError> {
    let S3 {
        endpoint,
        region,
        access_key,
        secret_key,
        session_token,
    } = s3;
    let mut builder = amazon(endpoint.trim_end_matches('/'), region, name);
    builder = match (access_key, secret_key) {
        (Some(id), Some(secret)) => builder
            .with_access_key_id(id)
            .with_secret_access_key(secret),
        _ => builder.with_skip_signature(true),
    };
    if let Some(token) = session_token {
        builder = builder.with_token(token);
    }
    built(builder, name)
}

/// The bucket of that name behind an S3 endpoint; who asks is still to be said.
pub(crate) fn amazon(endpoint: &str, region: &str, name: &str) -> AmazonS3Builder {
    let client = ClientOptions::new()
        .with_allow_http(true)
        .with_connect_timeout(CONNECT)
        .with_timeout(REQUEST);
    AmazonS3Builder::new()
        .with_bucket_name(name)
        .with_endpoint(endpoint)
        .with_region(region)
        .with_virtual_hosted_style_request(false)
        .with_client_options(client)
        // Attempts are counted and shown here, so the client makes few of its own.
        .with_retry(RetryConfig {
            backoff: BackoffConfig::default(),
            max_retries: 1,
            retry_timeout: REQUEST,
        })
}

fn built(builder: AmazonS3Builder, name: &str) -> Result<AmazonS3, DeliveryError> {
    builder.build().map_err(|error| DeliveryError::Bucket {
        bucket: name.to_owned(),
        what: error.to_string(),
    })
}
