"""Every operation of the model once through the `aws` command: it sends it, and can read the answer.

The command is the one that is installed, run within the test's process: starting it anew takes longer
than all that it does.
"""

import json
import os
import re
from unittest import mock

import pytest
from awscli.clidriver import create_clidriver
from botocore import xform_name

import model

# The command leaves out what answers with an event stream.
OPERATIONS = [name for name in model.OPERATIONS if name != "SubscribeToShard"]
SETTINGS = {
    "AWS_ACCESS_KEY_ID": "any",
    "AWS_SECRET_ACCESS_KEY": "any",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_PAGER": "",
}


@pytest.fixture
def aws(endpoint, capsys):
    """Runs `aws kinesis ...`; its exit code, and what it printed and complained of."""

    def aws(operation, request):
        command = ["kinesis", xform_name(operation, "-"), "--cli-input-json", json.dumps(request)]
        capsys.readouterr()
        with mock.patch.dict(os.environ, SETTINGS):
            code = create_clidriver().main(["--endpoint-url", endpoint, *command])
        return code, *capsys.readouterr()

    return aws


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_command_line_performs_the_operation(name, aws, world):
    code, printed, complaints = aws(name, world.fresh(name))
    assert (code, complaints) == (0, "")
    shape = model.operation(name).output_shape
    if shape is None:
        assert printed.strip() == ""
        return
    answer = json.loads(printed)
    # Pages are joined to one, which does not say whether there are more.
    required = {member for member in shape.required_members if not member.startswith("HasMore")}
    assert required <= set(answer), answer


NAMED = ("StreamName", "StreamARN", "ResourceARN", "ConsumerARN", "QueueARN", "ChannelARN")


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_command_line_tells_what_is_refused(name, aws, world):
    request = world.kept(name)
    for member in set(NAMED) & (set(request) - created(name)):
        code, printed, complaints = aws(name, request | {member: f"{request[member]}-not"})
        assert (code, printed) == (255, "")
        told = rf"An error occurred \(\w+\) when calling the {name} operation: "
        assert re.search(told, complaints), complaints


def created(name):
    """What may have any name: it is only made."""
    return {"StreamName"} if name == "CreateStream" else set()
