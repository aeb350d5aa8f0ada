//! What an operator may set, as options of `serve`; the defaults are those of the crates.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::{Args, ValueEnum};
use millstream_core::{journal::Room, limit};

/// Settings of a host.
#[derive(Debug, Clone, Args)]
pub(crate) struct Settings {
    /// Where everything is kept; made where it does not exist.
    #[arg(
        long,
        value_name = "DIR",
        env = "MILLSTREAM_DATA",
        default_value = "millstream-data"
    )]
    pub(crate) data: PathBuf,
    /// The address to listen on; port 0 takes a free one.
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "MILLSTREAM_LISTEN",
        default_value = "127.0.0.1:4567"
    )]
    pub(crate) listen: String,
    #[command(flatten)]
    pub(crate) door: DoorSettings,
    /// Start although durable records are missing, without them. The runbook says when.
    #[arg(long)]
    pub(crate) accept_loss: bool,
    #[command(flatten)]
    pub(crate) log: LogSettings,
    #[command(flatten)]
    pub(crate) guests: GuestSettings,
    #[command(flatten)]
    pub(crate) journal: JournalSettings,
    #[command(flatten)]
    pub(crate) channels: ChannelSettings,
    /// Open shards of a region.
    #[arg(long, value_name = "N", default_value_t = limit::SHARD_LIMIT_DEFAULT)]
    pub(crate) shard_limit: u32,
    /// How long streams show as CREATING, UPDATING and DELETING, such as 0, 200ms or 2s.
    #[arg(long, value_name = "TIME", default_value = "100ms")]
    pub(crate) state_change_delay: Delay,
    /// Refuse what is beyond Kinesis's limits of throughput: of each shard 1 MiB and 1,000 records a
    /// second in, 2 MiB and 5 calls of GetRecords a second out.
    #[arg(long)]
    pub(crate) enforce_limits: bool,
    /// How often on-demand streams are looked at. For tests only.
    #[arg(long, value_name = "TIME", default_value = "60s", hide = true)]
    pub(crate) demand_period: Delay,
    /// The region in ARNs.
    #[arg(long, value_name = "NAME", default_value = "us-east-1")]
    pub(crate) region: String,
    /// The account in ARNs: twelve digits.
    #[arg(long = "account-id", value_name = "DIGITS", default_value = "123456789012", value_parser = account, alias = "account")]
    pub(crate) account: String,
}

/// Settings of who comes in, and how.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Credentials and TLS")]
pub(crate) struct DoorSettings {
    /// Answer only requests made with one of these access keys: a file in the format of
    /// ~/.aws/credentials, or with lines of ACCESS_KEY SECRET_KEY. May be given several times.
    #[arg(long, value_name = "FILE", env = "MILLSTREAM_CREDENTIALS")]
    pub(crate) credentials: Vec<PathBuf>,
    /// Speak TLS with this certificate, and those that it depends on after it, as PEM.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The key of that certificate, as PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Speak TLS with a certificate that the host makes for itself, for development. It is kept in
    /// tls-certificate.pem in the data directory, for clients to trust.
    #[arg(long, conflicts_with = "tls_cert")]
    pub(crate) tls_self_signed: bool,
    /// A further name or address that this certificate is for.
    #[arg(long = "tls-name", value_name = "NAME", requires = "tls_self_signed")]
    pub(crate) tls_names: Vec<String>,
}

/// Settings of the log.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Log")]
pub(crate) struct LogSettings {
    /// Bytes of recent records that are kept in memory for live readers.
    #[arg(long, value_name = "BYTES")]
    pub(crate) tail_bytes: Option<usize>,
    /// Bytes of puts that may wait for the disk; more are answered with 503.
    #[arg(long, value_name = "BYTES")]
    pub(crate) queue_bytes: Option<usize>,
    /// What an acknowledgement means. For measurements only.
    #[arg(long, value_name = "HOW", default_value = "full", hide = true)]
    pub(crate) fsync: Fsync,
}

/// What an acknowledgement means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fsync {
    /// Durable.
    Full,
    /// In the page cache.
    Off,
    /// Nothing is stored at all.
    Null,
}

/// Settings of the runtime.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Functions")]
pub(crate) struct GuestSettings {
    /// Functions that run at the same time; more wait.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) instances: Option<u32>,
    /// Those of them that one function may take; by default half.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) function_instances: Option<u32>,
    /// Memory of one instance at most, whatever a function's own limit says.
    // From one page of WebAssembly's memory to all that its addresses reach.
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(64 << 10..=4 << 30))]
    pub(crate) instance_memory_bytes: Option<u64>,
    /// What a function's calls within itself may take of the stack.
    // Each instance has a stack of its own, in address space.
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(64 << 10..=64 << 20))]
    pub(crate) guest_stack_bytes: Option<u64>,
    /// Processor seconds that compiling one function may take.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) compile_cpu_seconds: Option<u64>,
    /// Seconds that compiling one function may take.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) compile_seconds: Option<u64>,
    /// Address space that compiling one function may take.
    #[arg(long, value_name = "BYTES")]
    pub(crate) compile_memory_bytes: Option<u64>,
    /// Bytes of compiled functions that are kept.
    #[arg(long, value_name = "BYTES")]
    pub(crate) compiled_bytes: Option<u64>,
}

