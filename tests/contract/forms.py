"""A body's two forms: what JSON says, said in CBOR, and back. Which values differ says the model."""

import base64
import datetime

import cbor


def to_cbor(shape, value):
    """The body that says in CBOR what `value` says in JSON."""
    return cbor.dumps(each(shape, value, outward))


def of_cbor(shape, body):
    """What JSON would say; a blob or a moment in another shape than CBOR's is not let pass."""
    return each(shape, cbor.loads(body), inward)


def each(shape, value, leaf):
    """The value with each blob and each moment passed through `leaf`."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        known = shape.members
        return {
            name: each(known[name], item, leaf) if name in known else item
            for name, item in value.items()
        }
    if kind == "list" and isinstance(value, list):
        return [each(shape.member, item, leaf) for item in value]
    return leaf(kind, value)


def outward(kind, value):
    if kind == "blob" and isinstance(value, str):
        return base64.b64decode(value)
    if kind == "timestamp" and isinstance(value, (int, float)):
        return cbor.EPOCH + datetime.timedelta(milliseconds=round(value * 1000))
    return value


def inward(kind, value):
    if kind == "blob":
        assert isinstance(value, bytes), value
        return base64.b64encode(value).decode()
    assert not isinstance(value, bytes), value
    if kind == "timestamp":
        assert isinstance(value, datetime.datetime), value
        return (value - cbor.EPOCH) // datetime.timedelta(milliseconds=1) / 1000
    assert not isinstance(value, datetime.datetime), value
    return value
