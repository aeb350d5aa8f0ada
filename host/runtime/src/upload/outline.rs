//! A component's imports and exports by name, and whether they could be those of a function.
//!
//! Names only: whether the types fit is said by the linker, once the component is compiled.

use millstream_core::port::ModuleError;
use wasmparser::{ComponentTypeRef, Parser, Payload};

use super::unreadable;
use crate::function::{HANDLER_EXPORT, RECORD_HANDLER_EXPORT, RUN_INTERFACE};

/// Our own interfaces, exactly as `wit/` has them.
const RUNTIME: &str = "millstream:function/runtime@0.1.0";
/// Nothing but types, which a program has that is linked with the SDK.
const TYPES: &str = "millstream:function/types@0.1.0";
/// What the host has of WASI 0.2, any patch of it; files, environment and sockets are empty.
const WASI: [&str; 27] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

/// The names that a component's surface consists of.
#[derive(Debug, Default)]
pub(super) struct Outline {
    imports: Vec<String>,
    exports: Vec<String>,
}

pub(super) fn of(component: &[u8]) -> Result<Outline, ModuleError> {
    let mut outline = Outline::default();
    let mut depth = 0usize;
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(|error| unreadable(&error))? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let import = import.map_err(|error| unreadable(&error))?;
                    // A world's `use` shows as an import of a type, which nobody has to provide.
                    if !matches!(import.ty, ComponentTypeRef::Type(_)) {
                        outline.imports.push(import.name.name.to_owned());
                    }
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    let export = export.map_err(|error| unreadable(&error))?;
                    outline.exports.push(export.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    outline.imports.sort_unstable();
    Ok(outline)
}

impl Outline {
    /// Refuses a component that cannot fit, with all that is missing and all that it asks too much.
    pub(super) fn check(&self) -> Result<(), ModuleError> {
        let mut wrong = Vec::new();
        let has = |name: &str| self.exports.iter().any(|export| export == name);
        let takes_batches = has(HANDLER_EXPORT) || has(RECORD_HANDLER_EXPORT);
        let is_command = !takes_batches && self.exports.iter().any(|name| is_run(name));
        if is_command && self.imports.iter().any(|name| name == RUNTIME) {
            wrong.push(
                "it is a WASI command, whose answer is what it prints: it cannot import \
                 `millstream:function/runtime`, which is for functions that take batches"
                    .to_owned(),
            );
        }
        if !takes_batches && !is_command {
            let seen = if self.exports.is_empty() {
                "it exports nothing".to_owned()
            } else {
                format!("it exports {}", self.exports.join(", "))
            };
            wrong.push(format!(
                "it has neither the export `{HANDLER_EXPORT}` of world handler nor \
                 `{RECORD_HANDLER_EXPORT}` of world record-handler, and it is no command, which \
                 exports `{RUN_INTERFACE}`; {seen}"
            ));
        }
        let unknown: Vec<_> = self
            .imports
            .iter()
            .map(String::as_str)
            .filter(|name| !is_known(name))
            .collect();
        if !unknown.is_empty() {
            wrong.push(format!(
                "it imports what the host does not have: {}",
                unknown.join(", ")
            ));
        }
        if wrong.is_empty() {
            return Ok(());
        }
        Err(ModuleError::NoWorld {
            message: wrong.join("; "),
        })
    }
}

/// Whether an export is what makes a component a command.
fn is_run(export: &str) -> bool {
    let patch = export.strip_prefix(RUN_INTERFACE);
    patch.is_some_and(|patch| patch.starts_with('.'))
}

fn is_known(import: &str) -> bool {
    if [RUNTIME, TYPES].contains(&import) {
        return true;
    }
    import
        .split_once('@')
        .is_some_and(|(name, version)| version.starts_with("0.2.") && WASI.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), ModuleError> {
        of(&wat::parse_str(text).unwrap()).unwrap().check()
    }

    #[test]
    fn names_everything_that_does_not_fit_at_once() {
        let error = check(
            r#"(component
                (import "wasi:http/types@0.2.3" (instance))
                (import "wasi:io/poll@0.2.9" (instance))
                (import "own:thing/it" (instance))
                (component $inner (import "not:mine/at-all" (instance))))"#,
        )
        .unwrap_err()
        .to_string();
        for part in [
            "`handle`",
            "`handle-records`",
            "exports nothing",
            "wasi:http/types@0.2.3",
            "own:thing/it",
        ] {
            assert!(error.contains(part), "{error}");
        }
        assert!(
            !error.contains("wasi:io/poll") && !error.contains("not:mine"),
            "{error}"
        );
    }

    #[test]
    fn a_command_is_known_by_its_export_and_imports_nothing_of_ours() {
        let command = |version: &str, import: &str| {
            format!(
                r#"(component {import}
                    (instance $run)
                    (export "wasi:cli/run@{version}" (instance $run)))"#
            )
        };
        for version in ["0.2.0", "0.2.12"] {
            check(&command(version, "")).unwrap();
        }
        for version in ["0.3.0", "0.20.0", "0.2"] {
            let error = check(&command(version, "")).unwrap_err().to_string();
            assert!(error.contains("`wasi:cli/run@0.2`"), "{error}");
        }
        let ours = r#"(import "millstream:function/runtime@0.1.0" (instance))"#;
        let error = check(&command("0.2.0", ours)).unwrap_err().to_string();
        assert!(error.contains("is a WASI command"), "{error}");
    }

    #[test]
    fn a_name_of_another_version_is_unknown() {
        assert!(is_known("wasi:cli/exit@0.2.0"));
        assert!(!is_known("wasi:cli/exit@0.3.0"));
        assert!(!is_known("wasi:cli/exit"));
        assert!(!is_known("millstream:function/runtime@0.2.0"));
    }
}
