//! Which access log a demo takes.

use std::{
    fs::File,
    io::{BufRead, BufReader, Cursor},
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use super::traffic;
use crate::{
    clock,
    failure::Failure,
    output::{bytes, count},
};

/// A real log that lies beside a checkout, in some places.
const SAMPLE: &str = "../shared/data/apache_access.log";
const SEED: u64 = 20_150_517;

/// The lines that a demo takes.
#[derive(Debug)]
pub(super) enum Input {
    File {
        path: PathBuf,
        file: File,
        bytes: u64,
    },
    Generated {
        text: String,
    },
}

impl Input {
    /// The given file, or the sample where it is there, or `lines` lines of made-up traffic.
    pub(super) fn choose(given: Option<&Path>, lines: usize) -> Result<Self, Failure> {
        let sample = Path::new(SAMPLE);
        match given {
            Some(path) => Self::open(path),
            None if sample.is_file() => Self::open(sample),
            None => {
                let now = i64::try_from(clock::now().0).unwrap_or(i64::MAX);
                let end = Timestamp::from_millisecond(now).unwrap_or(Timestamp::UNIX_EPOCH);
                let text = traffic::generate(SEED, end, lines);
                Ok(Self::Generated { text })
            }
        }
    }

    fn open(path: &Path) -> Result<Self, Failure> {
        let unreadable = |source| Failure::File {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(unreadable)?;
        let about = file.metadata().map_err(unreadable)?;
        if about.is_dir() {
            return Err(unreadable(std::io::ErrorKind::IsADirectory.into()));
        }
        Ok(Self::File {
            path: path.to_owned(),
            file,
            bytes: about.len(),
        })
    }

    /// What it is, for people.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::File {
                path, bytes: size, ..
            } => {
                format!("{} ({})", path.display(), bytes(*size))
            }
            Self::Generated { text } => {
                let lines = text.lines().count() as u64;
                format!(
                    "{} lines that this demo made up (give a real log with --input)",
                    count(lines)
                )
            }
        }
    }

    pub(super) fn into_reader(self) -> Box<dyn BufRead + Send> {
        match self {
            Self::File { file, .. } => Box::new(BufReader::new(file)),
            Self::Generated { text } => Box::new(Cursor::new(text)),
        }
    }
}
