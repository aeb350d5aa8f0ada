"""CBOR as Amazon's Java SDK writes and reads it, for a client of the tests: structures and lists without a
length, blobs as byte strings, moments as tag 1 with whole milliseconds."""

import datetime
import struct

BREAK = object()
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def dumps(value):
    if value is None:
        return b"\xf6"
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, datetime.datetime):
        return b"\xc1" + dumps((value - EPOCH) // datetime.timedelta(milliseconds=1))
    if isinstance(value, dict):
        return b"\xbf" + b"".join(dumps(k) + dumps(v) for k, v in value.items()) + b"\xff"
    return b"\x9f" + b"".join(map(dumps, value)) + b"\xff"


def head(major, n):
    for size, (limit, form) in enumerate([(24, ""), (1 << 8, ">B"), (1 << 16, ">H"), (1 << 32, ">I")]):
        if n < limit:
            low = 23 + size if form else n
            return bytes([major << 5 | low]) + (struct.pack(form, n) if form else b"")
    return bytes([major << 5 | 27]) + struct.pack(">Q", n)


def loads(body):
    value, rest = read(body)
    assert not rest, rest
    return value


def read(body):
    major, low, rest = body[0] >> 5, body[0] & 31, body[1:]
    if major == 7:
        if low == 27:
            return struct.unpack(">d", rest[:8])[0], rest[8:]
        return {20: False, 21: True, 22: None, 31: BREAK}[low], rest
    n, rest = length(low, rest)
    if major in (2, 3):
        text = rest[:n]
        assert len(text) == n
        return text if major == 2 else text.decode(), rest[n:]
    if major < 2:
        return n if major == 0 else -1 - n, rest
    if major == 6:
        ms, rest = read(rest)
        assert n == 1 and isinstance(ms, int), (n, ms)
        return EPOCH + datetime.timedelta(milliseconds=ms), rest
    items = []
    while n is None or len(items) < n * (major - 3):
        item, rest = read(rest)
        if item is BREAK:
            break
        items.append(item)
    return (dict(zip(items[::2], items[1::2])) if major == 5 else items), rest


def length(low, rest):
    if low < 24:
        return low, rest
    if low == 31:
        return None, rest
    size = 1 << low - 24
    return int.from_bytes(rest[:size], "big"), rest[size:]
