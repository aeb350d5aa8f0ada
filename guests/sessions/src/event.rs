//! What is read of an event.

use std::borrow::Cow;

use jiff::Timestamp;
use millstream_sdk::{Error, Record};
use serde::Deserialize;

/// Endings of what pages load.
const ASSETS: &[&str] = &[
    "avif", "bmp", "css", "eot", "gif", "ico", "jpeg", "jpg", "js", "map", "mjs", "otf", "png",
    "svg", "ttf", "webp", "woff", "woff2",
];

/// A request.
#[derive(Debug, Deserialize)]
pub struct Event<'a> {
    /// When it came.
    pub epoch_ms: i64,
    /// Who sent it.
    #[serde(borrow)]
    pub client: Cow<'a, str>,
    /// What was asked for, where that was clear.
    #[serde(borrow)]
    pub path: Option<Cow<'a, str>>,
    /// How much was sent in answer.
    pub bytes: u64,
}

impl Event<'_> {
    /// Whether it asks for what people look at.
    #[must_use]
    pub fn is_page(&self) -> bool {
        let Some(path) = &self.path else {
            return false;
        };
        let file = path.rsplit('/').next().unwrap_or_default();
        let ending = file.rsplit_once('.').map(|(_, ending)| ending);
        !ending.is_some_and(|ending| {
            ASSETS
                .iter()
                .any(|asset| ending.eq_ignore_ascii_case(asset))
        })
    }
}

/// What a record says.
#[derive(Debug)]
pub enum Input<'a> {
    /// A request was answered.
    Event(Event<'a>),
    /// The input ends here.
    Flush,
}

#[derive(Debug, Deserialize)]
struct Flush {
    flush: bool,
}

impl<'a> Input<'a> {
    /// Reads a record.
    pub fn parse(record: Record<'a>) -> Result<Self, Error> {
        match record.json::<Event<'a>>() {
            // A moment that cannot be written would spoil its session.
            Ok(event) if Timestamp::from_millisecond(event.epoch_ms).is_err() => Err(
                Error::reject(format_args!("{} is no moment", event.epoch_ms)),
            ),
            Ok(event) => Ok(Self::Event(event)),
            // Flushes are rare, so they may cost a second look.
            Err(_) if record.json().is_ok_and(|Flush { flush }| flush) => Ok(Self::Flush),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assets_are_no_pages() {
        let is_page = |path: Option<&str>| {
            let path = path.map(Cow::from);
            Event {
                epoch_ms: 0,
                client: "c".into(),
                path,
                bytes: 0,
            }
            .is_page()
        };
        for page in [
            "/",
            "/blog/",
            "/a.b/c",
            "/index.html",
            "/feed.xml",
            "/paper.pdf",
        ] {
            assert!(is_page(Some(page)), "{page}");
        }
        for asset in ["/favicon.ico", "/a/b.PNG", "/x.min.js"] {
            assert!(!is_page(Some(asset)), "{asset}");
        }
        assert!(!is_page(None));
    }
}
