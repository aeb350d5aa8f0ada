//! Uploaded bytes become a component that is worth compiling, or are refused with a reason.
//!
//! Pure: bytes in, bytes out. It parses and counts, and compiles nothing.

mod count;
mod encode;
mod kind;
mod outline;

use std::borrow::Cow;

use millstream_core::{limit, port::ModuleError};

use crate::upload::kind::Kind;

/// A component that may be compiled.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// Its bytes: those of the upload, or made from them.
    pub(crate) component: Vec<u8>,
    /// What it imports, sorted.
    pub(crate) imports: Vec<String>,
}

/// Takes an upload apart as far as is cheap and safe.
pub(crate) fn prepare(wasm: &[u8]) -> Result<Prepared, ModuleError> {
    if wasm.len() > limit::MODULE_BYTES {
        return Err(ModuleError::Limit {
            limit: "module_bytes".into(),
            message: format!("{} bytes, {} are allowed", wasm.len(), limit::MODULE_BYTES),
        });
    }
    let component = match kind::detect(wasm)? {
        Kind::Component => {
            count::check(wasm)?;
            Cow::Borrowed(wasm)
        }
        Kind::Core => {
            count::check(wasm)?;
            Cow::Owned(encode::component(wasm)?)
        }
    };
    let outline = outline::of(&component)?;
    outline.check()?;
    Ok(Prepared {
        imports: outline.imports,
        component: component.into_owned(),
    })
}

fn refused(message: impl Into<String>) -> ModuleError {
    ModuleError::NotAModule {
        message: message.into(),
    }
}

/// What the parser says of bytes that it cannot read.
fn unreadable(error: &wasmparser::BinaryReaderError) -> ModuleError {
    let at = error.offset();
    if error.message().starts_with("unexpected end") {
        return refused(format!("it is truncated at byte {at}"));
    }
    refused(format!("it is malformed at byte {at}: {}", error.message()))
}
