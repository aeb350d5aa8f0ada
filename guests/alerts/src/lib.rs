//! Raises alerts: scanners from the events of `access-log`, error bursts from the parts of `metrics`.
//!
//! One function for two triggers: records of the stream that the setting `metrics` names are parts of
//! minutes, all others are events. Each alert is one JSON object under its subject as the key:
//!
//! ```json
//! {"kind": "scanner", "subject": "192.0.2.1", "time": "2015-05-20T05:05:45Z",
//!  "message": "192.0.2.1 probes for known holes: 3 in 10 min, like /wp-login.php",
//!  "count": 3, "requests": null, "examples": ["/wp-login.php", "/administrator/", "/admin.php"]}
//! ```
//!
//! | kind | subject | when |
//! |---|---|---|
//! | `scanner` | the client | within the window it was refused `probes` paths that only scanners ask for, or `missing` different paths of any kind |
//! | `server_errors` | `*` | a minute has `server_errors` answers of 5xx, and they are `server_share` percent of all |
//! | `client_errors` | `*` | a minute has `client_errors` answers of 4xx, and they are `client_share` percent of all |
//!
//! After an alert its kind and subject are silent for the window.
//!
//! | setting | default | why |
//! |---|---|---|
//! | `alerts` | `alerts` | where alerts go |
//! | `metrics` | `metrics` | the stream of parts |
//! | `window_seconds` | 600 | scanners do their work in minutes |
//! | `probes` | 3 | one `/wp-login.php` is in every log every day, three different such paths are no accident |
//! | `missing` | 8 | a browser in search of its icons misses four, a good crawler with old links fewer |
//! | `server_errors`, `server_share` | 5, 5 | the odd 500 of a quiet site is no outage |
//! | `client_errors`, `client_share` | 10, 10 | a site with some dead links has up to 7 % in a usual minute |
//!
//! A minute's parts come from several shards, one after another, and are judged as they come, so an
//! alert may show less than the whole minute. Scanners are looked for in each shard of the events:
//! events must have the client as their key.

pub mod alert;
pub mod burst;
pub mod probe;
pub mod scanner;

use millstream_sdk::{Batch, Context, Error, handler};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    alert::Alert,
    burst::{Bursts, Part},
    scanner::{Event, Scanners},
};

/// See the crate's documentation.
#[handler]
pub fn handle(batch: Batch, cx: &mut Context) -> Result<(), Error> {
    if cx.stream() == cx.config_or("metrics", "metrics") {
        let rules = burst::Rules::of(cx)?;
        watch("bursts", &batch, cx, |bursts: &mut Bursts, part: &Part| {
            bursts.see(part, rules)
        })
    } else {
        let rules = scanner::Rules::of(cx)?;
        watch(
            "scanners",
            &batch,
            cx,
            |scanners: &mut Scanners, event: &Event| scanners.see(event, rules),
        )
    }
}

/// Shows each record to what watches, and emits what it raises.
fn watch<S, T>(
    key: &str,
    batch: &Batch,
    cx: &mut Context,
    see: impl Fn(&mut S, &T) -> Option<Alert>,
) -> Result<(), Error>
where
    S: Default + Serialize + DeserializeOwned,
    T: DeserializeOwned,
{
    let to = cx.config_or("alerts", "alerts");
    let mut state: S = cx.state().get(key)?.unwrap_or_default();
    for record in batch.records() {
        let seen: T = match record.json() {
            Ok(seen) => seen,
            Err(_) if alert::is_flush(record) => continue,
            Err(error) => {
                cx.reject(record.index(), error);
                continue;
            }
        };
        if let Some(alert) = see(&mut state, &seen) {
            cx.emit_json(&to, &alert.subject, &alert)?;
        }
    }
    cx.state().set(key, &state)
}
