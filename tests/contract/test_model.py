"""The host against botocore's model: every operation answers, and its answer is what the model promises.

What is asked is generated, so that operations and members of a newer model are asked by themselves.
"""

import pathlib
import re
import time

import pytest
from botocore import parsers
from botocore.eventstream import EventStreamBuffer

import forms
import model
from recipes import RECIPES
from wire import CBOR, EVENTS, JSON

# A list or a description, which says the same when it is asked for twice.
READS = [name for name in model.OPERATIONS if name.startswith(("Describe", "List"))]


def test_every_operation_of_the_model_has_a_recipe():
    assert set(RECIPES) == set(model.OPERATIONS)


@pytest.mark.parametrize("path", ["README.md", "host/docs/KINESIS.md"])
def test_every_operation_has_a_row_that_says_what_differs(path):
    text = (pathlib.Path(__file__).parents[2] / path).read_text()
    first = [line.split("|")[1] for line in text.splitlines() if line.startswith("|")]
    named = {word for cell in first for word in re.findall(r"\w+", cell)}
    assert set(model.OPERATIONS) - named == set()


@pytest.mark.parametrize("name", model.OPERATIONS)
def test_the_host_knows_the_operation(name, wire):
    assert wire.call(name, {}).code != "UnknownOperationException"


@pytest.mark.parametrize("name", model.OPERATIONS)
def test_a_success_is_what_the_model_promises(name, wire, world):
    # A member that the host does not know is a newer client's, and passed over.
    body = world.fresh(name) | {"Unheard": {"Of": [1]}}
    if name == "SubscribeToShard":
        return subscribes(wire, body, JSON)
    answer = wire.call(name, body)
    assert answer.status == 200, answer
    shape = model.operation(name).output_shape
    if shape is None:
        assert answer.body == b"", answer
        return
    parse(answer, shape)
    assert list(model.complaints(shape, model.read(answer.body))) == []


@pytest.mark.parametrize("name", model.OPERATIONS)
def test_a_success_is_the_same_in_cbor(name, wire, world):
    body, shape = world.fresh(name), model.operation(name).output_shape
    said = forms.to_cbor(model.input_of(name), body | {"Unheard": {"Of": [1]}})
    if name == "SubscribeToShard":
        return subscribes(wire, said, CBOR)
    answer = wire.call(name, said, CBOR)
    assert answer.status == 200, answer
    if shape is None:
        assert answer.body == b"", answer
        return
    assert list(model.complaints(shape, forms.of_cbor(shape, answer.body))) == []
    deadline = time.monotonic() + 10
    while name in READS:
        told = model.read(wire.call(name, body).body)
        if told == (again := forms.of_cbor(shape, wire.call(name, said, CBOR).body)):
            break
        # Something that an earlier test had deleted may have gone in between.
        assert time.monotonic() < deadline, (told, again)


def parse(answer, shape):
    """What botocore makes of it."""
    response = {"body": answer.body, "headers": answer.headers, "status_code": answer.status}
    return parsers.create_parser("json").parse(response, shape)


def subscribes(wire, body, form):
    """The first two messages of a subscription: its beginning, and an event."""
    response = wire.send("SubscribeToShard", body, form)
    assert response.status == 200, response.read()
    assert response.headers["Content-Type"] == EVENTS
    buffer, messages = EventStreamBuffer(), []
    while len(messages) < 2:
        buffer.add_data(response.read1())
        messages += list(buffer)
    wire.connection.close()
    begun, event = messages[:2]
    assert begun.headers[":event-type"] == "initial-response"
    assert event.headers[":event-type"] == "SubscribeToShardEvent"
    shape = model.operation("SubscribeToShard").output_shape.members["EventStream"]
    shape = shape.members["SubscribeToShardEvent"]
    said = forms.of_cbor(shape, event.payload) if form == CBOR else model.read(event.payload)
    assert list(model.complaints(shape, said)) == []
    assert len(said["Records"]) == 1
