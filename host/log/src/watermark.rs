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
    /// Starts anew: whatever the file said before, it says `mark` now. A file that has both slots
    /// is written in place, for which a full disk has room.
    pub(crate) fn create(dir: &Path, mark: Watermark) -> io::Result<Self> {
        match Self::reuse(&dir.join(NAME), mark)? {
            Some(writer) => Ok(writer),
            None => Self::make(dir, mark),
        }
    }

    fn reuse(path: &Path, mark: Watermark) -> io::Result<Option<Self>> {
        let mut file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let before: Vec<_> = bytes.chunks(SLOT).map(Watermark::parse).collect();
        let &[first, second] = &before[..] else {
            return Ok(None);
        };
        let slot = u64::from(second > first);
        let mut writer = Self { file, slot };
        writer.write(mark)?;
        // What was accepted as lost must not be read again.
        if first.max(second) > Some(mark) {
            writer.write(mark)?;
        }
        Ok(Some(writer))
    }

    fn make(dir: &Path, mark: Watermark) -> io::Result<Self> {
        let fresh = dir.join(format!("{NAME}.new"));
        let mut slots = mark.line().into_bytes();
        slots.resize(2 * SLOT, 0);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&fresh)?;
        file.write_all(&slots)?;
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
    fn starting_anew_is_done_in_place_and_may_fall() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        Writer::create(dir.path(), mark(5)).unwrap();
        // Without room for another file: a folder is in its way.
        fs::create_dir(dir.path().join(format!("{NAME}.new"))).unwrap();
        for commit in [6, 7, 2, 3] {
            let mut writer = Writer::create(dir.path(), mark(commit)).unwrap();
            assert_eq!(read(dir.path()).unwrap(), Some(mark(commit)));
            writer.write(mark(commit + 1)).unwrap();
            assert_eq!(read(dir.path()).unwrap(), Some(mark(commit + 1)));
            assert_eq!(fs::metadata(&path).unwrap().len(), 2 * SLOT as u64);
        }
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
        for torn in SLOT..SLOT + mark(2).line().len() {
            let mut bytes = whole.clone();
            bytes[torn] ^= 1;
            fs::write(&path, bytes).unwrap();
            assert_eq!(read(dir.path()).unwrap(), Some(mark(1)), "byte {torn}");
        }
    }
}
