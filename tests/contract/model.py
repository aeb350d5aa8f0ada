"""Kinesis's own model, as botocore has it, and values at and beyond each of its bounds."""

import base64
import copy
import json
import re

import botocore.session

SERVICE = botocore.session.get_session().get_service_model("kinesis")
OPERATIONS = list(SERVICE.operation_names)

# What each pattern allows: how a value begins, how it goes on, and the longest that there is.
PATTERNS = {
    r"arn:aws.*:kinesis:.*:\d{12}:queue/\S+": ("arn:aws:kinesis:us-east-1:123456789012:queue/", "q", None),
    r"arn:aws.*:kinesis:.*:\d{12}:channel/\S+": ("arn:aws:kinesis:us-east-1:123456789012:channel/", "h", None),
    r"arn:aws.*:kinesis:.*:\d{12}:stream/\S+": ("arn:aws:kinesis:us-east-1:123456789012:stream/", "s", None),
    r"arn:aws.*:kinesis:.*:\d{12}:.*(stream|channel|queue)/\S+": (
        "arn:aws:kinesis:us-east-1:123456789012:stream/", "s", None,
    ),
    r"^(arn):aws.*:kinesis:.*:\d{12}:.*stream\/[a-zA-Z0-9_.-]+\/consumer\/[a-zA-Z0-9_.-]+:[0-9]+": (
        "arn:aws:kinesis:us-east-1:123456789012:stream/s/consumer/c:", "1", None,
    ),
    r"arn:aws[-a-z0-9]*:iam::\d{12}:role/[a-zA-Z_0-9+=,.@\-_/]+": ("arn:aws:iam::123456789012:role/", "r", None),
    r"arn:aws[-a-z0-9]*:glue:[-a-z0-9]+:\d{12}:schema/[-a-zA-Z0-9_$#.]+/[-a-zA-Z0-9_$#.]+": (
        "arn:aws:glue:us-east-1:123456789012:schema/r/", "s", None,
    ),
    r"arn:aws[-a-z0-9]*:s3:::[a-z0-9._-]{3,63}": ("arn:aws:s3:::buc", "k", 13 + 63),
    r"arn:aws[-a-z0-9]*:s3tables:[-a-z0-9]+:\d{12}:bucket/[a-z0-9_-]{3,63}": (
        "arn:aws:s3tables:us-east-1:123456789012:bucket/buc", "k", 47 + 63,
    ),
    r"[a-zA-Z0-9_.-]+": ("", "n", None),
    r"[a-z0-9]{20}-[a-z0-9]{3}": ("abcdefghij0123456789-abc", "d", 24),
    r"\d{12}": ("123456789012", "3", 12),
    r"[0-9A-Za-z!\-_'.*()\/]+": ("", "p", None),
    r"[0-9A-Za-z!\-_'.*()\/=:{}]+": ("", "t", None),
    r"[0-9a-z_]+": ("", "t", None),
    r"[a-zA-Z0-9\.\_]+": ("", "s", None),
    r"[\.\-_/#A-Za-z0-9]+": ("", "g", None),
    r"[^:*]*": ("", "l", None),
    r"^(0|([1-9]\d{0,38}))$": ("", "1", 39),
    r"^(0|([1-9]\d{0,128}))$": ("", "1", 129),
    r"^[a-z0-9]+$": ("", "r", None),
}  # fmt: skip

KINDS = {
    "string": "text",
    "integer": 7,
    "fraction": 1.5,
    "boolean": True,
    "list": [[]],
    "structure": {"member": {}},
}
# A container where a plain value belongs, or the reverse, cannot be read as anything.
ACCEPTABLE = {
    "string": {"string"},
    "blob": {"string"},
    "integer": {"integer", "fraction"},
    "long": {"integer", "fraction"},
    "boolean": {"boolean"},
    "timestamp": {"integer", "fraction"},
    "list": {"list"},
    "map": {"structure"},
    "structure": {"structure"},
}
# AWS reads some plain values of one kind as another; either is fine.
LENIENT = {("boolean", "string"), ("integer", "string"), ("long", "string"), ("timestamp", "string")}


def read(body):
    return json.loads(body)


def write(value):
    return json.dumps(value).encode()


def operation(name):
    return SERVICE.operation_model(name)


