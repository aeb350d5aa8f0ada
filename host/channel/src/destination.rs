//! Where buckets lie: in a directory of this machine, behind an S3 endpoint, or nowhere.

use std::{fmt, path::PathBuf};

/// Where the buckets of all channels lie.
#[derive(Debug, Clone, Default)]
pub enum Destination {
    /// Nobody said; channels fail with what to set.
    #[default]
    Nowhere,
    /// The bucket `NAME` is the directory `NAME` in there, made where it does not exist.
    Directory(PathBuf),
    /// Behind an endpoint that speaks S3.
    S3(S3),
}

/// An S3 endpoint, as the AWS tools know one.
#[derive(Clone, Default)]
pub struct S3 {
    /// `http://` or `https://`, a host, a port.
    pub endpoint: String,
    /// The region that requests are signed for.
    pub region: String,
    /// Without one, requests are not signed.
    pub access_key: Option<String>,
    /// Goes with the access key.
    pub secret_key: Option<String>,
    /// With keys that were given for a while.
    pub session_token: Option<String>,
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3")
            .field("endpoint", &self.endpoint)
            .field("region", &self.region)
            .field("access_key", &self.access_key)
            .finish_non_exhaustive()
    }
}
