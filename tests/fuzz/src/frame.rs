//! Frames of an event stream, taken apart by a reader of the tests' own: any payload arrives whole.

use millstream_api::fuzz;

use crate::target::Target;

pub(crate) struct Frames;

impl Target for Frames {
    const NAME: &'static str = "frame";

    fn corpus(&self) -> Vec<Vec<u8>> {
        let event = r#"{"Records":[],"ContinuationSequenceNumber":"0","MillisBehindLatest":0}"#;
        vec![Vec::new(), event.as_bytes().to_vec(), vec![0; 4096]]
    }

    fn run(&self, input: &[u8]) {
        let frame = fuzz::frame(input);
        let (headers, payload) = parts(&frame).expect("the frame is whole");
        assert_eq!(payload, input);
        let names: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, [":message-type", ":event-type", ":content-type"]);
    }
}

type Parts<'a> = (Vec<(&'a str, &'a str)>, &'a [u8]);

/// Headers and payload, where lengths and checksums hold.
fn parts(frame: &[u8]) -> Option<Parts<'_>> {
    let number = |at: usize| Some(u32::from_be_bytes(*frame.get(at..)?.first_chunk()?));
    let (total, length) = (number(0)? as usize, number(4)? as usize);
    let whole = total == frame.len() && number(8)? == crc32fast::hash(&frame[..8]);
    let end = total.checked_sub(4)?;
    let unchanged = number(end)? == crc32fast::hash(&frame[..end]);
    let (mut left, payload) = frame.get(12..end)?.split_at_checked(length)?;
    let mut headers = Vec::new();
    while !left.is_empty() {
        let name = text(&mut left, |left| {
            Some(usize::from(*left.split_off_first()?))
        })?;
        let kind = *left.split_off_first()?;
        let value = text(&mut left, |left| {
            let length = left.split_off(..2)?;
            Some(usize::from(u16::from_be_bytes(*length.first_chunk()?)))
        })?;
        headers.push((name, value));
        if kind != 7 {
            return None;
        }
    }
    (whole && unchanged).then_some((headers, payload))
}

fn text<'a>(
    left: &mut &'a [u8],
    length: impl Fn(&mut &'a [u8]) -> Option<usize>,
) -> Option<&'a str> {
    let length = length(left)?;
    std::str::from_utf8(left.split_off(..length)?).ok()
}
