//! `millstream check`: verify a data directory.

use std::path::{Path, PathBuf};

use millstream_core::stored;
use millstream_log::{CheckError, CheckReport};
use serde_json::json;

use super::progress;
use crate::{
    failure::Failure,
    output::{Output, bytes, count, printable},
};

/// What to verify.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Reads everything and changes nothing; a host may be using the directory. Every block's checksum, the
order of each shard, the catalog's keys and the watermark are verified, and whether the catalog,
checkpoints, queues and positions of channels can be read. Exit code 1 when something does not hold.

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
    let report = whole(&args.data, &mut |done, total| {
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

/// Checks the log, and whether what is kept under its keys can be read by those whose it is.
pub(super) fn whole(
    data: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<CheckReport, CheckError> {
    let reads =
        |key: &[u8], value: &[u8]| stored::check(key, value).map_err(|error| error.to_string());
    millstream_log::check_with(data, reads, progress)
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
    use millstream_core::{
        catalog::key,
        port::{Commit, Log as _, Put},
        position::ShardNumber,
    };
    use millstream_log::{Options, SqliteLog};

    use super::*;

    #[tokio::test]
    async fn values_are_read_as_their_owners_read_them() {
        let dir = tempfile::tempdir().unwrap();
        let log = SqliteLog::open(Options::new(dir.path())).unwrap();
        let shard = ShardNumber(0);
        let good = (key::lane(1, shard), "{\"next\":7}");
        let bad = [
            ("c/s/clicks".into(), "{\"name\":\"clicks\""),
            (key::lane(2, shard), "{\"next\":\"seven\"}"),
            (key::channel_position(3, shard), "seven"),
            ("q/entry".into(), ""),
        ];
        let put = |(key, value): (_, &'static str)| Put {
            key,
            value: Some(value.into()),
        };
        for puts in [vec![put(good)], bad.map(put).into()] {
            assert!(whole(dir.path(), &mut |_, _| {}).unwrap().is_sound());
            let commit = Commit {
                puts,
                ..Commit::default()
            };
            let _durable = log.commit(commit).await.unwrap();
        }
        log.close();
        let report = whole(dir.path(), &mut |_, _| {}).unwrap();
        assert_eq!((report.keys, report.problem_count), (5, 4));
        let told = report.problems.join("\n");
        for key in ["c/s/clicks", "l/", "h/", "q/entry"] {
            let begin = format!("the value of key `{key}");
            assert!(told.contains(&begin), "{told}");
        }
        // The log itself holds: nothing of this is damage of the disk.
        assert!(millstream_log::check(dir.path()).unwrap().is_sound());
    }

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
