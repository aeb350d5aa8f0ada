//! Worlds, by the thousand: none goes wrong, the same seed is the same life, and each of the bugs that
//! are planted on purpose is found.

use millstream_core::planted::Bug;
use millstream_sim::{Figures, Range, run};

/// Worlds within which each planted bug must be found.
const BUGS_SHOW_WITHIN: u64 = 500;

#[test]
fn the_same_seed_is_the_same_life() {
    for seed in 0..100 {
        let (first, again) = (run(seed), run(seed));
        assert!(first.events > 50, "{first}");
        assert_eq!(first, again);
    }
    assert_ne!(run(1).hash, run(2).hash);
}

#[test]
fn no_world_goes_wrong() {
    let default = Range {
        from: 0,
        seeds: 4_000,
    };
    let summary = default.of_environment().live(|| Bug::plant(None));
    if let Some(wrong) = summary.wrong.first() {
        panic!("{wrong}");
    }
    println!("{} worlds: {:?}", summary.sound, summary.figures);
}

/// A simulator in which nothing happens finds nothing.
#[test]
fn everything_happens_in_some_world() {
    let figures = Range {
        from: 0,
        seeds: 300,
    }
    .live(|| Bug::plant(None))
    .figures;
    let Figures {
        passed,
        filtered,
        calls,
        failures,
        halves,
        parts,
        exhausted,
        aged,
        rejected,
        dropped,
        divided,
        windows,
        crashes,
        children,
    } = figures;
    let counts = [
        passed, filtered, calls, failures, halves, parts, exhausted, aged, rejected, dropped,
        divided, windows, crashes, children,
    ];
    assert!(counts.iter().all(|count| *count > 20), "{figures:?}");
}

#[test]
fn every_planted_bug_is_found() {
    let range = Range {
        from: 0,
        seeds: BUGS_SHOW_WITHIN,
    };
    let mut missed = Vec::new();
    for bug in Bug::ALL {
        let summary = range.live(|| Bug::plant(Some(bug)));
        match summary.wrong.first() {
            Some(found) => {
                let (seed, wrong) = (found.seed, found.violation.as_deref());
                println!("{bug:?}: seed {seed}: {}", wrong.unwrap_or_default());
            }
            None => missed.push(bug),
        }
    }
    assert!(missed.is_empty(), "{missed:?}");
}