/// Settings of the functions' logs, which are kept in memory until the host stops.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Functions' logs")]
pub(crate) struct JournalSettings {
    /// Bytes of one function's lines that are kept; the oldest go. By default 1 MiB.
    #[arg(long, value_name = "BYTES")]
    pub(crate) function_log_bytes: Option<usize>,
    /// Lines of one function that are kept; by default 10,000.
    #[arg(long, value_name = "N")]
    pub(crate) function_log_lines: Option<usize>,
    /// Bytes that the logs of all functions may take; who has most pays. By default 64 MiB.
    #[arg(long, value_name = "BYTES")]
    pub(crate) function_logs_bytes: Option<usize>,
}

impl JournalSettings {
    /// How much is kept.
    pub(crate) fn room(&self) -> Room {
        let Self {
            function_log_bytes,
            function_log_lines,
            function_logs_bytes,
        } = self;
        let default = Room::default();
        Room {
            function_bytes: function_log_bytes.unwrap_or(default.function_bytes),
            function_lines: function_log_lines.unwrap_or(default.function_lines),
            bytes: function_logs_bytes.unwrap_or(default.bytes),
        }
    }
}

/// Settings of the channels, which deliver streams to object storage.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Channels")]
pub(crate) struct ChannelSettings {
    /// Deliver into this directory: the bucket NAME is the directory NAME in it.
    #[arg(long, value_name = "DIR", env = "MILLSTREAM_CHANNEL_DIRECTORY")]
    pub(crate) channel_directory: Option<PathBuf>,
    /// Deliver to this S3 endpoint, with the credentials and the region of AWS_ACCESS_KEY_ID,
    /// AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and AWS_REGION.
    #[arg(long, value_name = "URL", env = "AWS_ENDPOINT_URL_S3")]
    pub(crate) s3_endpoint: Option<String>,
    /// Deliver after this time, although a channel allows more, such as 0, 200ms or 2s.
    #[arg(long, value_name = "TIME")]
    pub(crate) channel_freshness: Option<Delay>,
}

impl Settings {
    /// A private host: a free port of this machine, everything else as by default.
    pub(crate) fn for_demo(data: &Path) -> Self {
        Self {
            data: data.to_owned(),
            listen: "127.0.0.1:0".to_owned(),
            door: DoorSettings::default(),
            accept_loss: false,
            log: LogSettings {
                tail_bytes: None,
                queue_bytes: None,
                fsync: Fsync::Full,
            },
            guests: GuestSettings::default(),
            journal: JournalSettings::default(),
            channels: ChannelSettings::default(),
            shard_limit: limit::SHARD_LIMIT_DEFAULT,
            state_change_delay: Delay(0),
            enforce_limits: false,
            demand_period: Delay(60_000),
            region: "us-east-1".to_owned(),
            account: "123456789012".to_owned(),
        }
    }
}

/// A time of at most an hour, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delay(pub(crate) u64);

impl FromStr for Delay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = match text.find(|c: char| !c.is_ascii_digit() && c != '.') {
            Some(at) => text.split_at(at),
            None => (text, "s"),
        };
        let factor = match unit {
            "ms" => 1.0,
            "s" => 1_000.0,
            _ => return Err("a time such as 0, 200ms or 2s".to_owned()),
        };
        let number: f64 = number.parse().map_err(|_| "not a number".to_owned())?;
        let ms = number * factor;
        if !(0.0..=3_600_000.0).contains(&ms) {
            return Err("at most an hour".to_owned());
        }
        Ok(Self(ms as u64))
    }
}

fn account(text: &str) -> Result<String, String> {
    if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    Err("an account has twelve digits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_has_a_unit_or_is_in_seconds() {
        for (text, ms) in [("0", 0), ("200ms", 200), ("2s", 2_000), ("0.5", 500)] {
            assert_eq!(text.parse(), Ok(Delay(ms)), "{text}");
        }
        for bad in ["", "-1", "x", "1m", "2h", "4000s", "1.2.3s", "ms"] {
            assert!(bad.parse::<Delay>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_account_has_twelve_digits() {
        assert!(account("123456789012").is_ok());
        for bad in ["", "12345678901", "1234567890123", "12345678901x"] {
            assert!(account(bad).is_err(), "{bad}");
        }
    }
}
