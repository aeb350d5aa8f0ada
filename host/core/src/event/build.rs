//! Records become an event: Lambda's keys in Lambda's order, written once into memory of just that
//! size, which is known before.

use super::{origin::Origin, window::Window};
use crate::{batch::Columns, position::Position, sequence, time::Millis};

const OPEN: &str = "{\"Records\":[";
const CLOSE: &str = "]}";
const KEY: &str = "{\"kinesis\":{\"kinesisSchemaVersion\":\"1.0\",\"partitionKey\":";
const NUMBER: &str = ",\"sequenceNumber\":\"";
const DATA: &str = "\",\"data\":\"";
const ARRIVAL: &str = "\",\"approximateArrivalTimestamp\":";

/// Records, with what an event tells of them.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// Where they come from.
    pub origin: &'a Origin,
    /// The records.
    pub columns: &'a Columns,
    /// The window that they belong to, where they are counted by windows.
    pub window: Option<&'a Window>,
}

impl Event<'_> {
    /// The event as JSON.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let Self {
            origin,
            columns,
            window,
        } = *self;
        let close = closing(origin, window);
        let bytes = self.bytes(close.len());
        let mut out = Vec::with_capacity(bytes);
        out.extend_from_slice(OPEN.as_bytes());
        // A record's number is made from the one before it where that costs less.
        let mut before: Option<(Position, u64, sequence::Digits)> = None;
        for i in 0..columns.len() {
            if i > 0 {
                out.push(b',');
            }
            let position = Position(columns.positions[i]);
            let arrival = Millis(columns.arrival_ms[i]);
            let digits = match before.take() {
                Some((last, seconds, digits))
                    if seconds == arrival.seconds() && last == position =>
                {
                    digits
                }
                Some((last, seconds, mut digits))
                    if seconds == arrival.seconds() && last.plus(1) == position =>
                {
                    digits.advance();
                    digits
                }
                _ => origin.number(position, arrival).digits(),
            };
            write_record(&mut out, origin, columns, i, &digits);
            before = Some((position, arrival.seconds(), digits));
        }
        out.extend_from_slice(close.as_bytes());
        debug_assert_eq!(out.len(), bytes, "the size is known before");
        out
    }

    fn bytes(&self, close: usize) -> usize {
        let columns = self.columns;
        let record = |i: usize| {
            let arrival = Millis(columns.arrival_ms[i]);
            record_bytes(self.origin, columns.key(i), columns.datum(i).len(), arrival)
        };
        let records: usize = (0..columns.len()).map(record).sum();
        OPEN.len() + records + columns.len().saturating_sub(1) + close
    }
}

fn write_record(
    out: &mut Vec<u8>,
    origin: &Origin,
    columns: &Columns,
    i: usize,
    number: &sequence::Digits,
) {
    out.extend_from_slice(KEY.as_bytes());
    write_text(out, columns.key(i));
    out.extend_from_slice(NUMBER.as_bytes());
    out.extend_from_slice(number.as_bytes());
    out.extend_from_slice(DATA.as_bytes());
    base64_simd::STANDARD.encode_append(columns.datum(i), out);
    out.extend_from_slice(ARRIVAL.as_bytes());
    write_seconds(out, Millis(columns.arrival_ms[i]));
    out.extend_from_slice(origin.middle.as_bytes());
    out.extend_from_slice(number.as_bytes());
    out.extend_from_slice(origin.tail.as_bytes());
}

/// Seconds with milliseconds.
fn write_seconds(out: &mut Vec<u8>, moment: Millis) {
    let mut digits = itoa::Buffer::new();
    out.extend_from_slice(digits.format(moment.seconds()).as_bytes());
    let ms = (moment.0 % 1000) as u32;
    let digit = |n: u32| b'0' + (n % 10) as u8;
    out.extend_from_slice(&[b'.', digit(ms / 100), digit(ms / 10), digit(ms)]);
}

/// Writes a JSON string. Most keys have nothing to escape.
pub(super) fn write_text(out: &mut Vec<u8>, text: &str) {
    if text.len() + 2 == text_bytes(text) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        serde_json::to_writer(out, text).expect("a Vec takes all");
    }
}

/// The length of what [`write_text`] writes.
fn text_bytes(text: &str) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..b' ' => 6,
        _ => 1,
    };
    2 + text.bytes().map(escaped).sum::<usize>()
}

/// The length of a record within an event.
fn record_bytes(origin: &Origin, key: &str, data_bytes: usize, arrival: Millis) -> usize {
    let seconds = arrival
        .seconds()
        .checked_ilog10()
        .map_or(1, |log| log as usize + 1);
    let names = KEY.len() + NUMBER.len() + DATA.len() + ARRIVAL.len();
    let origin = origin.middle.len() + origin.tail.len();
    let data = data_bytes.div_ceil(3) * 4;
    names + origin + text_bytes(key) + 2 * sequence::DIGITS + data + seconds + ".000".len()
}

fn closing(origin: &Origin, window: Option<&Window>) -> String {
    let mut close = String::new();
    match window {
        Some(window) => window.write(origin, &mut close),
        None => close.push_str(CLOSE),
    }
    close
}

/// How much more an event may hold, while it is decided which records are in it.
#[derive(Debug, Clone)]
pub struct Room<'a> {
    origin: &'a Origin,
    left: usize,
    is_empty: bool,
}

impl<'a> Room<'a> {
    /// Of an event of at most `bytes` without any record yet.
    #[must_use]
    pub fn new(origin: &'a Origin, bytes: usize, window: Option<&Window>) -> Self {
        let longest = window.map(Window::longest);
        let close = closing(origin, longest.as_ref()).len();
        Self {
            origin,
            left: bytes.saturating_sub(OPEN.len() + close),
            is_empty: true,
        }
    }

    /// Takes a record if there is room for it; whether there was.
    pub fn take(&mut self, key: &str, data_bytes: usize, arrival: Millis) -> bool {
        let comma = usize::from(!self.is_empty);
        let bytes = comma + record_bytes(self.origin, key, data_bytes, arrival);
        let fits = bytes <= self.left;
        if fits {
            self.left -= bytes;
            self.is_empty = false;
        }
        fits
    }
}

#[cfg(test)]
mod tests;
