//! Minutes in which much of the site fails.

use std::collections::BTreeMap;

use jiff::Timestamp;
use millstream_sdk::{Context, Error};
use serde::{Deserialize, Serialize};

use crate::alert::{Alert, Kind};

const MINUTE_MS: i64 = 60_000;
/// How many minutes are kept for parts that are still to come.
const MINUTES: usize = 120;
/// The section that stands for the whole site.
const ALL: &str = "*";

/// When errors are a burst.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    window_ms: i64,
    server: Threshold,
    client: Threshold,
}

/// So many, and so much of all.
#[derive(Debug, Clone, Copy)]
struct Threshold {
    errors: u64,
    percent: u64,
}

impl Rules {
    /// The rules as they are set.
    pub fn of(cx: &Context) -> Result<Self, Error> {
        let seconds: u32 = cx.config_parsed("window_seconds", 600)?;
        Ok(Self {
            window_ms: i64::from(seconds) * 1000,
            server: Threshold {
                errors: cx.config_parsed("server_errors", 5)?,
                percent: cx.config_parsed("server_share", 5)?,
            },
            client: Threshold {
                errors: cx.config_parsed("client_errors", 10)?,
                percent: cx.config_parsed("client_share", 10)?,
            },
        })
    }
}

/// What is read of a part of a minute.
#[derive(Debug, Deserialize)]
pub struct Part {
    minute: Timestamp,
    section: String,
    #[serde(flatten)]
    counts: Counts,
}

/// What is known of a minute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Counts {
    requests: u64,
    s4xx: u64,
    s5xx: u64,
}

/// The last minutes of the site.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Bursts {
    minutes: BTreeMap<i64, Counts>,
    /// The minute of the last alert of each kind.
    last: BTreeMap<Kind, i64>,
}

impl Bursts {
    /// Adds a part to its minute and judges the minute.
    pub fn see(&mut self, part: &Part, rules: Rules) -> Option<Alert> {
        if part.section != ALL {
            return None;
        }
        let minute = part.minute.as_millisecond() / MINUTE_MS;
        let counts = self.minutes.entry(minute).or_default();
        counts.requests += part.counts.requests;
        counts.s4xx += part.counts.s4xx;
        counts.s5xx += part.counts.s5xx;
        let counts = *counts;
        while self.minutes.len() > MINUTES {
            self.minutes.pop_first();
        }
        let server = (Kind::ServerErrors, counts.s5xx, rules.server);
        let client = (Kind::ClientErrors, counts.s4xx, rules.client);
        let (kind, errors) = [server, client]
            .into_iter()
            .find(|(kind, errors, threshold)| {
                let many = *errors >= threshold.errors.max(1);
                let much = errors * 100 >= counts.requests * threshold.percent;
                many && much && !self.is_quiet(*kind, minute, rules)
            })
            .map(|(kind, errors, _)| (kind, errors))?;
        self.last.insert(kind, minute);
        Some(alert(kind, errors, counts.requests, part.minute))
    }

    fn is_quiet(&self, kind: Kind, minute: i64, rules: Rules) -> bool {
        let last = self.last.get(&kind);
        // Minutes come nearly in order: an older one may belong to the same burst.
        last.is_some_and(|last| (minute - last).abs() * MINUTE_MS < rules.window_ms)
    }
}

fn alert(kind: Kind, errors: u64, requests: u64, time: Timestamp) -> Alert {
    let what = match kind {
        Kind::ServerErrors => "the site fails",
        Kind::ClientErrors | Kind::Scanner => "many requests are refused",
    };
    Alert {
        kind,
        subject: ALL.to_owned(),
        time,
        message: format!("{what}: {errors} of {requests} requests in the minute of {time}"),
        count: errors,
        requests: Some(requests),
        examples: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        window_ms: 600_000,
        server: Threshold {
            errors: 5,
            percent: 5,
        },
        client: Threshold {
            errors: 10,
            percent: 10,
        },
    };

    fn part(minute: i64, requests: u64, s4xx: u64, s5xx: u64) -> Part {
        Part {
            minute: Timestamp::from_second(minute * 60).unwrap(),
            section: ALL.to_owned(),
            counts: Counts {
                requests,
                s4xx,
                s5xx,
            },
        }
    }

    fn alerts(parts: &[Part]) -> Vec<(Kind, u64)> {
        let mut bursts = Bursts::default();
        let seen = parts.iter().filter_map(|part| bursts.see(part, RULES));
        seen.map(|alert| (alert.kind, alert.count)).collect()
    }

    #[test]
    fn a_burst_needs_both_number_and_share() {
        assert_eq!(alerts(&[part(1, 4, 0, 4)]), []);
        assert_eq!(alerts(&[part(1, 101, 0, 5)]), []);
        assert_eq!(alerts(&[part(1, 100, 0, 5)]), [(Kind::ServerErrors, 5)]);
        assert_eq!(alerts(&[part(1, 100, 10, 0)]), [(Kind::ClientErrors, 10)]);
        assert_eq!(alerts(&[part(1, 101, 10, 0)]), []);
    }

    #[test]
    fn parts_of_a_minute_add_up() {
        assert_eq!(
            alerts(&[part(1, 20, 0, 3), part(1, 20, 0, 3)]),
            [(Kind::ServerErrors, 6)]
        );
        assert_eq!(alerts(&[part(1, 20, 0, 3), part(2, 20, 0, 3)]), []);
    }

    #[test]
    fn sections_do_not_count_twice() {
        let mut section = part(1, 100, 0, 50);
        section.section = "blog".to_owned();
        assert_eq!(alerts(&[section]), []);
    }

    #[test]
    fn an_outage_is_reported_once_a_window() {
        let outage: Vec<_> = (0..15).map(|minute| part(minute, 10, 0, 9)).collect();
        assert_eq!(alerts(&outage).len(), 2);
    }

    #[test]
    fn the_state_is_bounded() {
        let mut bursts = Bursts::default();
        for minute in 0..1000 {
            bursts.see(&part(minute, 1, 0, 0), RULES);
        }
        assert_eq!(bursts.minutes.len(), MINUTES);
    }
}
