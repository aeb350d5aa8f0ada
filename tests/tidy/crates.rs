//! The walls between crates, over what cargo says of the manifests.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use support::build;

/// Which crates of ours a crate may import. Those that are not named here (the binary) may import all.
const WALLS: &[(&str, &[&str])] = &[
    ("millstream-core", &["millstream-aggregate"]),
    ("millstream-log", &["millstream-core"]),
    ("millstream-worker", &["millstream-core"]),
    ("millstream-queue", &["millstream-core"]),
    ("millstream-channel", &["millstream-core"]),
    ("millstream-api", &["millstream-core"]),
    ("millstream-sim", &["millstream-core", "millstream-worker"]),
    (
        "millstream-runtime",
        &["millstream-core", "millstream-bindings"],
    ),
    ("millstream-bindings", &[]),
    (
        "millstream-sdk",
        &["millstream-sdk-macro", "millstream-aggregate"],
    ),
    ("millstream-aggregate", &[]),
    ("millstream-sdk-macro", &[]),
    ("guest-access-log", &["millstream-sdk"]),
    ("guest-metrics", &["millstream-sdk"]),
    ("guest-sessions", &["millstream-sdk"]),
    ("guest-alerts", &["millstream-sdk"]),
    ("guest-fixture", &["millstream-sdk"]),
    ("guest-event", &["millstream-sdk"]),
    ("guest-totals", &["millstream-sdk"]),
    ("guest-hostile", &["millstream-sdk"]),
    ("tests", &[]),
    ("clients", &["tests"]),
    ("fuzz", &["millstream-api", "millstream-core", "tests"]),
    ("millstream-bench", &[]),
];

/// Who may import a heavy dependency.
const OWNERS: &[(&str, &[&str])] = &[
    ("rusqlite", &["millstream-log"]),
    ("wasmtime", &["millstream-runtime", "millstream-bindings"]),
    ("wasmtime-wasi", &["millstream-runtime"]),
    ("axum", &["millstream-api"]),
    ("hyper", &["millstream-api"]),
    ("hyper-util", &["millstream-api"]),
    ("object_store", &["millstream-channel"]),
    ("reqwest", &["millstream-channel"]),
];

/// Crates that core stays closed to: clocks, disks, sockets, randomness, other threads.
const NOT_IN_CORE: &[&str] = &[
    "tokio",
    "tracing",
    "getrandom",
    "uuid",
    "tempfile",
    "anyhow",
];

struct Crate {
    name: String,
    /// What it is built with; its tests may use more.
    imports: Vec<String>,
}

fn crates() -> Result<Vec<Crate>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(build::root())
        .output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    Ok(packages.iter().map(parse).collect())
}

fn parse(package: &Value) -> Crate {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let dependencies = package["dependencies"].as_array().into_iter().flatten();
    let built = dependencies.filter(|dependency| dependency["kind"] != "dev");
    Crate {
        name: text(&package["name"]),
        imports: built.map(|dependency| text(&dependency["name"])).collect(),
    }
}

#[test]
fn crates_import_only_what_lies_below_them() -> Result<()> {
    let crates = crates()?;
    let ours: Vec<&str> = crates.iter().map(|krate| krate.name.as_str()).collect();
    for (name, allowed) in WALLS {
        let krate = crates.iter().find(|krate| krate.name == *name);
        let imports = &krate.with_context(|| format!("{name} is gone"))?.imports;
        for import in imports
            .iter()
            .filter(|import| ours.contains(&import.as_str()))
        {
            ensure!(
                allowed.contains(&import.as_str()),
                "{name} must not import {import}"
            );
        }
    }
    for name in ours.into_iter().filter(|name| *name != "millstream") {
        ensure!(
            WALLS.iter().any(|(walled, _)| *walled == name),
            "{name} has no wall"
        );
    }
    Ok(())
}

#[test]
fn heavy_dependencies_have_one_owner() -> Result<()> {
    for krate in crates()? {
        for (dependency, owners) in OWNERS {
            let imports = krate.imports.iter().any(|import| import == dependency);
            let owns = owners.contains(&krate.name.as_str());
            ensure!(
                !imports || owns,
                "{} must not import {dependency}",
                krate.name
            );
        }
    }
    Ok(())
}

#[test]
fn core_is_closed_to_the_world() -> Result<()> {
    let crates = crates()?;
    let core = crates.iter().find(|krate| krate.name == "millstream-core");
    for import in &core.context("core is gone")?.imports {
        ensure!(
            !NOT_IN_CORE.contains(&import.as_str()),
            "core must not import {import}"
        );
    }
    Ok(())
}
