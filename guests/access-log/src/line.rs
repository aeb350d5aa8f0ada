//! A line of the combined log format, taken apart and not interpreted further.
//!
//! `client ident user [time] "request" status bytes "referrer" "user agent"`, then anything: nginx
//! is often set to append fields.

use std::borrow::Cow;

use jiff::{Timestamp, fmt::strtime::BrokenDownTime};

/// A line's fields. Those that the server had nothing for, `-`, are `None`.
#[derive(Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// An address or a host name.
    pub client: &'a str,
    /// Who the client logged in as.
    pub user: Option<&'a str>,
    /// When the request came.
    pub time: Timestamp,
    /// The request line, as the client sent it.
    pub request: Cow<'a, str>,
    /// The answer's status.
    pub status: u16,
    /// Bytes of the answer's body; nothing was sent where the log has `-`.
    pub bytes: u64,
    /// Where the client says that it comes from.
    pub referrer: Option<Cow<'a, str>>,
    /// What the client says that it is.
    pub user_agent: Option<Cow<'a, str>>,
}

/// Why a line is none of the format.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Fault {
    /// The line ends before a field.
    #[error("no {0}")]
    Missing(&'static str),
    /// A quoted or bracketed field has no end.
    #[error("{0} has no end")]
    Unterminated(&'static str),
    /// A time that is none.
    #[error("time `{0}` is not like 17/May/2015:10:05:03 +0000")]
    Time(String),
    /// A status that is none.
    #[error("status `{0}` is not a number of three digits")]
    Status(String),
    /// A size that is none.
    #[error("bytes `{0}` is neither a number nor `-`")]
    Bytes(String),
}

impl<'a> Line<'a> {
    /// Takes a line apart.
    pub fn parse(line: &'a str) -> Result<Self, Fault> {
        let mut rest = Rest(line);
        let client = rest.word("client")?;
        rest.word("ident")?;
        // A user's name may hold blanks, so it reaches as far as the time.
        let user = rest.until(" [", "time")?;
        let time = rest.until("] ", "time")?;
        let request = rest.quoted("request")?;
        let status = rest.word("status")?;
        let bytes = rest.word("bytes")?;
        let referrer = rest.quoted("referrer")?;
        let user_agent = rest.quoted("user agent")?;
        Ok(Self {
            client,
            user: Some(user).filter(|user| *user != "-"),
            time: parse_time(time)?,
            request,
            status: parse_status(status)?,
            bytes: parse_bytes(bytes)?,
            referrer: Some(referrer).filter(|referrer| referrer != "-"),
            user_agent: Some(user_agent).filter(|agent| agent != "-"),
        })
    }
}

fn parse_time(text: &str) -> Result<Timestamp, Fault> {
    BrokenDownTime::parse("%d/%b/%Y:%H:%M:%S %z", text)
        .and_then(|parts| parts.to_timestamp())
        .map_err(|_| Fault::Time(text.to_owned()))
}

fn parse_status(text: &str) -> Result<u16, Fault> {
    let three_digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = three_digits.then(|| text.parse().ok()).flatten();
    number.ok_or_else(|| Fault::Status(text.to_owned()))
}

fn parse_bytes(text: &str) -> Result<u64, Fault> {
    match text {
        "-" => Ok(0),
        _ if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            text.parse().map_err(|_| Fault::Bytes(text.to_owned()))
        }
        _ => Err(Fault::Bytes(text.to_owned())),
    }
}

