//! What an operator may set, with defaults for a machine of two cores and an idle host of 60 MB.

use std::{path::PathBuf, time::Duration};

/// Settings of a [`crate::Runtime`].
#[derive(Debug, Clone)]
pub struct RuntimeOptions {
    /// Where compiled components are kept; created where absent.
    pub cache_dir: PathBuf,
    /// Bytes that compiled components may take there; the longest unused go first.
    pub cache_bytes_max: u64,
    /// Instances that live at a time for batches. More calls wait in a queue.
    pub instances: u32,
    /// Those of them that one function may have, so that it leaves some to the others.
    pub function_instances: u32,
    /// Instances beside them for dry runs, which do not wait behind batches.
    pub dry_runs: u32,
    /// Linear memory of one instance at most, whatever the limits of its call say.
    pub memory_bytes_max: usize,
    /// What a guest's calls may take of the stack.
    pub stack_bytes: usize,
    /// How long a call waits for an instance before it is refused.
    pub admission_wait: Duration,
    /// The program that compiles: called as `COMPILER __compile ...`, it must end in
    /// [`crate::compile_child`].
    pub compiler: PathBuf,
    /// What compiling one module may take.
    pub compile: CompileLimits,
}

impl RuntimeOptions {
    /// The defaults, with `cache_dir` for compiled components and this very program as compiler.
    ///
    /// # Errors
    /// When the system does not say what this program's file is.
    pub fn new(cache_dir: impl Into<PathBuf>) -> std::io::Result<Self> {
        Ok(Self {
            cache_dir: cache_dir.into(),
            cache_bytes_max: 1 << 30,
            instances: 32,
            function_instances: 16,
            dry_runs: 4,
            memory_bytes_max: 256 << 20,
            stack_bytes: 512 << 10,
            admission_wait: Duration::from_secs(2),
            compiler: std::env::current_exe()?,
            compile: CompileLimits::default(),
        })
    }
}

/// What compiling one module may take. Each is reported by its field's name when it is hit, with the
/// option of `serve` that sets it.
#[derive(Debug, Clone, Copy)]
pub struct CompileLimits {
    /// Processor time, all threads together.
    pub cpu_seconds: u64,
    /// Address space of the compiling process.
    pub address_space_bytes: u64,
    /// Time on the clock.
    pub wall: Duration,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self {
            cpu_seconds: 60,
            address_space_bytes: 2 << 30,
            wall: Duration::from_secs(120),
        }
    }
}
