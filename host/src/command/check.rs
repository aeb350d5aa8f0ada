//! `millstream check`: verify a data directory.

use std::path::PathBuf;

use millstream_log::CheckReport;
use serde_json::json;

use super::progress;
use crate::{
    failure::Failure,
    output::{Output, bytes, count, printable},
};

/// What to verify.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Reads everything and changes nothing; a host may be using the directory. Every block's checksum, the order of each shard, the catalog's
keys and the watermark are verified. Exit code 1 when something does not hold.

Example:
  millstream check --data /var/lib/millstream")]
pub(crate) struct Args {
    /// The data directory.
    #[arg(
        long,
        value_name = "DIR",
        env = "MILLSTREAM_DATA",
        default_value = "millstream-data"
    )]
    data: PathBuf,
}

pub(super) fn run(args: &Args, output: Output) -> Result<(), Failure> {
    let bar = progress::over_bytes(output, 0, "check");
    let report = millstream_log::check_watched(&args.data, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let report = report.map_err(|error| Failure::Failed(error.to_string()))?;
    output.print(&json!(report), |_| sentences(&report))?;
    if report.is_sound() {
        return Ok(());
    }
    let data = args.data.display();
    let problems = count(report.problem_count);
    Err(Failure::Failed(format!("{data} has problems: {problems}")))
}

fn sentences(report: &CheckReport) -> String {
    let mut lines: Vec<_> = report.problems.iter().map(|p| printable(p)).collect();
    let unlisted = report.problem_count.saturating_sub(lines.len() as u64);
    if unlisted > 0 {
        lines.push(format!("... and {} more", count(unlisted)));
    }
    lines.push(format!(
        "read {} records in {} blocks ({}) of {} shards, and {} keys",
        count(report.records),
        count(report.blocks),
        bytes(report.bytes),
        count(report.shards),
        count(report.keys),
    ));
    lines.push(format!(
        "the newest commit is {}, the watermark {}",
        report.commit_number, report.watermark
    ));
    if report.is_sound() {
        lines.push("everything holds".to_owned());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_that_are_not_listed_are_counted() {
        let report = CheckReport {
            problems: vec!["a".to_owned(), "b".to_owned()],
            problem_count: 1002,
            ..CheckReport::default()
        };
        let text = sentences(&report);
        assert!(text.starts_with("a\nb\n... and 1,000 more\n"), "{text}");
        assert!(!text.contains("everything holds"));
        assert!(sentences(&CheckReport::default()).ends_with("everything holds"));
    }
}
