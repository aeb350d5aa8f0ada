//! The side file that names a commit which was durable: what tells a shortened log from a whole one.
//!
//! SQLite takes a truncated or damaged write-ahead log for a short one and says nothing.
//! Knows nothing of SQLite; is written after the commit it names is durable, at most once a second.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::Path,
};

const NAME: &str = "watermark";
/// Two slots in different sectors are written in turn, so a torn write leaves the other.
const SLOT: usize = 4096;
const LINE: &str = "millstream-watermark";

/// A commit that was durable, and the epoch it was made in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Watermark {
    pub(crate) commit: u64,
    pub(crate) epoch: u64,
}

impl Watermark {
    fn line(self) -> String {
        let Self { commit, epoch } = self;
        let body = format!("{LINE} commit={commit} epoch={epoch}");
        let crc = crc32fast::hash(body.as_bytes());
        format!("{body} crc={crc:08x}\n")
    }

    fn parse(slot: &[u8]) -> Option<Self> {
        let end = slot.iter().position(|byte| *byte == b'\n')?;
        let text = std::str::from_utf8(&slot[..end]).ok()?;
        let mut fields = text.strip_prefix(LINE)?.split_ascii_whitespace();
        let mut field = |name: &str| fields.next()?.strip_prefix(name);
        let mark = Self {
            commit: field("commit=")?.parse().ok()?,
            epoch: field("epoch=")?.parse().ok()?,
        };
        let whole = mark.line();
        (whole.as_bytes() == &slot[..=end]).then_some(mark)
    }
}

/// The watermark of the data directory; nothing where there is no file or no readable line in it.
pub(crate) fn read(dir: &Path) -> io::Result<Option<Watermark>> {
    let mut bytes = Vec::new();
    match File::open(dir.join(NAME)) {
        Ok(mut file) => file.read_to_end(&mut bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(bytes.chunks(SLOT).filter_map(Watermark::parse).max())
}

/// Writes watermarks.
#[derive(Debug)]
pub(crate) struct Writer {
    file: File,
    slot: u64,
}

impl Writer {
    /// Starts anew: whatever the file said before, it says `mark` now.
    pub(crate) fn create(dir: &Path, mark: Watermark) -> io::Result<Self> {
        let fresh = dir.join(format!("{NAME}.new"));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&fresh)?;
        file.write_all(mark.line().as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, dir.join(NAME))?;
        File::open(dir)?.sync_all()?;
        Ok(Self { file, slot: 0 })
    }

    /// Makes `mark` durable, which must not fall.
    pub(crate) fn write(&mut self, mark: Watermark) -> io::Result<()> {
        let slot = 1 - self.slot;
        self.file.seek(SeekFrom::Start(slot * SLOT as u64))?;
        self.file.write_all(mark.line().as_bytes())?;
        self.file.sync_data()?;
        // Only now: what failed is written over, never the mark that still holds.
        self.slot = slot;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(commit: u64) -> Watermark {
        Watermark { commit, epoch: 3 }
    }

    #[test]
    fn the_newest_mark_is_read() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()).unwrap(), None);
        let mut writer = Writer::create(dir.path(), mark(1)).unwrap();
        assert_eq!(read(dir.path()).unwrap(), Some(mark(1)));
        for commit in [9, 10, 11] {
            writer.write(mark(commit)).unwrap();
            assert_eq!(read(dir.path()).unwrap(), Some(mark(commit)));
        }
        Writer::create(dir.path(), mark(4)).unwrap();
        assert_eq!(
            read(dir.path()).unwrap(),
            Some(mark(4)),
            "starting anew may go back"
        );
    }

    #[test]
    fn a_failed_write_is_written_over_by_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::create(dir.path(), mark(1)).unwrap();
        let path = dir.path().join(NAME);
        let writable = std::mem::replace(&mut writer.file, File::open(&path).unwrap());
        writer.write(mark(2)).unwrap_err();
        writer.file = writable;
        writer.write(mark(3)).unwrap();
        let bytes = fs::read(&path).unwrap();
        assert_eq!(Watermark::parse(&bytes[..SLOT]), Some(mark(1)));
        assert_eq!(read(dir.path()).unwrap(), Some(mark(3)));
    }

    #[test]
    fn a_torn_mark_leaves_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::create(dir.path(), mark(1)).unwrap();
        writer.write(mark(2)).unwrap();
        let path = dir.path().join(NAME);
        let whole = fs::read(&path).unwrap();
        for torn in SLOT..whole.len() {
            let mut bytes = whole.clone();
            bytes[torn] ^= 1;
            fs::write(&path, bytes).unwrap();
            assert_eq!(read(dir.path()).unwrap(), Some(mark(1)), "byte {torn}");
        }
    }
}