/// What is left of a line.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// The text before a blank or the end.
    fn word(&mut self, field: &'static str) -> Result<&'a str, Fault> {
        let (word, rest) = self.0.split_once(' ').unwrap_or((self.0, ""));
        self.0 = rest;
        match word {
            "" => Err(Fault::Missing(field)),
            _ => Ok(word),
        }
    }

    /// The text before `end`, which is dropped.
    fn until(&mut self, end: &str, field: &'static str) -> Result<&'a str, Fault> {
        let (text, rest) = self.0.split_once(end).ok_or(Fault::Missing(field))?;
        self.0 = rest;
        Ok(text)
    }

    /// The text between quotes, and a blank after them dropped. `\"` and `\\` stand for what they
    /// escape; other escapes stay as they are.
    fn quoted(&mut self, field: &'static str) -> Result<Cow<'a, str>, Fault> {
        let text = self.0.strip_prefix('"').ok_or(Fault::Missing(field))?;
        let mut escaped = false;
        let mut any_escaped = false;
        let end = text.bytes().position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            any_escaped |= escaped;
            ends
        });
        let end = end.ok_or(Fault::Unterminated(field))?;
        let rest = &text[end + 1..];
        self.0 = rest.strip_prefix(' ').unwrap_or(rest);
        Ok(match any_escaped {
            true => Cow::Owned(unescape(&text[..end])),
            false => Cow::Borrowed(&text[..end]),
        })
    }
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        let escaped = chars.next_if(|next| char == '\\' && matches!(next, '"' | '\\'));
        plain.push(escaped.unwrap_or(char));
    }
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINE: &str = "83.149.9.216 - - [17/May/2015:10:05:03 +0000] \"GET /a?b=c HTTP/1.1\" 200 \
                        203023 \"http://example.com/\" \"Mozilla/5.0 (X11)\"";

    fn with(from: &str, to: &str) -> String {
        assert!(LINE.contains(from), "{from}");
        LINE.replace(from, to)
    }

    #[test]
    fn a_line_is_taken_apart() {
        let line = Line::parse(LINE).unwrap();
        let expected = Line {
            client: "83.149.9.216",
            user: None,
            time: "2015-05-17T10:05:03Z".parse().unwrap(),
            request: "GET /a?b=c HTTP/1.1".into(),
            status: 200,
            bytes: 203_023,
            referrer: Some("http://example.com/".into()),
            user_agent: Some("Mozilla/5.0 (X11)".into()),
        };
        assert_eq!(line, expected);
    }

    #[test]
    fn clients_are_addresses_of_both_kinds_and_names() {
        for client in ["2001:db8::1", "::ffff:192.0.2.1", "crawler-1.example.com"] {
            let line = with("83.149.9.216", client);
            assert_eq!(Line::parse(&line).unwrap().client, client);
        }
    }

    #[test]
    fn a_user_may_have_blanks() {
        let line = with("- - [", "- Ann B. Smith [");
        assert_eq!(Line::parse(&line).unwrap().user, Some("Ann B. Smith"));
    }

    #[test]
    fn time_zones_are_respected() {
        let zones = [
            ("+0200", "08:05:03"),
            ("-0730", "17:35:03"),
            ("+0000", "10:05:03"),
        ];
        for (zone, utc) in zones {
            let line = with("+0000", zone);
            let expected = format!("2015-05-17T{utc}Z").parse().unwrap();
            assert_eq!(Line::parse(&line).unwrap().time, expected, "{zone}");
        }
    }

    #[test]
    fn quotes_and_backslashes_are_unescaped() {
        let line = with("Mozilla/5.0 (X11)", r#"a \"quoted\" \\ and \x41 \\"#);
        let line = Line::parse(&line).unwrap();
        assert_eq!(
            line.user_agent.as_deref(),
            Some(r#"a "quoted" \ and \x41 \"#)
        );
    }

    #[test]
    fn dashes_are_nothing() {
        let line = with("203023", "-").replace("http://example.com/", "-");
        let line = Line::parse(&line).unwrap();
        assert_eq!((line.bytes, line.referrer), (0, None));
    }

    #[test]
    fn a_request_may_be_anything() {
        for request in ["-", "", "GET", "\\x16\\x03\\x01", "GET /a b HTTP/1.1"] {
            let line = with("GET /a?b=c HTTP/1.1", request);
            assert_eq!(Line::parse(&line).unwrap().request, request);
        }
    }

    #[test]
    fn fields_after_the_user_agent_do_not_matter() {
        let line = format!("{LINE} \"203.0.113.9\" 0.003");
        assert_eq!(Line::parse(&line).unwrap(), Line::parse(LINE).unwrap());
    }

    #[test]
    fn a_fault_says_what_is_wrong() {
        let faults = [
            (String::new(), "no client"),
            ("kernel: out of memory".to_owned(), "no time"),
            (with("[17/May", "17/May"), "no time"),
            (
                with("17/May", "17/Mai"),
                "time `17/Mai/2015:10:05:03 +0000`",
            ),
            (
                with("17/May", "31/Feb"),
                "time `31/Feb/2015:10:05:03 +0000`",
            ),
            (with("\"GET", "GET"), "no request"),
            (with(" 200 ", " 20x "), "status `20x`"),
            (with(" 200 ", " 20 "), "status `20`"),
            (with("203023", "+1"), "bytes `+1`"),
            (
                with("203023", "99999999999999999999"),
                "bytes `99999999999999999999`",
            ),
            (with("(X11)\"", "(X11)"), "user agent has no end"),
            (with("(X11)\"", "(X11)\\\""), "user agent has no end"),
            (
                LINE[..LINE.find(" \"http").unwrap()].to_owned(),
                "no referrer",
            ),
        ];
        for (line, start) in faults {
            let fault = Line::parse(&line).unwrap_err().to_string();
            assert!(fault.starts_with(start), "{line}: {fault}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_line_or_a_fault(text in "\\PC{0,60}", cut in 0..LINE.len()) {
            let _ = Line::parse(&text);
            let _ = Line::parse(&format!("{}{text}", &LINE[..cut]));
        }

        #[test]
        fn what_a_server_escapes_comes_back(agent in "[ -~]{0,40}") {
            let escaped = agent.replace('\\', "\\\\").replace('"', "\\\"");
            let line = with("Mozilla/5.0 (X11)", &escaped);
            let expected = Some(agent).filter(|agent| agent != "-");
            let line = Line::parse(&line).unwrap();
            prop_assert_eq!(line.user_agent.as_deref(), expected.as_deref());
        }
    }
}
