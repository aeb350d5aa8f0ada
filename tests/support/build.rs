//! Where the things under test lie, and how they are built where they are missing.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use anyhow::{Context, Result, ensure};

/// The folder of the workspace.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package is a folder of the workspace")
}

/// Where cargo puts what it builds.
#[must_use]
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The binary under test.
pub fn binary() -> Result<&'static Path> {
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    once(&BINARY, || {
        if let Some(given) = env::var_os("MILLSTREAM_BIN") {
            return Ok(root().join(PathBuf::from(given)));
        }
        let path = target().join("debug/millstream");
        if !path.exists() {
            cargo(&["build", "-p", "millstream"])?;
        }
        Ok(path)
    })
}

/// The folder of the guests' components.
pub fn guests() -> Result<&'static Path> {
    static GUESTS: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    once(&GUESTS, || {
        if let Some(given) = env::var_os("MILLSTREAM_GUESTS") {
            return Ok(root().join(PathBuf::from(given)));
        }
        let folder = target().join("wasm32-wasip2/guest");
        let names = [
            "access-log",
            "metrics",
            "sessions",
            "alerts",
            "totals",
            "fixture",
            "event",
            "hostile",
        ];
        let packages = names.map(|name| format!("guest-{name}"));
        if !names.iter().all(|name| component(&folder, name).exists()) {
            let mut args = vec!["build", "--target", "wasm32-wasip2", "--profile", "guest"];
            args.extend(packages.iter().flat_map(|package| ["-p", package]));
            cargo(&args)?;
        }
        Ok(folder)
    })
}

/// The component of a guest.
pub fn guest(name: &str) -> Result<Vec<u8>> {
    let path = component(guests()?, name);
    std::fs::read(&path).with_context(|| format!("read {}", path.display()))
}

/// The real access log, where it lies beside the repository.
#[must_use]
pub fn access_log() -> Option<PathBuf> {
    let path = root().join("../shared/data/apache_access.log");
    path.exists().then_some(path)
}

/// The interpreter of a virtual environment that has what `tests/requirements.txt` asks for.
pub fn python() -> Result<&'static Path> {
    static PYTHON: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    once(&PYTHON, || environment("venv", "tests/requirements.txt"))
}

/// The interpreter that has the consumers of `tests/clients/python`.
pub fn consumers_python() -> Result<&'static Path> {
    static PYTHON: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    once(&PYTHON, || {
        environment("clients/venv", "tests/clients/python/requirements.txt")
    })
}

/// The folder of npm's packages that `tests/clients/node` asks for.
pub fn node_modules() -> Result<&'static Path> {
    static MODULES: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    once(&MODULES, || {
        let folder = target().join("clients/node");
        if !folder.join("ready").exists() {
            std::fs::create_dir_all(&folder)?;
            for name in ["package.json", "package-lock.json"] {
                let asked = root().join("tests/clients/node").join(name);
                std::fs::copy(asked, folder.join(name))?;
            }
            let quietly = [
                "ci",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--silent",
            ];
            run(Command::new("npm").args(quietly).current_dir(&folder))
                .context("the tests need Node.js 20 or newer, with npm")?;
            std::fs::write(folder.join("ready"), "")?;
        }
        Ok(folder.join("node_modules"))
    })
}

/// A virtual environment below the target folder; made where `make` has not made it.
fn environment(name: &str, requirements: &str) -> Result<PathBuf> {
    let venv = target().join(name);
    let python = venv.join("bin/python");
    if !venv.join("ready").exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        run(Command::new(&python)
            .args(["-m", "pip", "install", "-q", "-r"])
            .arg(root().join(requirements)))?;
        std::fs::write(venv.join("ready"), "")?;
    }
    Ok(python)
}

fn component(folder: &Path, guest: &str) -> PathBuf {
    folder.join(format!("guest_{}.wasm", guest.replace('-', "_")))
}

fn cargo(args: &[&str]) -> Result<()> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    run(Command::new(cargo).args(args).current_dir(root()))
}

fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("start {command:?}"))?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}

fn once(
    cell: &'static OnceLock<Result<PathBuf, String>>,
    make: impl FnOnce() -> Result<PathBuf>,
) -> Result<&'static Path> {
    let made = cell.get_or_init(|| make().map_err(|error| format!("{error:#}")));
    made.as_deref()
        .map_err(|error| anyhow::Error::msg(error.clone()))
}
