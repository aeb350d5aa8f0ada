//! Counts requests, bytes and status classes per minute and per section of a site.
//!
//! Reads the events of `access-log`. State belongs to one shard, so each shard gives out its own
//! part of a minute, and the sum over all parts of a minute and section is exact:
//!
//! ```json
//! {"minute": "2015-05-17T10:05:00Z", "epoch_ms": 1431857100000, "section": "blog",
//!  "shard": "shardId-000000000000", "requests": 12, "bytes": 34567, "s1xx": 0, "s2xx": 10,
//!  "s3xx": 1, "s4xx": 1, "s5xx": 0, "late": false}
//! ```
//!
//! The section `*` is the whole site. The partition key is the section, so that all parts of a
//! section meet in one shard.
//!
//! A minute is closed, and its part given out, when the shard has seen an event that is younger than
//! the minute's end by the lateness. Events that come later still are counted in one more part, with
//! `"late": true`. A flush record, `{"flush": true}` under any key, closes all minutes of its shard;
//! put one into each shard at the end of an input.
//!
//! | setting | default | what it is |
//! |---|---|---|
//! | `metrics` | `metrics` | where the parts go |
//! | `lateness_seconds` | 300 | how much older than the youngest event others may be |

pub mod counts;
pub mod lane;

use millstream_sdk::{Batch, Context, Error, handler};

use crate::lane::{Input, Lane};

/// Where the state lies.
const LANE: &str = "lane";

/// See the crate's documentation.
#[handler]
pub fn handle(batch: Batch, cx: &mut Context) -> Result<(), Error> {
    let to = cx.config_or("metrics", "metrics");
    let lateness_ms = cx
        .config_parsed("lateness_seconds", 300_u64)?
        .saturating_mul(1000);
    let mut lane: Lane = cx.state().get(LANE)?.unwrap_or_default();
    let mut parts = Vec::new();
    for record in batch.records() {
        match Input::parse(record) {
            Ok(Input::Event(event)) => lane.count(&event),
            Ok(Input::Flush) => parts.extend(lane.flush()),
            Err(error) => cx.reject(record.index(), error),
        }
    }
    parts.extend(lane.close(lateness_ms));
    let shard = cx.shard_id().to_owned();
    for part in &parts {
        cx.emit(&to, part.section(), part.json(&shard)?)?;
    }
    cx.state().set(LANE, &lane)
}
