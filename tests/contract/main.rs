//! The contract with Amazon's clients: `aws` and boto3, unmodified, drive a host of the test's own.
//!
//! The tests themselves are Python, beside this file; this runs them and passes on their verdict.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use support::{Host, build};

const TERRAFORM: &str = "test_terraform.py";

#[test]
fn amazons_clients_find_what_they_expect() -> Result<()> {
    pytest(&[&format!("--ignore={}", beside(TERRAFORM)), &beside("")])
}

/// On its own, since it sleeps for most of its minute.
#[test]
fn terraform_finds_what_it_expects() -> Result<()> {
    pytest(&[&beside(TERRAFORM)])
}

fn beside(file: &str) -> String {
    format!("{}/tests/contract/{file}", build::root().display())
}

fn pytest(tests: &[&str]) -> Result<()> {
    let home = support::host::folder()?;
    // Channels need somewhere to deliver to, or they show as failed.
    let buckets = home.path().join("buckets");
    let buckets = buckets.to_str().context("a path that is not text")?;
    let arguments = ["--channel-directory", buckets];
    let mut host = Host::start_on(&home.path().join("data"), &arguments)?;
    let status = Command::new(build::python()?)
        .args([
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--durations=3",
        ])
        .args(tests)
        .current_dir(home.path())
        .env("MILLSTREAM_URL", &host.api.url)
        .env("MILLSTREAM_BINARY", build::binary()?)
        .env("MILLSTREAM_GUESTS", build::guests()?)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        // Nothing of the person who runs the tests: no profile, no key, no region.
        .env("HOME", home.path())
        .env_remove("AWS_PROFILE")
        .env_remove("AWS_ENDPOINT_URL")
        .env_remove("AWS_SESSION_TOKEN")
        .env("AWS_ACCESS_KEY_ID", "any")
        .env("AWS_SECRET_ACCESS_KEY", "any")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .status()?;
    host.alive()?;
    ensure!(status.success(), "pytest ended with {status}");
    ensure!(host.stop()?.success(), "the host did not end well");
    Ok(())
}