def input_of(name):
    return operation(name).input_shape


def errors_of(name):
    return {shape.name for shape in operation(name).error_shapes}


def text(shape, length):
    """A text of this length that the pattern allows, or the nearest to it."""
    prefix, filler, longest = PATTERNS.get(shape.metadata.get("pattern"), ("", "x", None))
    if longest:
        length = min(length, longest)
    least = max(len(prefix) + (1 if longest != len(prefix) else 0), 1 if prefix == "" and length else 0)
    return prefix + filler * (max(length, least) - len(prefix))


def least(shape):
    """A small value that the model allows."""
    kind = shape.type_name
    if kind == "structure":
        return {name: least(shape.members[name]) for name in shape.required_members}
    if kind == "list":
        return [least(shape.member)] * max(shape.metadata.get("min", 1), 1)
    if kind == "map":
        return entries(shape, max(shape.metadata.get("min", 1), 1))
    if kind == "string":
        named = shape.metadata.get("enum")
        return named[0] if named else text(shape, max(shape.metadata.get("min", 1), 1))
    if kind == "blob":
        return encoded(shape.metadata.get("min", 0))
    return {"boolean": False, "timestamp": 1_700_000_000}.get(kind, shape.metadata.get("min", 1))


def encoded(length):
    return base64.b64encode(b"x" * length).decode()


def entries(shape, count):
    """A map of this many distinct keys."""
    return {f"key-{n:04}": least(shape.value) for n in range(count)}


def places(shape, path=()):
    """Every member of an input, however deep, with the way to it."""
    for name, member in shape.members.items():
        yield from within(member, path + (name,))


def within(shape, path):
    yield path, shape
    if shape.type_name == "structure":
        yield from places(shape, path)
    elif shape.type_name == "list":
        yield from within(shape.member, path + (0,))


def put(shape, base, path, value):
    """The input with one member changed; what it needs around it comes into being."""
    changed = copy.deepcopy(base)
    at = changed
    for step, following in zip(path, path[1:]):
        shape = shape.member if isinstance(step, int) else shape.members[step]
        if not isinstance(step, int):
            # Nothing to change inside an empty list, or in what is not there.
            if not at.get(step):
                at[step] = least(shape)
        at = at[step]
    at[path[-1]] = value
    return changed


def without(shape, base, path):
    changed = put(shape, base, path, None)
    at = changed
    for step in path[:-1]:
        at = at[step]
    del at[path[-1]]
    return changed


def is_required(shape, path):
    """Whether a member must be there; an item of a list never has to."""
    for step in path[:-1]:
        shape = shape.member if isinstance(step, int) else shape.members[step]
    return not isinstance(path[-1], int) and path[-1] in shape.required_members


def spoken(path):
    """A member's name as AWS says it in a validation error."""
    words = []
    for step in path:
        words += [str(step + 1), "member"] if isinstance(step, int) else [step[0].lower() + step[1:]]
    return ".".join(words)


def at_bounds(shape):
    """Values that the model allows, at each bound it sets."""
    kind, bound = shape.type_name, shape.metadata
    low, high = bound.get("min"), bound.get("max")
    if bound.get("enum"):
        return list(bound["enum"])
    if kind == "string":
        longest = PATTERNS.get(bound.get("pattern"), (None, None, None))[2]
        lengths = {low, high, None if high else longest} - {None}
        return [text(shape, length) for length in sorted(lengths)]
    if kind == "blob":
        return [encoded(length) for length in (low, high) if length is not None]
    if kind == "list":
        return [[least(shape.member)] * count for count in (low, high) if count is not None]
    if kind == "map":
        return [entries(shape, count) for count in (low, high) if count is not None]
    if kind == "boolean":
        return [False, True]
    if kind == "timestamp":
        return [0, 1_700_000_000.123, 4_000_000_000]
    if kind in ("integer", "long"):
        return [value for value in (low, high) if value is not None]
    return []


