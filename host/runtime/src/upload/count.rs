//! Counts what makes compiling expensive, before anything is compiled.
//!
//! These caps refuse what no compiler emits; what passes is still compiled under
//! [`crate::CompileLimits`].

use millstream_core::port::ModuleError;
use wasmparser::{FunctionBody, Operator, Parser, Payload};

use super::unreadable;

/// Functions with a body, over all modules of a component.
const FUNCTIONS: u64 = 100_000;
/// Locals and parameters' worth of one function.
const LOCALS: u64 = 20_000;
/// Bytes of one function.
const FUNCTION_BYTES: u64 = 4 << 20;
/// Blocks, loops, ifs and tries within each other.
const NESTING: u64 = 5_000;
/// Data segments, over all modules.
const DATA_SEGMENTS: u64 = 100_000;
/// Modules and components within a component.
const MODULES: u64 = 200;

#[derive(Debug, Default)]
struct Counts {
    functions: u64,
    data_segments: u64,
    modules: u64,
}

/// Refuses a module that has more of something than any compiler emits.
pub(super) fn check(wasm: &[u8]) -> Result<(), ModuleError> {
    let mut counts = Counts::default();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.map_err(|error| unreadable(&error))? {
            Payload::CodeSectionStart { count, .. } => {
                add(&mut counts.functions, count, "functions", FUNCTIONS)?;
            }
            Payload::DataSection(section) => {
                let count = section.count();
                add(
                    &mut counts.data_segments,
                    count,
                    "data_segments",
                    DATA_SEGMENTS,
                )?;
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                add(&mut counts.modules, 1, "modules", MODULES)?;
            }
            Payload::CodeSectionEntry(body) => function(&body)?,
            _ => {}
        }
    }
    Ok(())
}

fn add(total: &mut u64, more: u32, name: &str, cap: u64) -> Result<(), ModuleError> {
    *total += u64::from(more);
    at_most(*total, name, cap)
}

fn at_most(value: u64, name: &str, cap: u64) -> Result<(), ModuleError> {
    if value <= cap {
        return Ok(());
    }
    Err(ModuleError::Limit {
        limit: name.into(),
        message: format!("{value}, {cap} are allowed"),
    })
}

fn function(body: &FunctionBody<'_>) -> Result<(), ModuleError> {
    at_most(body.range().len() as u64, "function_bytes", FUNCTION_BYTES)?;
    let mut locals = 0;
    let groups = body
        .get_locals_reader()
        .map_err(|error| unreadable(&error))?;
    for group in groups {
        let (count, _) = group.map_err(|error| unreadable(&error))?;
        add(&mut locals, count, "locals", LOCALS)?;
    }
    let mut depth: u64 = 0;
    let operators = body
        .get_operators_reader()
        .map_err(|error| unreadable(&error))?;
    for operator in operators {
        match operator.map_err(|error| unreadable(&error))? {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. }
            | Operator::Try { .. } => {
                depth += 1;
                at_most(depth, "nesting", NESTING)?;
            }
            Operator::End => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(text: &str) -> String {
        match check(&wat::parse_str(text).unwrap()) {
            Err(ModuleError::Limit { limit, .. }) => limit,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn refuses_what_no_compiler_emits() {
        for block in ["block", "loop", "try_table"] {
            let nested = format!("{block} ").repeat(5_001) + &"end ".repeat(5_001);
            assert_eq!(hit(&format!("(module (func {nested}))")), "nesting");
        }
        let locals = "i32 ".repeat(20_001);
        assert_eq!(hit(&format!("(module (func (local {locals})))")), "locals");
        let long = "i32.const 1000000000 drop ".repeat(700_000);
        assert_eq!(hit(&format!("(module (func {long}))")), "function_bytes");
        let modules = "(core module)".repeat(201);
        assert_eq!(hit(&format!("(component {modules})")), "modules");
        let functions = "(func)".repeat(100_001);
        assert_eq!(hit(&format!("(module {functions})")), "functions");
    }

    #[test]
    fn counts_over_all_modules_of_a_component() {
        let half = format!("(core module {})", "(func)".repeat(60_000));
        assert_eq!(hit(&format!("(component {half}{half})")), "functions");
    }

    #[test]
    fn passes_what_is_ordinary() {
        let nested = "block ".repeat(500) + &"end ".repeat(500);
        let text = format!("(module (memory 1) (data (i32.const 0) \"x\") (func {nested}))");
        assert_eq!(check(&wat::parse_str(text).unwrap()), Ok(()));
    }
}
