//! Finds the visits of each client in a stream of requests.
//!
//! Reads the events of `access-log`. A session is a client's requests without a pause of more than
//! 30 minutes between one and the next, in the time of the log: group by client, sort by time, cut at
//! the pauses. Each session is given out once, when it is over, under its client as the key:
//!
//! ```json
//! {"client": "192.0.2.1", "start": "2015-05-17T10:05:03Z", "end": "2015-05-17T10:07:41Z",
//!  "seconds": 158, "requests": 12, "pages": 3, "bytes": 34567, "entry": "/", "exit": "/blog/"}
//! ```
//!
//! Pages are requests for what is no image, style, script or font; `entry` and `exit` are the paths of
//! the first and the last of them, or of any request where there is none.
//!
//! A session is over when the shard has seen an event that is younger than its end by the pause and
//! the lateness. As long as no event of a shard is older than one before it by more than the
//! lateness, the sessions do not depend on the order of events. What comes later still begins a
//! session of its own. A shard keeps the order that its producer gave it, so feed the log in order, with
//! the client as the key, and give `events` as many shards as `access-log`, so that no shard mixes
//! two producers that are hours apart. A flush record, `{"flush": true}` under any key, ends all
//! sessions of its shard; put one into each shard at the end of an input.
//!
//! | setting | default | what it is |
//! |---|---|---|
//! | `sessions` | `sessions` | where sessions go |
//! | `gap_seconds` | 1800 | the longest pause within a session |
//! | `lateness_seconds` | 300 | how much older than the youngest event others may be |

pub mod event;
pub mod lane;
pub mod session;
pub mod slot;

use std::collections::BTreeSet;

use millstream_sdk::{Batch, Context, Error, handler};

use crate::{
    event::Input,
    lane::{Lane, Rules},
    slot::Slot,
};

/// Where the lane's state lies; the slots lie beside it.
const LANE: &str = "lane";

/// See the crate's documentation.
#[handler]
pub fn handle(batch: Batch, cx: &mut Context) -> Result<(), Error> {
    let to = cx.config_or("sessions", "sessions");
    let rules = Rules::new(
        cx.config_parsed("gap_seconds", 1800)?,
        cx.config_parsed("lateness_seconds", 300)?,
    );
    let mut events = Vec::with_capacity(batch.len());
    let mut flush = false;
    for record in batch.records() {
        match Input::parse(record) {
            Ok(Input::Event(event)) => events.push(event),
            Ok(Input::Flush) => flush = true,
            Err(error) => cx.reject(record.index(), error),
        }
    }
    let touched: BTreeSet<u8> = events.iter().map(|e| Slot::number_of(&e.client)).collect();
    let keys = touched.iter().map(|number| Slot::key(*number));
    cx.state().prefetch(keys.chain([LANE.to_owned()]))?;
    let mut lane: Lane = cx.state().get(LANE)?.unwrap_or_default();
    lane.load(touched.into_iter().collect(), cx)?;
    for event in &events {
        lane.visit(event, rules);
    }
    lane.load(lane.due(rules, flush), cx)?;
    for ended in lane.end(rules, flush) {
        cx.emit_json(&to, ended.client(), &ended)?;
    }
    lane.save(cx)?;
    cx.state().set(LANE, &lane)
}
