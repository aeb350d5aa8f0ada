//! Changes inputs a little: bits, pieces, and what readers stumble over. Knows no format.

use support::Random;

/// Inputs do not grow beyond this.
const LONGEST: usize = 8 * 1024;
/// What readers stumble over, in any of the formats.
const ODD: &[&[u8]] = &[
    b"",
    b"\0",
    b"\xff",
    b"\xff\xfe",
    b"\xf0\x9f\x90\x9f",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"\"",
    b"\\",
    b"\\u0000",
    b"[[[[[[[[[[[[[[[[",
    b"{\"a\":{\"a\":{\"a\":",
    b"null",
    b"true",
    b"-0",
    b"1e400",
    b"1.7976931348623157e308",
    b"18446744073709551616",
    b"-9223372036854775809",
    b"340282366920938463463374607431768211456",
    b"\r\n",
    b"%",
    b"%2",
    b"%252F",
    b"../",
    b"=",
    b"&",
    b"/",
    b",",
    b";",
    b" ",
    b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x5f\x41a\xff",
    b"\x7f\x61a\xff",
    b"\x9f\xff",
    b"\xbf\xff",
    b"\xc1\xfb\x7e\x37\xe4\x3c\x88\x00\x75\x9c",
    b"\xc2\x49\x01\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\xf9\x7e\x00",
    b"\xf7",
    b"\xd8\x40",
];

/// One of `corpus`, changed in one place or in a few.
pub(crate) fn mutated(random: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut input = pick(random, corpus).clone();
    for _ in 0..=random.below(4) {
        change(random, &mut input, corpus);
    }
    input.truncate(LONGEST);
    input
}

pub(crate) fn pick<'a, T>(random: &mut Random, from: &'a [T]) -> &'a T {
    &from[index(random, from.len())]
}

fn change(random: &mut Random, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
    let at = index(random, input.len() + 1);
    let end = (at + index(random, 16)).min(input.len());
    match random.below(8) {
        0 if at < input.len() => input[at] ^= 1 << random.below(8),
        1 if at < input.len() => input[at] = random.draw().to_le_bytes()[0],
        2 => drop(input.drain(at..end)),
        3 => {
            let piece = pick(random, ODD).to_vec();
            input.splice(at..at, piece);
        }
        4 => {
            let piece = pick(random, ODD).to_vec();
            input.splice(at..end, piece);
        }
        5 => {
            // Something said twice, or very often.
            let often = if random.below(50) == 0 { 500 } else { 3 };
            let times = 1 + index(random, often);
            let piece = input[at..end].repeat(times);
            input.splice(at..at, piece);
        }
        6 => {
            let other = pick(random, corpus);
            let from = index(random, other.len() + 1);
            let to = (from + index(random, 64)).min(other.len());
            input.splice(at..end, other[from..to].iter().copied());
        }
        _ => input.truncate(at),
    }
}

fn index(random: &mut Random, below: usize) -> usize {
    let below = u64::try_from(below).expect("a length fits");
    usize::try_from(random.below(below.max(1))).expect("it is below a length")
}
