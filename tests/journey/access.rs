//! Who is let in: credentials and TLS, with the command line as the client.

use std::{path::Path, process::Command};

use anyhow::{Result, ensure};
use support::{Host, build, host};

const ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// Runs a command, signed with a secret where there is one: its exit code, and what it said.
fn run(url: &str, secret: Option<&str>, line: &[&str]) -> Result<(Option<i32>, String)> {
    let mut command = Command::new(build::binary()?);
    command.args(line).env("MILLSTREAM_URL", url);
    for name in ["AWS_CA_BUNDLE", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID"] {
        command.env_remove(name);
    }
    if let Some(secret) = secret {
        command.env("AWS_ACCESS_KEY_ID", ID);
        command.env("AWS_SECRET_ACCESS_KEY", secret);
    }
    let output = command.output()?;
    let said = [output.stdout, output.stderr].concat();
    Ok((output.status.code(), String::from_utf8(said)?))
}

/// A host that knows one key and speaks TLS.
fn guarded(home: &Path) -> Result<Host> {
    let keys = home.join("keys");
    std::fs::write(&keys, format!("# the only one\n{ID} {SECRET}\n"))?;
    let keys = keys.to_string_lossy();
    let arguments = ["--credentials", &keys, "--tls-self-signed"];
    Host::start_on(&home.join("data"), &arguments)
}

#[test]
fn the_command_line_signs_and_trusts_what_it_is_told_to() -> Result<()> {
    let home = host::folder()?;
    let host = guarded(home.path())?;
    let (url, certificate) = (&host.api.url, home.path().join("data/tls-certificate.pem"));
    ensure!(url.starts_with("https://"), "{url}");
    let certificate = certificate.to_string_lossy();
    let ca = ["--ca", &certificate];
    let secure = |secret, line: &[&str]| run(url, secret, &[&ca, line].concat());

    let (code, said) = secure(Some(SECRET), &["stream", "create", "s"])?;
    ensure!(code == Some(0), "{said}");
    let fixture = build::root().join("README.md");
    let put = ["put", "--stream", "s", "--file", &fixture.to_string_lossy()];
    let (code, said) = secure(Some(SECRET), &put)?;
    ensure!(code == Some(0), "{said}");
    // Its body is not known beforehand.
    let module = home.path().join("guest.wasm");
    std::fs::write(&module, build::guest("fixture")?)?;
    let (code, said) = secure(Some(SECRET), &["deploy", "f", &module.to_string_lossy()])?;
    ensure!(code == Some(0), "{said}");

    for (secret, why) in [
        (None, "credentials are needed"),
        (Some("x"), "does not match"),
    ] {
        let (code, said) = secure(secret, &["stream", "list"])?;
        ensure!(code == Some(1) && said.contains(why), "{code:?} {said}");
        ensure!(!said.contains(SECRET), "{said}");
    }
    let (code, said) = run(url, Some(SECRET), &["stream", "list"])?;
    ensure!(
        code == Some(1) && said.contains("is not trusted"),
        "{code:?} {said}"
    );
    let (code, said) = run(url, None, &["--ca", "/nowhere", "stream", "list"])?;
    ensure!(
        code == Some(1) && said.contains("/nowhere"),
        "{code:?} {said}"
    );
    ensure!(host.stop()?.success(), "the host did not end well");
    Ok(())
}

#[test]
fn a_certificate_outlives_the_process() -> Result<()> {
    let home = host::folder()?;
    let read = || std::fs::read(home.path().join("data/tls-certificate.pem"));
    guarded(home.path())?.stop()?;
    let first = read()?;
    guarded(home.path())?.stop()?;
    ensure!(read()? == first, "clients would have to be told anew");
    Ok(())
}

#[test]
fn settings_that_cannot_be_are_refused_at_the_start() -> Result<()> {
    let home = host::folder()?;
    let data = home.path().join("data");
    let keys = home.path().join("keys");
    std::fs::write(&keys, "AKIA hush hush\n")?;
    let keys = keys.to_string_lossy();
    for (arguments, code, why) in [
        (vec!["--credentials", &keys], 1, "line 1 is not `ACCESS_KEY"),
        (vec!["--credentials", "/nowhere"], 1, "/nowhere"),
        (vec!["--tls-cert", &keys], 2, "--tls-key"),
        (
            vec!["--tls-cert", &keys, "--tls-key", &keys],
            1,
            "no certificate",
        ),
    ] {
        let (status, said) = host::refused(&data, &arguments)?;
        ensure!(status.code() == Some(code) && said.contains(why), "{said}");
        ensure!(!said.contains("hush"), "{said}");
    }
    let (status, said) = host::refused_at("0.0.0.0:0", &data, &[])?;
    let needs = "can be reached from other machines";
    ensure!(status.code() == Some(2) && said.contains(needs), "{said}");
    Ok(())
}
