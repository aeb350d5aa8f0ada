"""Terraform with its provider for AWS, unmodified: made, unchanged, changed, and gone.

Skipped where there is no terraform, or no provider on the disk: nothing is fetched.
"""

import glob
import json
import os
import pathlib
import shutil
import subprocess
import zipfile

import pytest

HERE = pathlib.Path(__file__).parent
FIXTURE = HERE.parents[1] / "target/wasm32-wasip2/guest/guest_fixture.wasm"
PROVIDER = "registry.terraform.io/hashicorp/aws"
# Where Terraform looks by itself, and where packages of its plugins are unpacked.
PLACES = [
    os.path.expanduser("~/.terraform.d/plugins"),
    "/usr/local/share/terraform/plugins",
    "/usr/share/terraform/plugins",
    *glob.glob("/opt/*"),
]


@pytest.fixture
def terraform(endpoint, tmp_path):
    """Runs terraform on the configuration beside this file; its exit code and what it printed."""
    mirror = next((p for p in PLACES if os.path.isdir(os.path.join(p, PROVIDER))), None)
    if shutil.which("terraform") is None or mirror is None:
        pytest.skip("there is no terraform with a provider for AWS")
    shutil.copy(HERE / "terraform/main.tf", tmp_path)
    config = tmp_path / "terraform.rc"
    mirrored = f"filesystem_mirror {{ path = {json.dumps(mirror)} }}"
    config.write_text(f"provider_installation {{\n  {mirrored}\n}}\n")
    archive = tmp_path / "function.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        made.write(FIXTURE, "function.wasm")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "TF_"))}
    environment = clean | {
        "CHECKPOINT_DISABLE": "1",
        "TF_CLI_CONFIG_FILE": str(config),
        "TF_VAR_archive": str(archive),
        "TF_VAR_endpoint": endpoint,
        "TF_IN_AUTOMATION": "1",
    }

    def terraform(*words):
        done = subprocess.run(
            ["terraform", *words, "-no-color", "-input=false"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        return done.returncode, done.stdout + done.stderr

    code, told = terraform("init")
    assert code == 0, told
    return terraform


def test_terraform_finds_what_it_made_and_takes_it_away(terraform, kinesis):
    code, told = terraform("apply", "-auto-approve")
    assert code == 0 and "6 added" in told, told
    try:
        # An exit code of 2 would be a difference.
        code, told = terraform("plan", "-detailed-exitcode")
        assert code == 0, told
        summary = kinesis.describe_stream_summary(StreamName="tf-in")["StreamDescriptionSummary"]
        assert (summary["OpenShardCount"], summary["RetentionPeriodHours"]) == (2, 48)
        kinesis.put_record(StreamName="tf-in", PartitionKey="k", Data=b'{"a": 1}')
        code, told = terraform("apply", "-auto-approve", "-var", "batch_size=60")
        assert code == 0 and "1 changed" in told, told
        code, told = terraform("plan", "-detailed-exitcode", "-var", "batch_size=60")
        assert code == 0, told
    finally:
        code, told = terraform("destroy", "-auto-approve")
    assert code == 0 and "6 destroyed" in told, told
    assert not {"tf-in", "tf-dead"} & set(kinesis.list_streams()["StreamNames"])
