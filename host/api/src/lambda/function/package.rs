//! From what a client uploads to a module: an archive with one in it, or the module itself.
//!
//! An archive is of unknown origin: what it says of itself is bounded before it is believed.

use std::io::{Cursor, Read as _};

use bytes::Bytes;
use memchr::memmem;
use millstream_core::{catalog::function::Package, limit::MODULE_BYTES};
use sha2::{Digest as _, Sha256};
use zip::ZipArchive;

use crate::lambda::fault::Fault;

/// Files in an archive.
const ENTRIES: usize = 1_000;
/// What every entry of an archive's list begins with.
const LISTED: &[u8] = b"PK\x01\x02";
/// How many times its size in the archive a module may have, beyond the first mebibyte.
const RATIO: u64 = 200;
const FREE_BYTES: u64 = 1 << 20;
/// What every module begins with.
const WASM: &[u8] = b"\0asm";

/// A module, and the archive that it came in.
#[derive(Debug)]
pub(super) struct Unpacked {
    pub(super) wasm: Bytes,
    pub(super) package: Option<Package>,
}

/// Takes the module out of `uploaded`. Takes a while where it is large.
pub(super) fn unpack(uploaded: Vec<u8>) -> Result<Unpacked, Fault> {
    if uploaded.starts_with(WASM) {
        bounded(uploaded.len() as u64)?;
        let wasm = uploaded.into();
        return Ok(Unpacked {
            wasm,
            package: None,
        });
    }
    let package = Package {
        sha256: base64_simd::STANDARD.encode_to_string(Sha256::digest(&uploaded)),
        size: uploaded.len() as u64,
    };
    Ok(Unpacked {
        wasm: module(&uploaded)?.into(),
        package: Some(package),
    })
}

fn module(archive: &[u8]) -> Result<Vec<u8>, Fault> {
    // Counted before the list is read, since each of its entries takes memory.
    if memmem::find_iter(archive, LISTED).nth(ENTRIES).is_some() {
        let why = format!("The archive has more than {ENTRIES} entries.");
        return Err(Fault::parameter(why));
    }
    let mut archive = ZipArchive::new(Cursor::new(archive)).map_err(|_| broken())?;
    let mut modules = Vec::new();
    for at in 0..archive.len() {
        let entry = archive.by_index_raw(at).map_err(|_| broken())?;
        let name = entry.name();
        if entry.is_file() && name.ends_with(".wasm") && !name.starts_with("__MACOSX/") {
            modules.push(at);
        }
    }
    let &[at] = &*modules else {
        let count = modules.len();
        return Err(Fault::parameter(format!(
            "The archive has {count} files that end with .wasm; it must have exactly one, \
             the module or component that is the function."
        )));
    };
    let entry = archive.by_index(at).map_err(|_| broken())?;
    bounded(entry.size())?;
    let allowed = entry.compressed_size().saturating_mul(RATIO);
    let allowed = allowed.saturating_add(FREE_BYTES).min(MODULE_BYTES as u64);
    let mut wasm = Vec::new();
    // What the archive says of the size need not be so.
    let mut bytes = entry.take(allowed + 1);
    bytes.read_to_end(&mut wasm).map_err(|_| broken())?;
    bounded(wasm.len() as u64)?;
    if wasm.len() as u64 > allowed {
        let why = format!("The module has more than {RATIO} times its size in the archive.");
        return Err(Fault::parameter(why));
    }
    Ok(wasm)
}

fn bounded(bytes: u64) -> Result<(), Fault> {
    if bytes <= MODULE_BYTES as u64 {
        return Ok(());
    }
    let why = format!("Unzipped size must be smaller than {MODULE_BYTES} bytes");
    Err(Fault::parameter(why))
}

fn broken() -> Fault {
    Fault::parameter(
        "Could not unzip uploaded file. Please check your file, then try to upload again.",
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

    use super::*;

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        for (name, data) in files {
            writer.start_file(*name, options).unwrap();
            writer.write_all(data).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn why(uploaded: Vec<u8>) -> String {
        unpack(uploaded).unwrap_err().message
    }

    #[test]
    fn an_archive_with_one_module_gives_it() {
        let files: &[(&str, &[u8])] = &[
            ("README", b"text"),
            ("__MACOSX/._f.wasm", b"x"),
            ("bin/f.wasm", b"\0asm and so on"),
        ];
        let uploaded = archive(files);
        let Unpacked { wasm, package } = unpack(uploaded.clone()).unwrap();
        assert_eq!(wasm, b"\0asm and so on".as_slice());
        assert_eq!(package.unwrap().size, uploaded.len() as u64);
    }

    #[test]
    fn a_bare_module_is_taken_as_it_is() {
        let Unpacked { wasm, package } = unpack(b"\0asm".to_vec()).unwrap();
        assert_eq!((wasm, package), (Bytes::from_static(b"\0asm"), None));
    }

    #[test]
    fn there_is_exactly_one_module() {
        assert!(why(archive(&[("a", b"x")])).contains("has 0 files"));
        let two = archive(&[("a.wasm", b"x"), ("b.wasm", b"y")]);
        assert!(why(two).contains("has 2 files"));
    }

    #[test]
    fn what_is_no_archive_or_a_damaged_one_is_refused() {
        assert!(why(b"text".to_vec()).starts_with("Could not unzip"));
        assert!(why(Vec::new()).starts_with("Could not unzip"));
        let whole = archive(&[("a.wasm", &[7; 1000])]);
        assert!(why(whole[..whole.len() / 2].to_vec()).starts_with("Could not unzip"));
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0xff;
            // It may be refused or not, but does not panic, and gives no more than it should.
            if let Ok(unpacked) = unpack(damaged) {
                assert!(unpacked.wasm.len() <= 1000);
            }
        }
    }

    #[test]
    fn an_archive_that_unfolds_too_far_is_refused() {
        let bomb = archive(&[("a.wasm", &vec![0; 8 << 20])]);
        assert!(bomb.len() < 20_000);
        assert!(why(bomb).contains("more than 200 times"));
        let large = archive(&[("a.wasm", &vec![0; MODULE_BYTES + 1])]);
        assert!(why(large).starts_with("Unzipped size must be smaller"));
        let many = LISTED.repeat(ENTRIES + 1);
        assert!(why(many).contains("more than 1000 entries"));
    }
}
