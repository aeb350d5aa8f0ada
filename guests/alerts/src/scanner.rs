//! Clients that look for holes: many refused paths in a short time.

use std::collections::BTreeMap;

use jiff::Timestamp;
use millstream_sdk::{Context, Error};
use serde::{Deserialize, Serialize};

use crate::{
    alert::{Alert, Kind},
    probe::is_probe,
};

/// Clients that are watched at a time. It bounds the state; the one seen longest ago gives way.
const SUSPECTS: usize = 500;
/// Paths that are remembered of a client, and how much of each.
const PATHS: usize = 16;
const PATH_BYTES: usize = 100;
/// Paths that an alert shows.
const EXAMPLES: usize = 5;

/// When a client is a scanner.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    window_ms: i64,
    probes: usize,
    missing: usize,
}

impl Rules {
    /// The rules as they are set.
    pub fn of(cx: &Context) -> Result<Self, Error> {
        let seconds: u32 = cx.config_parsed("window_seconds", 600)?;
        Ok(Self {
            window_ms: i64::from(seconds) * 1000,
            probes: cx.config_parsed("probes", 3)?,
            missing: cx.config_parsed("missing", 8)?,
        })
    }
}

/// What is read of an event.
#[derive(Debug, Deserialize)]
pub struct Event {
    time: Timestamp,
    client: String,
    path: Option<String>,
    status: u16,
}

/// Clients that were refused something lately.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Scanners {
    suspects: BTreeMap<String, Suspect>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Suspect {
    last_ms: i64,
    quiet_until_ms: Option<i64>,
    /// Refused paths, and when each was asked for last.
    paths: BTreeMap<String, i64>,
}

impl Scanners {
    /// Looks at an event.
    pub fn see(&mut self, event: &Event, rules: Rules) -> Option<Alert> {
        let path = event.path.as_deref()?;
        // What scanners get to hear: bad request, forbidden, not found, no such method.
        if !matches!(event.status, 400 | 403 | 404 | 405) {
            return None;
        }
        let now = event.time.as_millisecond();
        self.make_room(&event.client, now, rules);
        let suspect = self.suspects.entry(event.client.clone()).or_default();
        suspect.refuse(path, now, rules);
        suspect.judge(event, now, rules)
    }

    fn make_room(&mut self, client: &str, now: i64, rules: Rules) {
        if self.suspects.len() < SUSPECTS || self.suspects.contains_key(client) {
            return;
        }
        let old = now - rules.window_ms;
        self.suspects.retain(|_, suspect| suspect.last_ms >= old);
        if self.suspects.len() == SUSPECTS {
            let oldest = self
                .suspects
                .iter()
                .min_by_key(|(_, suspect)| suspect.last_ms);
            if let Some(oldest) = oldest.map(|(client, _)| client.clone()) {
                self.suspects.remove(&oldest);
            }
        }
    }
}

impl Suspect {
    fn refuse(&mut self, path: &str, now: i64, rules: Rules) {
        self.last_ms = self.last_ms.max(now);
        let old = self.last_ms - rules.window_ms;
        self.paths.retain(|_, at| *at >= old);
        if self.paths.len() < PATHS && now >= old {
            let path = &path[..path.floor_char_boundary(PATH_BYTES)];
            self.paths.insert(path.to_owned(), now);
        }
    }

    fn judge(&mut self, event: &Event, now: i64, rules: Rules) -> Option<Alert> {
        if self.quiet_until_ms.is_some_and(|until| now < until) {
            return None;
        }
        let probes: Vec<&String> = self.paths.keys().filter(|path| is_probe(path)).collect();
        let (what, found) = match probes.len() {
            n if n >= rules.probes => ("probes for known holes", probes),
            _ if self.paths.len() >= rules.missing => {
                ("asks for what does not exist", self.paths.keys().collect())
            }
            _ => return None,
        };
        let (client, minutes) = (&event.client, rules.window_ms / 60_000);
        let example = found.first().map_or("", |path| path);
        let alert = Alert {
            kind: Kind::Scanner,
            subject: client.clone(),
            time: event.time,
            message: format!(
                "{client} {what}: {} in {minutes} min, like {example}",
                found.len()
            ),
            count: found.len() as u64,
            requests: None,
            examples: found
                .iter()
                .take(EXAMPLES)
                .map(|path| path.to_string())
                .collect(),
        };
        self.quiet_until_ms = Some(now + rules.window_ms);
        Some(alert)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        window_ms: 600_000,
        probes: 3,
        missing: 8,
    };

    fn event(second: i64, client: &str, path: &str, status: u16) -> Event {
        Event {
            time: Timestamp::from_second(second).unwrap(),
            client: client.to_owned(),
            path: Some(path.to_owned()),
            status,
        }
    }

    fn alerts(events: &[Event]) -> Vec<Alert> {
        let mut scanners = Scanners::default();
        events
            .iter()
            .filter_map(|event| scanners.see(event, RULES))
            .collect()
    }

    #[test]
    fn three_different_probes_are_one_alert() {
        let paths = [
            "/wp-login.php",
            "/wp-login.php",
            "/admin.php",
            "/.env",
            "/.git/config",
        ];
        let events: Vec<_> = (0..)
            .zip(paths)
            .map(|(i, path)| event(i, "c", path, 404))
            .collect();
        let alerts = alerts(&events);
        assert_eq!(alerts.len(), 1);
        assert_eq!((alerts[0].count, alerts[0].time), (3, events[3].time));
        assert_eq!(alerts[0].examples, ["/.env", "/admin.php", "/wp-login.php"]);
    }

    #[test]
    fn the_same_missing_page_again_and_again_is_none() {
        let events: Vec<_> = (0..100).map(|i| event(i, "c", "/feed", 404)).collect();
        assert_eq!(alerts(&events), []);
    }

    #[test]
    fn many_missing_pages_are_one_within_the_window_only() {
        let every = |seconds: i64| -> Vec<_> {
            let events = (0..8).map(|i| event(i * seconds, "c", &format!("/{i}"), 404));
            events.collect()
        };
        assert_eq!(alerts(&every(80)).len(), 1);
        assert_eq!(alerts(&every(90)), []);
    }

    #[test]
    fn what_is_there_and_what_others_do_does_not_count() {
        let mut events: Vec<_> = (0..20)
            .map(|i| event(i, "c", &format!("/{i}"), 200))
            .collect();
        let others = ["a", "b", "d"]
            .iter()
            .map(|client| event(30, client, "/.env", 404));
        events.extend(others);
        assert_eq!(alerts(&events), []);
    }

    #[test]
    fn a_scanner_that_goes_on_is_reported_once_a_window() {
        let events: Vec<_> = (0..1300)
            .map(|i| event(i, "c", &format!("/.env/{}", i % 9), 404))
            .collect();
        let times: Vec<_> = alerts(&events)
            .iter()
            .map(|alert| alert.time.as_second())
            .collect();
        assert_eq!(times, [2, 602, 1202]);
    }

    #[test]
    fn the_state_is_bounded() {
        let mut scanners = Scanners::default();
        for i in 0..3000 {
            let path = format!("/{}/{i}", "x".repeat(1000));
            scanners.see(&event(i, &format!("{}", i % 1000), &path, 404), RULES);
            scanners.see(&event(i, "busy", &path, 404), RULES);
        }
        assert!(scanners.suspects.len() <= SUSPECTS);
        let state = serde_json::to_vec(&scanners).unwrap().len();
        assert!(state < SUSPECTS * 2000, "{state} bytes");
    }
}
