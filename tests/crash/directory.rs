//! Directories that are not as this host left them: each is refused with a line that says why.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use support::{Host, build, host, process};

#[test]
fn a_second_host_on_a_directory_is_refused_while_the_first_goes_on() -> Result<()> {
    let first = Host::start()?;
    first.api.stream("s", 1)?;
    let (status, said) = host::refused(first.data(), &[])?;
    ensure!(!status.success(), "a second host was taken: {said}");
    let directory = first.data().to_string_lossy();
    ensure!(
        said.contains(&*directory),
        "the directory is not named: {said}"
    );
    first.api.lines("s", "", "still here\n")?;
    ensure!(
        first.api.records("s")?.len() == 1,
        "the first host lost a record"
    );
    Ok(())
}

#[test]
fn a_database_of_a_newer_version_is_refused_and_left_as_it_is() -> Result<()> {
    let home = host::folder()?;
    let data = home.path().join("data");
    let host = Host::start_on(&data, &[])?;
    host.api.stream("s", 1)?;
    host.api.lines("s", "", "kept\n")?;
    ensure!(host.stop()?.success(), "the host did not end well");
    let version = pragma(&data, "PRAGMA user_version")?;
    pragma(&data, "PRAGMA user_version = 9999")?;
    let (status, said) = host::refused(&data, &[])?;
    ensure!(
        !status.success(),
        "data of a newer version was taken: {said}"
    );
    ensure!(said.contains("9999"), "the version is not named: {said}");
    ensure!(
        said.trim().lines().count() == 1,
        "more than one line: {said}"
    );
    pragma(&data, &format!("PRAGMA user_version = {version}"))?;
    let host = Host::start_on(&data, &[])?;
    ensure!(
        host.api.records("s")?.len() == 1,
        "the refusal cost a record"
    );
    Ok(())
}

#[test]
fn a_lost_wal_is_noticed_and_goes_on_only_where_the_loss_is_accepted() -> Result<()> {
    let home = host::folder()?;
    let data = home.path().join("data");
    let host = Host::start_on(&data, &[])?;
    host.api.stream("s", 1)?;
    // While somebody reads an old state, what is put stays in the write-ahead log.
    let reader = Reader::hold(&data)?;
    let begin = Instant::now();
    let mut put = 0;
    // The watermark is a second behind at most, so that two seconds of puts are certainly noticed.
    while begin.elapsed() < Duration::from_secs(2) {
        host.api.lines("s", "", "a\nb\n")?;
        put += 2;
    }
    host.kill()?;
    reader.release()?;
    fs::File::options()
        .write(true)
        .open(data.join("millstream.db-wal"))?
        .set_len(0)?;
    let (status, said) = host::refused(&data, &[])?;
    ensure!(!status.success(), "a loss went unnoticed: {said}");
    ensure!(
        said.contains("--accept-loss"),
        "the way out is not named: {said}"
    );
    let checked = process::millstream(&["check", "--data", &data.to_string_lossy()])?;
    ensure!(
        !checked.status.success(),
        "check finds nothing: {checked:?}"
    );
    let host = Host::start_on(&data, &["--accept-loss"])?;
    host.api.stream("s", 1)?;
    host.api.lines("s", "", "after\n")?;
    let kept = host.api.records("s")?.len();
    ensure!(
        (1..put).contains(&kept),
        "{kept} records after the loss of some of {put}"
    );
    ensure!(host.stop()?.success(), "the host did not end well");
    // Accepted once; the next start is an ordinary one.
    Host::start_on(&data, &[])?;
    Ok(())
}

/// A program that is not ours, in the middle of reading the database.
struct Reader(Child);

impl Reader {
    fn hold(data: &Path) -> Result<Self> {
        let script = "import sqlite3, sys\n\
            database = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
            database.execute('BEGIN')\n\
            database.execute('SELECT * FROM sqlite_master').fetchall()\n\
            print('reading', flush=True)\n\
            sys.stdin.read()";
        let mut child = Command::new("python3")
            .args(["-c", script])
            .arg(data.join("millstream.db"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("stdout")?).read_line(&mut line)?;
        ensure!(line.trim() == "reading", "the reader said {line:?}");
        Ok(Self(child))
    }

    fn release(mut self) -> Result<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

#[test]
fn a_missing_directory_is_made_and_an_unusable_one_is_named() -> Result<()> {
    let home = host::folder()?;
    let deep = home.path().join("a/b");
    fs::create_dir(home.path().join("a"))?;
    let host = Host::start_on(&deep, &[])?;
    ensure!(host.stop()?.success(), "the host did not end well");
    let file = home.path().join("file");
    fs::write(&file, "not a directory")?;
    let (status, said) = host::refused(&file, &[])?;
    ensure!(
        !status.success() && said.contains("file"),
        "unclear: {said}"
    );
    Ok(())
}

/// Asks the database something, with a program that is not ours.
fn pragma(data: &Path, statement: &str) -> Result<String> {
    let script = "import sqlite3, sys\n\
        database = sqlite3.connect(sys.argv[1])\n\
        print(*(row[0] for row in database.execute(sys.argv[2])))\n\
        database.commit()";
    let output = Command::new("python3")
        .args(["-c", script])
        .arg(data.join("millstream.db"))
        .arg(statement)
        .current_dir(build::root())
        .output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
