//! What of a component is too large for the slots that instances live in, by the limit's name.

use millstream_core::port::ModuleError;

/// What wasmtime says of a component that fits no slot: what stands before the two numbers, what
/// else the text has, the limit, and the unit.
const MISFITS: [(&str, &str, &str, &str); 9] = [
    (
        "transitively contains",
        "core module instances, which",
        "core_instances",
        "core instances",
    ),
    (
        "transitively contains",
        "Wasm linear memories, which",
        "memories",
        "memories",
    ),
    ("transitively contains", "tables, which", "tables", "tables"),
    (
        "defined memories count of",
        "exceeds the",
        "memories",
        "memories in one core module",
    ),
    (
        "defined tables count of",
        "exceeds the",
        "tables",
        "tables in one core module",
    ),
    (
        "minimum byte size of",
        "exceeds the limit",
        "memory_bytes",
        "bytes of memory to begin with",
    ),
    (
        "minimum element size of",
        "exceeds the limit",
        "table_elements",
        "elements of a table to begin with",
    ),
    (
        "instance allocation for this module requires",
        "exceeds the configured maximum",
        "core_instance_bytes",
        "bytes of what the engine keeps of a core instance",
    ),
    (
        "instance allocation for this component requires",
        "exceeds the configured maximum",
        "component_instance_bytes",
        "bytes of what the engine keeps of an instance",
    ),
];

/// The limit that wasmtime refused a component for; nothing where it was for something else.
pub(crate) fn misfit(error: &str) -> Option<ModuleError> {
    let fits =
        |(before, also, ..): &&(&str, &str, _, _)| error.contains(*before) && error.contains(*also);
    let (before, _, limit, unit) = *MISFITS.iter().find(fits)?;
    let (_, numbers) = error.split_once(before)?;
    let mut numbers = numbers
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter_map(number);
    let (wanted, most) = (numbers.next()?, numbers.next()?);
    Some(ModuleError::Limit {
        limit: limit.to_owned(),
        message: format!("{wanted} {unit}, {most} are allowed"),
    })
}

/// A number as wasmtime writes it; sizes of slots are hexadecimal.
fn number(word: &str) -> Option<u64> {
    match word.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_misfit_is_none() {
        assert_eq!(misfit("Module was compiled with another version"), None);
    }

    #[test]
    fn the_numbers_are_those_of_the_limit() {
        let said = "table index 7 has a minimum element size of 200 which exceeds the limit of 100";
        let misfit = misfit(said).unwrap().to_string();
        assert!(misfit.contains("`table_elements`"), "{misfit}");
        assert!(misfit.contains("200 elements of a table to begin with, 100 are allowed"));
        let said = "memory has a minimum byte size of 512 which exceeds the limit of 0x100 bytes";
        let misfit = super::misfit(said).unwrap().to_string();
        assert!(misfit.contains("512 bytes of memory to begin with, 256 are allowed"));
    }
}
