//! Server-sent events, as `GET /v1/streams/{name}/tail` gives them.

use std::io::{self, BufRead};

/// What one event says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Data without a name.
    Data(String),
    /// Data under a name, which is what it is about.
    Named(String, String),
}

/// The events, in order. Comments and other fields are skipped.
#[derive(Debug)]
pub(crate) struct Events<R> {
    lines: R,
    line: String,
}

impl<R: BufRead> Events<R> {
    pub(crate) fn new(lines: R) -> Self {
        let line = String::new();
        Self { lines, line }
    }
}

impl<R: BufRead> Iterator for Events<R> {
    type Item = io::Result<Event>;

    fn next(&mut self) -> Option<Self::Item> {
        let (mut data, mut name): (Option<String>, Option<String>) = (None, None);
        loop {
            self.line.clear();
            match self.lines.read_line(&mut self.line) {
                // An event without the blank line after it was cut off.
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => return Some(Err(error)),
            }
            let line = self.line.trim_end_matches(['\r', '\n']);
            if line.is_empty() {
                match (data.take(), name.take()) {
                    (Some(data), None) => return Some(Ok(Event::Data(data))),
                    (Some(data), Some(name)) => return Some(Ok(Event::Named(name, data))),
                    (None, _) => continue,
                }
            }
            if let Some(named) = line.strip_prefix("event:") {
                name = Some(named.trim_start_matches(' ').to_owned());
                continue;
            }
            let Some(more) = line.strip_prefix("data:") else {
                continue;
            };
            let more = more.strip_prefix(' ').unwrap_or(more);
            match &mut data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(more);
                }
                None => data = Some(more.to_owned()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(text: &str) -> Vec<Event> {
        Events::new(text.as_bytes()).map(Result::unwrap).collect()
    }

    #[test]
    fn gives_the_data_of_whole_events() {
        let text = ": ping\n\nevent: x\ndata: a\n\ndata:b\r\ndata: c\r\n\r\n: ping\n\ndata: cut";
        let expected = [
            Event::Named("x".to_owned(), "a".to_owned()),
            Event::Data("b\nc".to_owned()),
        ];
        assert_eq!(events(text), expected);
    }
}