def beyond_bounds(shape):
    """Values of the right type that the model does not allow."""
    kind, bound = shape.type_name, shape.metadata
    low, high = bound.get("min"), bound.get("max")
    found = []
    if bound.get("enum"):
        return ["", "NO_SUCH_WORD", bound["enum"][0].lower(), bound["enum"][0] + " "]
    if kind == "string":
        if low:
            found.append("")
        if high:
            prefix, filler, _ = PATTERNS.get(bound.get("pattern"), ("", "x", None))
            found.append(prefix + filler * (high + 1 - len(prefix)))
        if pattern := bound.get("pattern"):
            odd = [" ", "a b", "a\nb", "\u00fc", "nul\x00", "-1", "01", "1.5", "9" * 40, "9" * 130, "a:*"]
            odd += nearly(text(shape, low or 1))
            found += [word for word in odd if not re.fullmatch(pattern.strip("^$"), word)]
    elif kind == "blob":
        found += [encoded(high + 1)] if high else []
    elif kind == "list":
        found += [[least(shape.member)] * count for count in outside(low, high)]
    elif kind == "map":
        found += [entries(shape, count) for count in outside(low, high)]
        found += [{key: least(shape.value)} for key in beyond_bounds(shape.key)]
        found += [{least(shape.key): value} for value in beyond_bounds(shape.value)]
    elif kind in ("integer", "long"):
        found += [low - 1] if low is not None else []
        found += [high + 1] if high is not None else []
    return found


def nearly(word):
    """What differs in one place from what a pattern allows."""
    yield from (word[1:], word + " ", " " + word, word.upper(), word + "\n", word.replace(":", "::"))
    yield from (word.replace("arn:aws", "arn:gcp"), word.replace("123456789012", "12345678901"))
    yield word.rpartition("/")[0]


def outside(low, high):
    return ([low - 1] if low else []) + ([high + 1] if high is not None else [])


def wrong_types(shape):
    """Values of another JSON type; with each, whether it must be refused."""
    kind = shape.type_name
    for name, value in KINDS.items():
        if name not in ACCEPTABLE[kind]:
            yield value, (kind, name) not in LENIENT
    if kind == "map":
        yield from (({"key": value}, certain) for value, certain in wrong_types(shape.value))


def complaints(shape, value, path="answer"):
    """What is wrong with an answer, as the model has it."""
    kind, bound = shape.type_name, shape.metadata
    if value is None:
        yield f"{path} is null"
    elif kind == "structure":
        yield from of_structure(shape, value, path)
    elif kind == "list":
        if not isinstance(value, list):
            yield f"{path} is no list: {value!r:.80}"
            return
        for n, item in enumerate(value):
            yield from complaints(shape.member, item, f"{path}[{n}]")
    elif kind == "map":
        for key, item in value.items():
            yield from complaints(shape.key, key, f"{path} key")
            yield from complaints(shape.value, item, f"{path}[{key}]")
    elif kind in ("string", "blob"):
        if not isinstance(value, str):
            yield f"{path} is no text: {value!r:.80}"
        elif kind == "blob":
            base64.b64decode(value, validate=True)
        else:
            yield from of_text(bound, value, path)
    elif kind == "boolean":
        if not isinstance(value, bool):
            yield f"{path} is no boolean: {value!r:.80}"
    elif isinstance(value, bool) or not isinstance(value, (int, float)):
        yield f"{path} is no number: {value!r:.80}"
    elif kind != "timestamp":
        if not isinstance(value, int):
            yield f"{path} is no whole number: {value!r}"
        elif not 0 <= value <= bound.get("max", value):
            # Amazon counts from nought what its model counts from one, as FailedRecordCount.
            yield f"{path} is out of range: {value}"


def of_structure(shape, value, path):
    if not isinstance(value, dict):
        yield f"{path} is no structure: {value!r:.80}"
        return
    for name in shape.required_members:
        if name not in value:
            yield f"{path} lacks {name}"
    for name, item in value.items():
        if name not in shape.members:
            yield f"{path} has an unknown member {name}"
        else:
            yield from complaints(shape.members[name], item, f"{path}.{name}")


def of_text(bound, value, path):
    if bound.get("enum") and value not in bound["enum"]:
        yield f"{path} is none of its words: {value!r}"
    if not bound.get("min", 0) <= len(value) <= bound.get("max", len(value)):
        yield f"{path} has a length of {len(value)}"
    if bound.get("pattern") and not re.fullmatch(bound["pattern"], value):
        yield f"{path} does not match its pattern: {value!r:.80}"
