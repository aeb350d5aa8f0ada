//! Uploaded bytes become a component that is worth compiling, or are refused with a reason.
//!
//! Pure: bytes in, bytes out. It parses and counts, and compiles nothing. The host itself looks at
//! the first bytes only; the rest is for the child that compiles.

mod count;
mod encode;
mod kind;
mod outline;

use millstream_core::{limit, port::ModuleError};

use crate::upload::kind::Kind;

/// Refuses what is too large or begins like nothing that can become a component.
pub(crate) fn screen(wasm: &[u8]) -> Result<(), ModuleError> {
    if wasm.len() > limit::MODULE_BYTES {
        return Err(ModuleError::Limit {
            limit: "module_bytes".into(),
            message: format!("{} bytes, {} are allowed", wasm.len(), limit::MODULE_BYTES),
        });
    }
    kind::detect(wasm).map(drop)
}

/// The component that an upload is or can be made, if it is worth compiling.
pub(crate) fn component(wasm: Vec<u8>) -> Result<Vec<u8>, ModuleError> {
    let kind = kind::detect(&wasm)?;
    count::check(&wasm)?;
    let component = match kind {
        Kind::Component => wasm,
        Kind::Core => encode::component(&wasm)?,
    };
    outline::of(&component)?.check()?;
    Ok(component)
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
