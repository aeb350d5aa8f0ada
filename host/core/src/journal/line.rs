//! Lambda's words around what a call logs: this is the only place that knows them.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::call::{Ended, Failure, Said};
use crate::{catalog::function::qualifier::LATEST, event::Fault, port::GuestError, time::Millis};

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The call begins.
    Start,
    /// The function's own words, with its level: 0 trace, 1 debug, 2 info, 3 warn, 4 error.
    Said(u8),
    /// Why it failed, in the host's words.
    Failure,
    /// The call has ended.
    End,
    /// What it took.
    Report,
}

/// One line of a function's log, without the line's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it is.
    pub kind: Kind,
    /// What it says.
    pub text: String,
}

/// How a version is called in logs: its number, or `$LATEST`.
#[must_use]
pub fn version_of(number: Option<u64>) -> String {
    number.map_or_else(|| LATEST.to_owned(), |number| number.to_string())
}

/// A level's name.
#[must_use]
pub fn level(number: u8) -> &'static str {
    match number {
        0 => "trace",
        1 => "debug",
        2 => "info",
        3 => "warn",
        _ => "error",
    }
}

impl Ended {
    /// All lines of this call, which ended at `at`.
    #[must_use]
    pub fn lines(&self, at: Millis) -> Vec<Line> {
        let id = self.request;
        let host = |kind, text| Line { kind, text };
        let mut lines = Vec::with_capacity(self.count());
        let version = version_of(self.number);
        lines.push(host(
            Kind::Start,
            format!("START RequestId: {id} Version: {version}"),
        ));
        if let Some(said) = &self.said {
            self.said(said, at, &mut lines);
        }
        lines.push(host(Kind::End, format!("END RequestId: {id}")));
        lines.push(host(Kind::Report, self.report()));
        lines
    }

    /// The same as a text, each line with its end.
    #[must_use]
    pub fn text(&self, at: Millis) -> String {
        let mut text = String::new();
        for line in self.lines(at) {
            text.push_str(&line.text);
            text.push('\n');
        }
        text
    }

    /// How many lines there are.
    #[must_use]
    pub fn count(&self) -> usize {
        3 + self.said.as_ref().map_or(0, |said| said.count())
    }

    fn said(&self, said: &Said, at: Millis, lines: &mut Vec<Line>) {
        if said.cut > 0 {
            lines.push(Line {
                kind: Kind::Failure,
                text: format!(
                    "RequestId: {} {} log lines were cut",
                    self.request, said.cut
                ),
            });
        }
        lines.extend(said.lines().map(|(level, text)| Line {
            kind: Kind::Said(level),
            text: text.to_owned(),
        }));
        let failure = said
            .failure
            .iter()
            .flat_map(|failure| self.failed(failure, at));
        lines.extend(failure.map(|text| Line {
            kind: Kind::Failure,
            text,
        }));
    }

    fn failed(&self, failure: &Failure, at: Millis) -> Vec<String> {
        let id = self.request.to_string();
        let Failure { error, time_ms } = failure;
        let Fault { kind, message } = Fault::of(error, &id, *time_ms);
        if failure.is_time() {
            let words = message
                .rsplit_once("Error: ")
                .map_or("", |(_, words)| words);
            return vec![format!("{} {id} {words}", moment(at))];
        }
        // Lambda tells some of them with the call's id already.
        let text = if message.starts_with("RequestId: ") {
            message
        } else {
            format!("RequestId: {id} Error: {message}")
        };
        vec![text, kind.to_owned()]
    }

    fn report(&self) -> String {
        let took = self.usage.time_us as f64 / 1000.0;
        let memory = self.memory_bytes >> 20;
        let used = self.usage.memory_bytes.div_ceil(1 << 20);
        let mut report = format!(
            "REPORT RequestId: {}\tDuration: {took:.2} ms\tBilled Duration: {} ms\t\
             Memory Size: {memory} MB\tMax Memory Used: {used} MB\t",
            self.request,
            took.ceil(),
        );
        let failure = self.said.as_ref().and_then(|said| said.failure.as_ref());
        if let Some(failure) = failure {
            report.push_str("Status: ");
            if failure.is_time() {
                report.push_str("timeout\t");
            } else {
                let kind = Fault::of(&failure.error, "", 0).kind;
                write!(report, "error\tError Type: {kind}\t").expect("a string takes everything");
            }
        }
        report
    }
}

