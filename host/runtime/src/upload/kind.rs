//! What uploaded bytes are, by their first bytes.

use millstream_core::port::ModuleError;

use super::refused;

const EXPECTED: &str =
    "expected is a WebAssembly component (`cargo build --target wasm32-wasip2` makes one)";
const MAGIC: &[u8] = b"\0asm";

/// The two kinds that can become a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Component,
    Core,
}

pub(super) fn detect(bytes: &[u8]) -> Result<Kind, ModuleError> {
    if !bytes.starts_with(MAGIC) {
        return Err(refused(format!("it is {}; {EXPECTED}", foreign(bytes))));
    }
    match bytes.get(4..8) {
        None => Err(refused(format!("it is truncated at byte {}", bytes.len()))),
        Some([0x0d, 0, 1, 0]) => Ok(Kind::Component),
        Some([1, 0, 0, 0]) => Ok(Kind::Core),
        Some(version) => Err(refused(format!(
            "it is WebAssembly of the unknown version {version:02x?}; {EXPECTED}"
        ))),
    }
}

fn foreign(bytes: &[u8]) -> &'static str {
    match bytes {
        [] => "empty",
        [0x7f, b'E', b'L', b'F', ..] => "machine code (ELF or precompiled), which is never loaded",
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => "compressed",
        _ if MAGIC.starts_with(bytes) => "truncated within its first 4 bytes",
        _ if bytes.trim_ascii_start().starts_with(b"(") => "WebAssembly text, not binary",
        _ => "not WebAssembly",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_else_the_bytes_are() {
        for (bytes, what) in [
            (&b""[..], "empty"),
            (b"\0as", "truncated"),
            (b"\0asm\x01", "truncated at byte 5"),
            (b"\0asm\x02\0\0\0", "unknown version"),
            (b"\x7fELF\x02\x01", "precompiled"),
            (b"  (component)", "text"),
            (b"\x1f\x8b\x08", "compressed"),
            (b"hello", "not WebAssembly"),
        ] {
            let error = detect(bytes).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }

    #[test]
    fn knows_components_from_core_modules() {
        assert_eq!(detect(b"\0asm\x0d\0\x01\0").unwrap(), Kind::Component);
        assert_eq!(detect(b"\0asm\x01\0\0\0").unwrap(), Kind::Core);
    }
}
