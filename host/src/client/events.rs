//! Server-sent events, as `GET /v1/streams/{name}/tail` gives them.

use std::io::{self, BufRead};

/// The data of each event, in order. Comments and other fields are skipped.
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
    type Item = io::Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut data: Option<String> = None;
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
                match data.take() {
                    Some(data) => return Some(Ok(data)),
                    None => continue,
                }
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

    fn events(text: &str) -> Vec<String> {
        Events::new(text.as_bytes()).map(Result::unwrap).collect()
    }

    #[test]
    fn gives_the_data_of_whole_events() {
        let text = ": ping\n\nevent: x\ndata: a\n\ndata:b\r\ndata: c\r\n\r\n: ping\n\ndata: cut";
        assert_eq!(events(text), ["a", "b\nc"]);
    }
}
