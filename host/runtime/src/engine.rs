//! One configuration for the process that compiles and the process that runs.
//!
//! Invariant: everything that shapes machine code is in [`config`]; the allocator and the size of
//! stacks are not part of it.

use std::hash::{DefaultHasher, Hash, Hasher};

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
    WasmBacktraceDetails,
};

use crate::{options::RuntimeOptions, pool};

/// Stack for the host calls that a guest makes, beyond what its own calls may take.
const HOST_STACK_BYTES: usize = 512 << 10;
/// Memory that stays with a slot when its instance is gone: what a typical batch touches, so that
/// the next one takes no page faults.
const KEEP_RESIDENT_BYTES: usize = 2 << 20;
/// Slots that keep the pages of a function that does not run; bounds what an idle host holds.
const WARM_SLOTS: u32 = 8;
/// Core modules in a component: languages with an adapter have up to ten.
const CORE_INSTANCES: u32 = 20;
const MEMORIES: u32 = 4;
const TABLES: u32 = 20;
/// Elements in one table, and the most that the limit of a call allows all of its tables.
pub(crate) const TABLE_ELEMENTS: usize = 100_000;
const CORE_INSTANCE_BYTES: usize = 1 << 20;
const COMPONENT_INSTANCE_BYTES: usize = 4 << 20;

fn config() -> Config {
    let mut config = Config::new();
    config
        .cranelift_opt_level(OptLevel::Speed)
        .epoch_interruption(true)
        .memory_init_cow(true)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_memory64(false)
        .wasm_wide_arithmetic(false)
        .wasm_custom_page_sizes(false);
    config
}

/// The engine of the child that compiles: it never instantiates, so it has no pool.
pub(crate) fn compiling() -> wasmtime::Result<Engine> {
    Engine::new(&config())
}

/// The engine of the host: every instance lives in a slot that was reserved at the start.
pub(crate) fn running(options: &RuntimeOptions) -> wasmtime::Result<Engine> {
    let instances = pool::size(options);
    let mut pool = PoolingAllocationConfig::new();
    pool.max_memory_size(options.memory_bytes_max)
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
        .table_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto)
        .max_unused_warm_slots(WARM_SLOTS)
        .total_component_instances(instances)
        .total_core_instances(instances * CORE_INSTANCES)
        .total_memories(instances * 2)
        .total_tables(instances * 6)
        .total_stacks(instances)
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_core_instance_size(CORE_INSTANCE_BYTES)
        .max_component_instance_size(COMPONENT_INSTANCE_BYTES)
        .table_elements(TABLE_ELEMENTS);
    Engine::new(
        config()
            .max_wasm_stack(options.stack_bytes)
            .async_stack_size(options.stack_bytes + HOST_STACK_BYTES)
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pool)),
    )
}

/// Names the configuration, the compiler's version and the processor: machine code that was made
/// under another name is not loaded.
pub(crate) fn fingerprint(engine: &Engine) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_child_compiles_the_host_can_load() {
        let mut options = RuntimeOptions::new("unused").unwrap();
        options.stack_bytes *= 2;
        let (child, host) = (compiling().unwrap(), running(&options).unwrap());
        assert_eq!(fingerprint(&child), fingerprint(&host));
    }
}
