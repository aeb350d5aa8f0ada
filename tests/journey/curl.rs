//! A function deployed with curl alone, as the README promises.

use std::process::{Command, Output};

use anyhow::{Result, ensure};
use serde_json::Value;
use support::{Host, build};

/// Runs curl; none where this machine has none.
pub(crate) fn curl(arguments: &[&str]) -> Result<Option<Output>> {
    match Command::new("curl")
        .args(["-sS", "--max-time", "60"])
        .args(arguments)
        .output()
    {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        run => Ok(Some(run?)),
    }
}

#[test]
fn one_line_of_curl_deploys_a_function() -> Result<()> {
    let host = Host::start()?;
    let url = format!("{}/v1/functions/parse", host.api.url);
    let file = format!(
        "@{}",
        build::guests()?.join("guest_access_log.wasm").display()
    );
    let Some(output) = curl(&["-X", "PUT", "--data-binary", &file, &url])? else {
        println!("skipped: there is no curl");
        return Ok(());
    };
    let answer: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(answer["name"] == "parse", "{answer}");
    let records = format!("{}/v1/streams/lines/records", host.api.url);
    let create = format!("{}/v1/streams/lines", host.api.url);
    curl(&["-X", "PUT", "-d", "{\"shards\": 2}", &create])?;
    // curl sends --data-binary as a form unless told otherwise: one record, byte for byte.
    curl(&["--data-binary", "a b\nc d\n", &records])?;
    let kind = "content-type: text/plain";
    curl(&["-H", kind, "--data-binary", "a b\nc d\n", &records])?;
    ensure!(
        host.api.records("lines")?.len() == 3,
        "{:?}",
        host.api.records("lines")?
    );
    Ok(())
}
