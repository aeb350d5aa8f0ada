//! Lives the worlds that the environment names and tells what came of them. `make worlds` runs it.

use std::{process::ExitCode, time::Instant};

use millstream_sim::{Range, run};

fn main() -> ExitCode {
    let default = Range {
        from: 0,
        seeds: 10_000,
    };
    let range = default.of_environment();
    if range.seeds == 1 {
        let outcome = run(range.from);
        println!("{outcome}");
        return ExitCode::from(u8::from(outcome.violation.is_some()));
    }
    let began = Instant::now();
    let summary = range.live(|| {});
    for outcome in &summary.wrong {
        println!("{outcome}");
    }
    let seconds = began.elapsed().as_secs_f64();
    let (from, sound, figures) = (range.from, summary.sound, summary.figures);
    println!("{sound} worlds from {from} on were sound, in {seconds:.1} s: {figures:?}");
    ExitCode::from(u8::from(!summary.wrong.is_empty()))
}
