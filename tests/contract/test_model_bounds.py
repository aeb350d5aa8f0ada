"""The host against botocore's model: every member is missed, and sent at and beyond every bound.

What is refused is refused in the model's own errors, and never with a failure of the host.
"""

import re

import pytest

import forms
import model
from findings import Findings, names
from wire import CBOR

MEMBERS = [name for name in model.OPERATIONS if model.input_of(name).members]
# What JSON can say of a number and no integer of a language can hold.
HUGE = [b"1e400", b"-1e400", b"9" * 40, b"-" + b"9" * 40, b"9223372036854775808", b"1e300", b"0.5e-400"]


@pytest.fixture
def findings(wire):
    yield lambda name: Findings(name, wire)


def test_each_pattern_has_a_sample():
    for name in model.OPERATIONS:
        for path, shape in model.places(model.input_of(name)):
            if pattern := shape.metadata.get("pattern"):
                for value in model.at_bounds(shape):
                    assert re.fullmatch(pattern, value), (name, path, pattern, value)


@pytest.mark.parametrize("name", MEMBERS)
def test_each_required_member_is_missed(name, findings, world):
    shape, base, telling = model.input_of(name), world.kept(name), findings(name)
    for path, _ in model.places(shape):
        if not model.is_required(shape, path):
            continue
        said = model.spoken(path)
        telling.refusal(model.without(shape, base, path), path, f"without {said}")
        telling.refusal(model.put(shape, base, path, None), path, f"null {said}")
    telling.judge()


@pytest.mark.parametrize("name", MEMBERS)
def test_null_is_as_good_as_nothing_where_nothing_is_required(name, findings, world):
    shape, base, telling = model.input_of(name), world.kept(name), findings(name)
    for path, _ in model.places(shape):
        if model.is_required(shape, path):
            continue
        what = f"null {model.spoken(path)}"
        answer = telling.ask(model.put(shape, base, path, None), what)
        telling.expect(answer.code != "SerializationException", f"{what} has no type", answer)
        held = isinstance(path[-1], int) or not (answer.status == 400 and names(answer, path))
        telling.expect(held, f"{what} is refused", answer)
    telling.judge()


@pytest.mark.parametrize("name", MEMBERS)
def test_what_lies_at_a_bound_is_within_it(name, findings, world):
    shape, base, telling = model.input_of(name), world.kept(name), findings(name)
    for path, member in model.places(shape):
        for value in model.at_bounds(member):
            what = f"{model.spoken(path)} = {value!r:.60}"
            answer = telling.ask(model.put(shape, base, path, value), what)
            if answer.status == 400:
                within = names(answer, path) and "failed to satisfy" in answer.message
                telling.expect(not within, f"{what} is refused", answer)
    telling.judge()


@pytest.mark.parametrize("name", MEMBERS)
def test_what_lies_beyond_a_bound_is_refused(name, findings, world):
    shape, base, telling = model.input_of(name), world.kept(name), findings(name)
    for path, member in model.places(shape):
        for value in model.beyond_bounds(member):
            what = f"{model.spoken(path)} = {value!r:.60}"
            telling.refusal(model.put(shape, base, path, value), path, what)
    telling.judge()


@pytest.mark.parametrize("name", MEMBERS)
def test_a_value_of_another_type_is_refused(name, findings, world):
    shape, base, telling = model.input_of(name), world.kept(name), findings(name)
    for path, member in model.places(shape):
        for value, certain in model.wrong_types(member):
            what = f"{model.spoken(path)} = {value!r:.60}"
            answer = telling.ask(model.put(shape, base, path, value), what)
            if certain:
                told = answer.status == 400 and answer.code == "SerializationException"
                telling.expect(told, f"{what} is not told", answer)
    telling.judge()


@pytest.mark.parametrize("name", MEMBERS)
def test_a_number_of_any_size_is_answered(name, findings, world):
    shape, base, telling = model.input_of(name), world.kept(name), findings(name)
    for path, member in model.places(shape):
        if member.type_name not in ("integer", "long", "timestamp"):
            continue
        body = model.write(model.put(shape, base, path, "NUMBER"))
        for number in HUGE:
            telling.ask(body.replace(b'"NUMBER"', number), f"{model.spoken(path)} = {number}")
    telling.judge()


@pytest.mark.parametrize("name", MEMBERS)
def test_refusals_are_the_same_in_cbor(name, findings, world):
    shape, base, telling = model.input_of(name), world.kept(name), findings(name)
    bodies = [{}]
    bodies += [model.put(shape, base, path, {"a": 1}) for path, _ in model.places(shape)]
    for body in bodies:
        what = f"{body!r:.200}"
        told = telling.ask(body, what)
        if told.status == 400:
            again = telling.ask(forms.to_cbor(shape, body), what, CBOR)
            same = again.status == 400 and (told.code, told.message) == (again.code, again.message)
            telling.expect(same, f"{what} is {told} in JSON", again)
    telling.judge()


@pytest.mark.parametrize("name", model.OPERATIONS)
def test_a_body_that_is_no_structure_is_refused(name, findings):
    telling = findings(name)
    for body in (b"", b"[]", b"null", b"1", b'"a"', b"{", b'{"a":1', b"{}{}", b"\xff", b"[" * 10_000):
        answer = telling.ask(body, f"{body!r:.40}")
        telling.expect(answer.status == 400, f"{body!r:.40} is taken", answer)
    telling.judge()
