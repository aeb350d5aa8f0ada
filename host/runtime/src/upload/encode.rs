//! A core module that carries its interface becomes a component, and so does a command for WASI
//! preview 1; any other is refused by name.

use millstream_core::port::ModuleError;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
    WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

use super::{refused, unreadable};

const EXPECTED: &str = "expected is a component, a core module with a `component-type` section as \
                        wit-bindgen makes them, or a WASI command, which exports `_start`";

/// What of a core module says how it wants to be run.
#[derive(Debug, Default)]
struct Traits {
    interface: bool,
    start: bool,
    wasi: bool,
}

pub(super) fn component(core: &[u8]) -> Result<Vec<u8>, ModuleError> {
    let traits = traits(core)?;
    let adapter = match &traits {
        Traits {
            interface: true, ..
        } => WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
        Traits {
            start: true,
            wasi: true,
            ..
        } => WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
        Traits { wasi, .. } => {
            let for_wasi = if *wasi { " for WASI" } else { "" };
            return Err(refused(format!(
                "it is a core module{for_wasi} without a component interface; {EXPECTED}"
            )));
        }
    };
    encode(core, adapter)
        .map_err(|error| refused(format!("no component can be made of it: {error:#}")))
}

fn encode(core: &[u8], adapter: &[u8]) -> anyhow::Result<Vec<u8>> {
    ComponentEncoder::default()
        .validate(true)
        .module(core)?
        .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, adapter)?
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
    fn a_command_of_preview_1_becomes_a_command() {
        let command = r#"(module
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory (export "memory") 1)
            (func (export "_start") (call $exit (i32.const 0))))"#;
        let component = component(&wat::parse_str(command).unwrap()).unwrap();
        super::super::outline::of(&component)
            .unwrap()
            .check()
            .unwrap();
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
