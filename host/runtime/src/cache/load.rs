//! The one unsafe line of the project: machine code from a file becomes callable.

use std::path::Path;

use wasmtime::{Engine, component::Component};

/// Maps a compiled component.
///
/// Soundness: `path` must hold what [`wasmtime::Engine::precompile_component`] gave and must not
/// change while it is mapped. The parent module holds that up: files get there only from the
/// compiling child, whole and by rename; the digest was compared just before; uploads that are
/// already compiled are refused; and nothing writes to a file once it has its name.
#[expect(unsafe_code, reason = "wasmtime cannot verify machine code; see above")]
pub(super) fn component(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: as said above.
    unsafe { Component::deserialize_file(engine, path) }
}
