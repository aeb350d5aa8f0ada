//! Compiled components on disk, by the hash of the upload and the compiler's fingerprint.
//!
//! Invariant: a file is loaded only when its bytes are those that the compiler wrote here. Beside
//! each `.cwasm` lies its SHA-256; a file without it, or with another, counts as absent.

mod load;

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use millstream_core::port::ModuleError;
use sha2::{Digest, Sha256};
use tempfile::{NamedTempFile, TempPath};
use wasmtime::{Engine, component::Component};

use crate::slot;

const CODE: &str = "cwasm";
const DIGEST: &str = "sha256";
/// Files of a compilation that did not end, of this process or of one that was killed.
const TEMPORARY: &str = ".compiling-";

#[derive(Debug)]
pub(crate) struct Cache {
    dir: PathBuf,
    fingerprint: String,
    bytes_max: u64,
}

impl Cache {
    /// Opens the directory and removes what a killed host left behind.
    pub(crate) fn open(dir: PathBuf, fingerprint: String, bytes_max: u64) -> io::Result<Self> {
        fs::create_dir_all(&dir)?;
        for entry in fs::read_dir(&dir)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(Self {
            dir,
            fingerprint,
            bytes_max,
        })
    }

    /// A file that goes away unless it is stored.
    pub(crate) fn temporary(&self, contents: &[u8]) -> io::Result<TempPath> {
        let mut file = tempfile::Builder::new()
            .prefix(TEMPORARY)
            .tempfile_in(&self.dir)?;
        file.write_all(contents)?;
        Ok(file.into_temp_path())
    }

    /// Keeps what the compiler wrote into `code` as the machine code of `hash`.
    pub(crate) fn store(&self, hash: &str, code: TempPath) -> io::Result<()> {
        let digest = digest(&fs::read(&code)?);
        let path = self.path(hash);
        let mut beside = NamedTempFile::with_prefix_in(TEMPORARY, &self.dir)?;
        beside.write_all(digest.as_bytes())?;
        // Old digest with new code, or none, counts as absent; so the order does not matter.
        code.persist(&path).map_err(|error| error.error)?;
        beside
            .persist(path.with_extension(DIGEST))
            .map_err(|error| error.error)?;
        self.shrink(&path)
    }

    /// The component of `hash`; none where it must be compiled (again).
    ///
    /// # Errors
    /// The limit, where an instance's slot has no room for it, however often it is compiled.
    pub(crate) fn load(
        &self,
        engine: &Engine,
        hash: &str,
    ) -> Result<Option<Component>, ModuleError> {
        let path = self.path(hash);
        if !is_intact(&path) {
            return Ok(None);
        }
        match load::component(engine, &path) {
            Ok(component) => Ok(Some(component)),
            Err(error) => match slot::misfit(&format!("{error:#}")) {
                Some(misfit) => Err(misfit),
                None => {
                    tracing::warn!(%hash, %error, "a compiled component cannot be loaded");
                    Ok(None)
                }
            },
        }
    }

    /// Removes the machine code of `hash`.
    pub(crate) fn remove(&self, hash: &str) -> io::Result<()> {
        let path = self.path(hash);
        fs::remove_file(path.with_extension(DIGEST))?;
        fs::remove_file(path)
    }

    fn path(&self, hash: &str) -> PathBuf {
        let name = format!("{hash}-{}.{CODE}", self.fingerprint);
        self.dir.join(name)
    }

    /// Removes the oldest files until the rest fits; never `keep`. What is loaded stays mapped.
    fn shrink(&self, keep: &Path) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == CODE) {
                let meta = entry.metadata()?;
                let made = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                files.push((made, meta.len(), path));
            }
        }
        files.sort_unstable();
        let mut total: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, bytes, path) in files {
            if total > self.bytes_max && path != keep {
                total -= bytes;
                fs::remove_file(&path)?;
                let _ = fs::remove_file(path.with_extension(DIGEST));
            }
        }
        Ok(())
    }
}

fn is_intact(path: &Path) -> bool {
    let (Ok(code), Ok(expected)) = (
        fs::read(path),
        fs::read_to_string(path.with_extension(DIGEST)),
    ) else {
        return false;
    };
    digest(&code) == expected
}

/// SHA-256 in hexadecimal.
pub(crate) fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a string takes everything");
            text
        })
}

/// Whether `text` is what [`digest`] gives; anything else must not become a path.
pub(crate) fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(bytes_max: u64) -> (tempfile::TempDir, Cache) {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path().into(), "f".into(), bytes_max).unwrap();
        (dir, cache)
    }

    #[test]
    fn a_changed_or_lonely_file_is_not_intact() {
        let (_dir, cache) = cache(1 << 20);
        let hash = digest(b"upload");
        cache
            .store(&hash, cache.temporary(b"code").unwrap())
            .unwrap();
        let path = cache.path(&hash);
        assert!(is_intact(&path));
        fs::write(&path, b"c0de").unwrap();
        assert!(!is_intact(&path));
        fs::write(&path, b"code").unwrap();
        fs::remove_file(path.with_extension(DIGEST)).unwrap();
        assert!(!is_intact(&path));
    }

    #[test]
    fn opening_removes_what_was_left_half_done() {
        let (dir, cache) = cache(1 << 20);
        let left = cache.temporary(b"half").unwrap().keep().unwrap();
        drop(Cache::open(dir.path().into(), "f".into(), 1).unwrap());
        assert!(!left.exists());
    }

    #[test]
    fn the_oldest_files_go_when_there_is_no_room() {
        let (dir, cache) = cache(10);
        for (i, name) in ["one", "two", "three"].into_iter().enumerate() {
            let code = cache.temporary(b"12345").unwrap();
            let made = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(i as u64);
            fs::File::open(&code).unwrap().set_modified(made).unwrap();
            cache.store(name, code).unwrap();
        }
        assert!(!cache.path("one").exists());
        assert!(cache.path("two").exists() && cache.path("three").exists());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 4);
    }

    #[test]
    fn only_digests_become_paths() {
        assert!(is_digest(&digest(b"x")));
        for bad in ["", "..", &"A".repeat(64), &format!("../{}", "a".repeat(61))] {
            assert!(!is_digest(bad), "{bad}");
        }
    }
}
