//! Uploads are taken apart and made machine code in a child process, because that can neither be
//! trusted with the host's memory nor be cancelled within it.

pub(crate) mod child;
mod ending;

use std::{
    ffi::OsStr,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{ExitStatus, Stdio},
};

use millstream_core::{limit, port::ModuleError};
use tokio::{io::AsyncReadExt, process::Command, time};

use crate::{failure::cut, options::CompileLimits};

/// The hidden subcommand that the host's binary gives to [`child::compile_child`].
pub(crate) const SUBCOMMAND: &str = "__compile";

/// What a compiler says when it gets no more memory, or no thread for want of address space.
const OUT_OF_MEMORY: [&str; 4] = [
    "memory allocation",
    "out of memory",
    "annot allocate memory",
    "Resource temporarily unavailable",
];
const SIGABRT: i32 = 6;
const SIGSEGV: i32 = 11;
const SIGXCPU: i32 = 24;

/// Compiles the upload in `from` into `to`. One at a time is the caller's duty.
pub(crate) async fn compile(
    compiler: &Path,
    from: &Path,
    to: &Path,
    limits: CompileLimits,
) -> Result<(), ModuleError> {
    let mut child = Command::new(compiler)
        .args([OsStr::new(SUBCOMMAND), from.as_os_str(), to.as_os_str()])
        .arg(limits.cpu_seconds.to_string())
        .arg(limits.address_space_bytes.to_string())
        .env_clear()
        // More threads would not end sooner under the same processor time, and each takes
        // address space.
        .env("RAYON_NUM_THREADS", threads().to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(format!("cannot start {}: {error}", compiler.display())))?;
    let mut stderr = child.stderr.take().expect("it was asked for above");
    let ended = time::timeout(limits.wall, async {
        let mut said = Vec::new();
        let _ = (&mut stderr)
            .take(limit::ERROR_BYTES as u64)
            .read_to_end(&mut said)
            .await;
        let status = child.wait().await;
        status.map(|status| (status, String::from_utf8_lossy(&said).trim().to_owned()))
    })
    .await;
    match ended {
        Ok(Ok((status, said))) => verdict(status, &said, limits),
        Ok(Err(error)) => Err(failed(format!("cannot await the compiler: {error}"))),
        Err(_) => {
            let killed = child.kill().await;
            killed.map_err(|error| failed(format!("cannot stop the compiler: {error}")))?;
            let passed = limits.wall.as_secs_f32();
            let message = format!("{passed} s passed; serve's --compile-seconds allows others");
            Err(hit("wall", message))
        }
    }
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(4))
}

fn verdict(status: ExitStatus, said: &str, limits: CompileLimits) -> Result<(), ModuleError> {
    if status.success() {
        return Ok(());
    }
    let memory = OUT_OF_MEMORY.iter().any(|words| said.contains(words));
    let refused = status.code().and_then(|code| ending::read(code, said));
    if let Some(refused) = refused.filter(|_| !memory) {
        return Err(refused);
    }
    match (status.code(), status.signal()) {
        (_, Some(SIGXCPU)) => Err(hit(
            "cpu_seconds",
            format!(
                "{} s of processor time used; serve's --compile-cpu-seconds allows others",
                limits.cpu_seconds
            ),
        )),
        (_, Some(SIGABRT | SIGSEGV)) => Err(exhausted(limits)),
        _ if memory => Err(exhausted(limits)),
        _ => Err(failed(cut(format!(
            "the compiler ended with {status}: {said}"
        )))),
    }
}

fn exhausted(limits: CompileLimits) -> ModuleError {
    let bytes = limits.address_space_bytes;
    hit(
        "address_space_bytes",
        format!("more than {bytes} bytes wanted; serve's --compile-memory-bytes allows others"),
    )
}

fn hit(limit: &str, message: String) -> ModuleError {
    ModuleError::Limit {
        limit: limit.to_owned(),
        message,
    }
}

fn failed(message: String) -> ModuleError {
    ModuleError::Host { message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(raw: i32, said: &str) -> ModuleError {
        verdict(ExitStatus::from_raw(raw), said, CompileLimits::default()).unwrap_err()
    }

    #[test]
    fn the_way_a_child_ends_tells_the_limit() {
        let limit = |error| match error {
            ModuleError::Limit { limit, .. } => limit,
            other => panic!("{other:?}"),
        };
        let option = of(SIGXCPU, "").to_string();
        assert!(option.contains("--compile-cpu-seconds"), "{option}");
        assert_eq!(limit(of(SIGXCPU, "")), "cpu_seconds");
        assert_eq!(limit(of(SIGABRT, "")), "address_space_bytes");
        let exit = |code: u8| i32::from(code) << 8;
        let oom = "memory allocation of 99 bytes failed";
        assert_eq!(limit(of(exit(101), oom)), "address_space_bytes");
        let (code, text) = ending::write(ModuleError::NotAModule {
            message: "bad type".to_owned(),
        });
        assert!(matches!(
            of(exit(code), &text),
            ModuleError::NotAModule { .. }
        ));
        assert!(matches!(
            of(exit(101), "panicked"),
            ModuleError::Host { .. }
        ));
    }
}
