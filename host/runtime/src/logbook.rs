//! Lines that a guest logs or prints, as many as fit; the rest is counted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use millstream_core::port::LogLine;
use wasmtime_wasi::{
    async_trait,
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult},
};

/// What a line costs besides its text, so that empty lines are bounded, too.
const LINE_BYTES: u64 = 16;
/// What a guest may print in one write.
const WRITE_BYTES: usize = 64 << 10;

/// How serious a line is, as in `wit/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    /// A guest's number; higher ones are errors.
    pub(crate) fn of(number: u8) -> Self {
        match number {
            0 => Self::Trace,
            1 => Self::Debug,
            2 => Self::Info,
            3 => Self::Warn,
            _ => Self::Error,
        }
    }
}

#[derive(Debug, Default)]
struct Logbook {
    lines: Vec<LogLine>,
    dropped: u64,
    left: u64,
    /// What was printed after the last line's end: standard output, standard error.
    partial: [Vec<u8>; 2],
}

impl Logbook {
    fn push(&mut self, level: Level, mut message: String) {
        let room = self.left.saturating_sub(LINE_BYTES);
        if self.left < LINE_BYTES {
            self.dropped += 1;
            return;
        }
        if message.len() as u64 > room {
            self.dropped += 1;
            let room = usize::try_from(room).unwrap_or(usize::MAX);
            message.truncate(message.floor_char_boundary(room));
            // A flood in one line must not keep its memory.
            message.shrink_to_fit();
            self.left = 0;
        } else {
            self.left -= LINE_BYTES + message.len() as u64;
        }
        let level = level as u8;
        self.lines.push(LogLine { level, message });
    }

    fn print(&mut self, level: Level, bytes: &[u8]) {
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            if let Some(end) = part.strip_suffix(b"\n") {
                let mut line = std::mem::take(self.partial(level));
                line.extend_from_slice(end);
                self.push(level, String::from_utf8_lossy(&line).into_owned());
            } else {
                self.extend_partial(level, part);
            }
        }
    }

    /// What cannot become part of a line any more is not kept.
    fn extend_partial(&mut self, level: Level, part: &[u8]) {
        let room = usize::try_from(self.left).unwrap_or(usize::MAX);
        let partial = self.partial(level);
        let kept = part
            .len()
            .min(room.saturating_add(1).saturating_sub(partial.len()));
        partial.extend_from_slice(&part[..kept]);
    }

    fn partial(&mut self, level: Level) -> &mut Vec<u8> {
        &mut self.partial[usize::from(level == Level::Error)]
    }
}

/// A logbook that the guest's imports and its two printing streams share.
#[derive(Debug, Clone)]
pub(crate) struct SharedLogbook(Arc<Mutex<Logbook>>);

impl SharedLogbook {
    pub(crate) fn new(bytes: u64) -> Self {
        Self(Arc::new(Mutex::new(Logbook {
            left: bytes,
            ..Logbook::default()
        })))
    }

    pub(crate) fn push(&self, level: Level, message: String) {
        self.book().push(level, message);
    }

    /// A stream whose lines become log lines of `level`.
    pub(crate) fn stream(&self, level: Level) -> Printing {
        Printing {
            book: self.clone(),
            level,
        }
    }

    /// The lines, and how many were cut.
    pub(crate) fn close(&self) -> (Vec<LogLine>, u64) {
        let mut book = self.book();
        for level in [Level::Info, Level::Error] {
            let rest = std::mem::take(book.partial(level));
            if !rest.is_empty() {
                book.push(level, String::from_utf8_lossy(&rest).into_owned());
            }
        }
        (std::mem::take(&mut book.lines), book.dropped)
    }

    fn book(&self) -> MutexGuard<'_, Logbook> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Standard output or error of a guest.
#[derive(Debug, Clone)]
pub(crate) struct Printing {
    book: SharedLogbook,
    level: Level,
}

impl IsTerminal for Printing {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Printing {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        unreachable!("only WASI 0.3 asks for this stream, and it is not linked")
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Printing {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.book.book().print(self.level, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES)
    }
}

#[async_trait]
impl Pollable for Printing {
    async fn ready(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(book: &SharedLogbook) -> (Vec<(u8, String)>, u64) {
        let (lines, dropped) = book.close();
        let lines = lines.into_iter().map(|line| (line.level, line.message));
        (lines.collect(), dropped)
    }

    #[test]
    fn prints_become_lines_whatever_the_writes_were() {
        let book = SharedLogbook::new(1000);
        let (mut out, mut err) = (book.stream(Level::Info), book.stream(Level::Error));
        out.write(Bytes::from_static(b"a\nb")).unwrap();
        err.write(Bytes::from_static(b"oh")).unwrap();
        out.write(Bytes::from_static(b"c\n\nd")).unwrap();
        let expected = [(2, "a"), (2, "bc"), (2, ""), (2, "d"), (4, "oh")];
        let expected = expected.map(|(level, text)| (level, text.to_owned()));
        assert_eq!(lines(&book), (expected.to_vec(), 0));
    }

    #[test]
    fn a_flood_is_cut_and_counted() {
        let book = SharedLogbook::new(50);
        book.push(Level::Debug, "x".repeat(10));
        book.push(Level::Warn, "\u{e9}".repeat(10));
        book.push(Level::Trace, String::new());
        let (kept, dropped) = lines(&book);
        assert_eq!(kept, [(1, "x".repeat(10)), (3, "\u{e9}".repeat(4))]);
        assert_eq!(dropped, 2);
    }

    #[test]
    fn empty_lines_and_endless_lines_are_bounded() {
        let book = SharedLogbook::new(64);
        let mut out = book.stream(Level::Info);
        for _ in 0..100 {
            out.write(Bytes::from_static(b"\n")).unwrap();
        }
        for _ in 0..100 {
            out.write(Bytes::from(vec![b'x'; 1000])).unwrap();
        }
        assert!(book.book().partial[0].len() <= 65);
        let (kept, dropped) = lines(&book);
        assert_eq!((kept.len(), dropped), (4, 97));
    }
}
