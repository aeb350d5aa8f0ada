//! What a program may try against its host, one name an attempt. One that the host does not stop
//! returns.

use std::{
    hint::black_box,
    io::{self, Write},
    process, thread,
    time::Duration,
};

const MIB: usize = 1 << 20;

/// Runs an attack.
pub(crate) fn run(name: &str, argument: &str) {
    let times = || argument.parse().unwrap_or(usize::MAX);
    match name {
        "exit" => process::exit(argument.parse().unwrap_or(0)),
        "panic" => panic!("this is {}", black_box("the guest's panic")),
        "loop" => loop {
            black_box(0);
        },
        "sleep" => thread::sleep(Duration::from_secs(3600)),
        "grow" => {
            let mut kept = Vec::new();
            loop {
                kept.push(black_box(vec![1u8; MIB]));
            }
        }
        "out-flood" => flood(&mut io::stdout(), times()),
        "err-flood" => flood(&mut io::stderr(), times()),
        // Standard output ends with its limit; this one is as long as it may be.
        "out" => {
            let text = vec![b'1'; times()];
            let _ = io::stdout().write_all(&text);
            process::exit(0);
        }
        _ => {}
    }
}

/// So many kilobytes, in lines.
fn flood(to: &mut impl Write, kilobytes: usize) {
    let line = [&[b'x'; 1023][..], b"\n"].concat();
    for _ in 0..kilobytes {
        let _ = to.write_all(&line);
    }
}
