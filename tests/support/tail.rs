//! A stream followed as it grows, over server-sent events.

use std::{
    fmt,
    io::{BufRead, BufReader},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use ureq::BodyReader;

use crate::api::Api;

/// Events of one stream, in the order in which the host sends them.
pub struct Tail {
    lines: std::io::Lines<BufReader<BodyReader<'static>>>,
}

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tail")
    }
}

impl Api {
    /// Follows a stream. When this returns, what is put from now on will be seen.
    pub fn tail(&self, stream: &str, query: &str) -> Result<Tail> {
        let response = self.open(&format!("/v1/streams/{stream}/tail?{query}"))?;
        ensure!(
            response.status() == 200,
            "tail of {stream}: {}",
            response.status()
        );
        let reader = BufReader::new(response.into_body().into_reader());
        let mut lines = reader.lines();
        let first = lines.next().context("the tail ended at once")??;
        ensure!(
            first.starts_with(": following"),
            "the tail begins with {first}"
        );
        Ok(Tail { lines })
    }
}

impl Tail {
    /// The next record; an error when the host ends the tail.
    pub fn record(&mut self) -> Result<Value> {
        loop {
            let line = self.lines.next().context("the tail ended")??;
            if let Some(data) = line.strip_prefix("data:") {
                return Ok(serde_json::from_str(data.trim_start())?);
            }
        }
    }
}
