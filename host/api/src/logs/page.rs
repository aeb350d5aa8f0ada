//! Parts of lists: of lines by their places, of groups and streams by their names.

use std::collections::BTreeSet;

use millstream_core::journal::{Kept, Line, LogStream, Pattern, Place};

use super::fault::Fault;

/// Bytes of lines in an answer, each of which counts for some more.
const PAGE_BYTES: usize = 1 << 20;
const LINE_BYTES: usize = 26;

/// Where a list of lines goes on, and in which direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// At this place, towards newer lines.
    Forward(Place),
    /// Before this place, towards older lines.
    Backward(Place),
}

impl Token {
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let place = |text: &str| Place::parse(text).ok_or_else(Fault::token);
        match text.split_once('/') {
            Some(("f", text)) => place(text).map(Self::Forward),
            Some(("b", text)) => place(text).map(Self::Backward),
            _ => Err(Fault::token()),
        }
    }
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Forward(place) => write!(f, "f/{place}"),
            Self::Backward(place) => write!(f, "b/{place}"),
        }
    }
}

/// Which lines are wanted.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    /// The first place.
    pub(super) from: Place,
    /// The place after the last.
    pub(super) to: Place,
    /// Of these log streams; none is of all.
    pub(super) streams: Option<BTreeSet<LogStream>>,
    pub(super) pattern: &'a Pattern,
    pub(super) limit: usize,
}

/// A line that was found.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) kept: &'a Kept,
    pub(super) place: Place,
    pub(super) line: Line,
}

impl Wanted<'_> {
    /// The lines that come after `token`'s place, or before it, the newest last, and whether there
    /// are more in that direction.
    pub(super) fn page<'k>(&self, calls: &'k [Kept], token: Token) -> (Vec<Found<'k>>, bool) {
        let streams = self.streams.as_ref();
        let of_streams = |kept: &&'k Kept| streams.is_none_or(|all| all.contains(&kept.stream()));
        let found = |kept: &'k Kept| move |(place, line)| Found { kept, place, line };
        match token {
            Token::Forward(place) => {
                let from = self.from.max(place);
                let calls = calls.iter().filter(of_streams);
                let all = calls.flat_map(|kept| kept.lines().map(found(kept)));
                self.take(all, from, self.to)
            }
            Token::Backward(place) => {
                let to = self.to.min(place);
                let calls = calls.iter().rev().filter(of_streams);
                let all = calls.flat_map(|kept| kept.lines().rev().map(found(kept)));
                let (mut page, more) = self.take(all, self.from, to);
                page.reverse();
                (page, more)
            }
        }
    }

    fn take<'k>(
        &self,
        lines: impl Iterator<Item = Found<'k>>,
        from: Place,
        to: Place,
    ) -> (Vec<Found<'k>>, bool) {
        let mut wanted = lines.filter(|found| {
            (from..to).contains(&found.place) && self.pattern.matches(&found.line.text)
        });
        let (mut page, mut bytes) = (Vec::new(), 0);
        while page.len() < self.limit && bytes < PAGE_BYTES {
            let Some(found) = wanted.next() else {
                return (page, false);
            };
            bytes += found.line.text.len() + LINE_BYTES;
            page.push(found);
        }
        let more = wanted.next().is_some();
        (page, more)
    }
}

/// The part of a list whose entries have names that begins after the name in `token`, and the token
/// of the next one.
pub(super) fn named<T>(
    entries: Vec<(String, T)>,
    token: Option<&str>,
    limit: usize,
) -> Result<(Vec<T>, Option<String>), Fault> {
    let begin = match token {
        None => 0,
        Some(token) => {
            let name = base64_simd::URL_SAFE.decode_to_vec(token);
            let name = name.map_err(|_| Fault::token())?;
            let at = entries
                .iter()
                .position(|(other, _)| other.as_bytes() == name);
            at.ok_or_else(Fault::token)? + 1
        }
    };
    let end = begin + limit;
    let next =
        (end < entries.len()).then(|| base64_simd::URL_SAFE.encode_to_string(&entries[end - 1].0));
    let page = entries.into_iter().skip(begin).take(limit);
    Ok((page.map(|(_, entry)| entry).collect(), next))
}

#[cfg(test)]
mod tests {
    use millstream_core::{
        journal::{Ended, Journal, RequestId, Room, call::Said},
        port::{LogLine, Usage},
        time::Millis,
    };

    use super::*;

    #[test]
    fn a_page_is_bounded_by_its_bytes_in_either_direction() {
        let mut journal = Journal::new(Room {
            function_bytes: 4 << 20,
            ..Room::default()
        });
        let line = |letter: &str| LogLine {
            level: 2,
            message: letter.repeat(700 << 10),
        };
        let lines = ["a", "b", "c"].map(line);
        let ended = Ended {
            request: RequestId::random(0),
            number: None,
            memory_bytes: 0,
            usage: Usage::default(),
            said: Said::of(&lines, 0, None, 0),
        };
        journal.push(&"f".try_into().unwrap(), Millis(7), ended);
        let calls = journal.read("f", Place::START);
        let pattern = Pattern::parse("?aa ?bb ?cc").unwrap();
        let wanted = Wanted {
            from: Place::START,
            to: Place::END,
            streams: None,
            pattern: &pattern,
            limit: 100,
        };
        let first = |token| {
            let (page, more) = wanted.page(&calls, token);
            let letters = page.iter().map(|found| found.line.text[..1].to_owned());
            (letters.collect::<String>(), more)
        };
        assert_eq!(first(Token::Forward(Place::START)), ("ab".to_owned(), true));
        assert_eq!(first(Token::Backward(Place::END)), ("bc".to_owned(), true));
    }

    #[test]
    fn a_token_is_read_again_and_others_are_refused() {
        let place = Place::new(millstream_core::time::Millis(7), 3, 1);
        for token in [Token::Forward(place), Token::Backward(place)] {
            assert_eq!(Token::parse(&token.to_string()), Ok(token));
        }
        for bad in ["", "f", "f/", "f/1", "x/1", &format!("g/{place}")] {
            assert_eq!(Token::parse(bad), Err(Fault::token()), "{bad}");
        }
    }

    #[test]
    fn names_go_on_after_the_last_one() {
        let entries = || ["a", "b", "c"].map(|name| (name.to_owned(), name)).to_vec();
        let (first, next) = named(entries(), None, 2).unwrap();
        assert_eq!(first, ["a", "b"]);
        let (second, none) = named(entries(), next.as_deref(), 2).unwrap();
        assert_eq!((second, none), (vec!["c"], None));
        let (_, none) = named(entries(), None, 3).unwrap();
        assert_eq!(none, None);
        for bad in ["%", "eA=="] {
            assert_eq!(named(entries(), Some(bad), 2), Err(Fault::token()), "{bad}");
        }
    }
}