impl Failure {
    fn is_time(&self) -> bool {
        matches!(
            self.error,
            GuestError::Limit {
                limit: "time_ms",
                ..
            }
        )
    }

    /// How many lines it comes to.
    pub(super) fn count(&self) -> usize {
        if self.is_time() { 1 } else { 2 }
    }
}

/// As in `2015-05-17T10:05:03.000Z`.
fn moment(at: Millis) -> String {
    let ms = i64::try_from(at.0).ok();
    let moment = ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    moment.map_or_else(String::new, |moment| format!("{moment:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        journal::RequestId,
        port::{LogLine, Usage},
    };

    const AT: Millis = Millis(1_431_857_103_000);
    const ID: &str = "00000000-0000-4000-8000-000000000007";

    fn ended(lines: &[&str], error: Option<GuestError>) -> Ended {
        let line = |message: &&str| LogLine {
            level: 2,
            message: (*message).to_owned(),
        };
        let lines: Vec<_> = lines.iter().map(line).collect();
        Ended {
            request: RequestId::random(7),
            number: None,
            memory_bytes: 128 << 20,
            usage: Usage {
                time_us: 1_234,
                memory_bytes: (32 << 20) + 1,
            },
            said: Said::of(&lines, 0, error.as_ref(), 3_000),
        }
    }

    fn text(ended: &Ended) -> String {
        let text = ended.text(AT);
        assert_eq!(text.lines().count(), ended.count());
        text
    }

    #[test]
    fn a_call_has_lambdas_lines_around_its_own() {
        let mut call = ended(&["one", "two"], None);
        let expected = format!(
            "START RequestId: {ID} Version: $LATEST\none\ntwo\nEND RequestId: {ID}\n\
             REPORT RequestId: {ID}\tDuration: 1.23 ms\tBilled Duration: 2 ms\t\
             Memory Size: 128 MB\tMax Memory Used: 33 MB\t\n"
        );
        assert_eq!(text(&call), expected);
        call.number = Some(4);
        assert!(text(&call).starts_with(&format!("START RequestId: {ID} Version: 4\none\n")));
        let kinds: Vec<_> = call.lines(AT).iter().map(|line| line.kind).collect();
        let said = Kind::Said(2);
        assert_eq!(kinds, [Kind::Start, said, said, Kind::End, Kind::Report]);
    }

    #[test]
    fn a_call_that_took_too_long_says_so_with_the_time() {
        let error = GuestError::Limit {
            limit: "time_ms",
            message: "stopped".into(),
        };
        let text = text(&ended(&["one"], Some(error)));
        let line =
            format!("\n2015-05-17T10:05:03.000Z {ID} Task timed out after 3.00 seconds\nEND ");
        assert!(text.contains(&line), "{text}");
        assert!(text.ends_with("33 MB\tStatus: timeout\t\n"), "{text}");
    }

    #[test]
    fn a_call_that_failed_says_why() {
        let exited = GuestError::Exited {
            status: 3,
            message: "it exited".into(),
        };
        let text_of = |error| text(&ended(&[], Some(error)));
        let told = text_of(exited);
        let line = format!(
            "\nRequestId: {ID} Error: Runtime exited with error: exit status 3\nRuntime.ExitError\nEND "
        );
        assert!(told.contains(&line), "{told}");
        assert!(
            told.ends_with("Status: error\tError Type: Runtime.ExitError\t\n"),
            "{told}"
        );
        let returned = text_of(GuestError::Returned {
            message: "no room".into(),
        });
        let line = format!("\nRequestId: {ID} Error: no room\nError\nEND ");
        assert!(returned.contains(&line), "{returned}");
    }

    #[test]
    fn lines_that_are_gone_are_counted() {
        let mut call = ended(&["one", "two"], None);
        call.said = call.said.map(|said| said.end(1000, 1).into());
        let line = format!("\nRequestId: {ID} 1 log lines were cut\ntwo\n");
        assert!(text(&call).contains(&line));
    }
}
