//! A core module that carries its interface becomes a component; any other is refused by name.

use millstream_core::port::ModuleError;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

use super::{refused, unreadable};

const EXPECTED: &str = "expected is a component, or a core module with a `component-type` section \
                        as wit-bindgen makes them";

/// What of a core module says how it wants to be run.
#[derive(Debug, Default)]
struct Traits {
    interface: bool,
    start: bool,
    wasi: bool,
}

pub(super) fn component(core: &[u8]) -> Result<Vec<u8>, ModuleError> {
    let traits = traits(core)?;
    if !traits.interface {
        let what = match (traits.start, traits.wasi) {
            (true, true) => "a WASI command (it exports `_start`), which reads no batches",
            (_, true) => "a core module for WASI without a component interface",
            _ => "a core module without a component interface",
        };
        return Err(refused(format!("it is {what}; {EXPECTED}")));
    }
    encode(core).map_err(|error| refused(format!("no component can be made of it: {error:#}")))
}

fn encode(core: &[u8]) -> anyhow::Result<Vec<u8>> {
    ComponentEncoder::default()
        .validate(true)
        .module(core)?
        .adapter(
            WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
            WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
        )?
        .encode()
}

fn traits(core: &[u8]) -> Result<Traits, ModuleError> {
    let mut traits = Traits::default();
    for payload in Parser::new(0).parse_all(core) {
        match payload.map_err(|error| unreadable(&error))? {
            Payload::CustomSection(section) => {
                traits.interface |= section.name().starts_with("component-type");
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.map_err(|error| unreadable(&error))?;
                    traits.wasi |= import.module.starts_with("wasi_");
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    traits.start |= export.map_err(|error| unreadable(&error))?.name == "_start";
                }
            }
            _ => {}
        }
    }
    Ok(traits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        component(&wat::parse_str(text).unwrap())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_command_is_called_a_command() {
        let command = refusal(
            r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
                (func (export "_start")))"#,
        );
        assert!(command.contains("WASI command"), "{command}");
        assert!(command.contains("expected is a component"), "{command}");
    }

    #[test]
    fn other_core_modules_are_called_that() {
        assert!(refusal("(module)").contains("core module without a component interface"));
        let wasi = refusal(r#"(module (import "wasi_snapshot_preview1" "fd_write" (func)))"#);
        assert!(wasi.contains("core module for WASI"), "{wasi}");
    }

    #[test]
    fn an_interface_that_lies_is_refused() {
        let lie = refusal(r#"(module (@custom "component-type:x" "\00\01\02"))"#);
        assert!(lie.contains("no component can be made"), "{lie}");
    }
}
