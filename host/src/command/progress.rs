//! Progress bars: on stderr, only where somebody watches.

use std::io::{self, Read};

use indicatif::{ProgressBar, ProgressStyle};

use crate::output::Output;

/// A bar over so many bytes.
pub(crate) fn over_bytes(output: Output, total: u64, verb: &str) -> ProgressBar {
    let bar = ProgressBar::new(total);
    let template = "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    start(output, bar, template, verb)
}

/// A line that moves while bytes of an unknown number pass.
pub(crate) fn of_unknown_length(output: Output, verb: &str) -> ProgressBar {
    start(
        output,
        ProgressBar::no_length(),
        "{spinner} {msg} {bytes} {bytes_per_sec}",
        verb,
    )
}

/// A bar over the pages of a database, whose number comes later.
pub(crate) fn over_pages(output: Output, verb: &str) -> ProgressBar {
    start(
        output,
        ProgressBar::new(0),
        "{msg} {wide_bar} {percent}%",
        verb,
    )
}

/// A line that moves while something is awaited.
pub(crate) fn waiting(output: Output, verb: &str) -> ProgressBar {
    let bar = start(
        output,
        ProgressBar::no_length(),
        "{spinner} {msg} {elapsed}",
        verb,
    );
    if output.watched() {
        bar.enable_steady_tick(std::time::Duration::from_millis(100));
    }
    bar
}

fn start(output: Output, bar: ProgressBar, template: &str, verb: &str) -> ProgressBar {
    if !output.watched() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template).expect("the templates above are valid");
    bar.with_style(style.progress_chars("=> "))
        .with_message(verb.to_owned())
}

/// Moves a bar by what is read.
#[derive(Debug)]
pub(crate) struct Counted<R> {
    pub(crate) inner: R,
    pub(crate) bar: ProgressBar,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.bar.inc(read as u64);
        Ok(read)
    }
}
