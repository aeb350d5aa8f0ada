//! `fuzz --seconds N --seed S`: reads mutated inputs with each reader of what strangers send, side by
//! side, and keeps the input that brings one down.

mod body;
mod frame;
mod mutate;
mod signature;
mod target;
mod token;

use std::{
    path::PathBuf,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use clap::Parser;
use support::build;

use self::{
    body::{Cbor, Json},
    frame::Frames,
    signature::Signatures,
    target::{Outcome, Target, fuzz},
    token::Tokens,
};

#[derive(Debug, Parser)]
struct Args {
    /// How long each target runs; they run side by side.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The same seed gives the same inputs.
    #[arg(long)]
    seed: Option<u64>,
    /// Runs one input with all targets instead, as a failure left it.
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let seed = args.seed.unwrap_or(clock.as_secs());
    println!("fuzz: --seconds {} --seed {seed}", args.seconds);
    let input = args.input.map(std::fs::read).transpose()?;
    let plan = Plan {
        seed,
        end: Instant::now() + Duration::from_secs(args.seconds),
        input: input.as_deref(),
    };
    let outcomes = thread::scope(|scope| {
        let running = [
            scope.spawn(|| plan.carry_out(&Json)),
            scope.spawn(|| plan.carry_out(&Cbor)),
            scope.spawn(|| plan.carry_out(&Frames)),
            scope.spawn(|| plan.carry_out(&Tokens::new())),
            scope.spawn(|| plan.carry_out(&Signatures::new())),
        ];
        running.map(|thread| thread.join().expect("panics are caught"))
    });
    let mut code = ExitCode::SUCCESS;
    for Outcome { name, runs, fatal } in outcomes {
        println!("fuzz {name}: {runs} inputs");
        if let Some(input) = fatal {
            let kept = build::target().join(format!("fuzz-{name}"));
            std::fs::write(&kept, &input)?;
            println!("fuzz {name}: brought down by {}", kept.display());
            println!("  {}", input.escape_ascii());
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

struct Plan<'a> {
    seed: u64,
    end: Instant,
    input: Option<&'a [u8]>,
}

impl Plan<'_> {
    fn carry_out<T: Target>(&self, target: &T) -> Outcome {
        if let Some(input) = self.input {
            target.run(input);
            return Outcome {
                name: T::NAME,
                runs: 1,
                fatal: None,
            };
        }
        fuzz(target, self.seed, self.end)
    }
}
