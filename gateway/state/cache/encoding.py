"""Answers as bytes, for stores outside this process: versioned, checked, compressed where that pays."""

import hashlib
import zlib

import msgspec

from gateway.state.cache.contract import Entry

_VERSION = b"I1"
"""Another one in its place: the entry is another version's, and as good as none."""
_PLAIN, _COMPRESSED = b"p", b"z"
_CHECK_BYTES = 16
_HEAD = len(_VERSION) + 1 + _CHECK_BYTES
_COMPRESS_FROM = 1_024
"""Bytes: below it the round trip costs more than the bytes."""
_PAYS = 0.8
_LEVEL = 1

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Entry).decode


def encode(key: bytes, entry: Entry) -> bytes:
    """An entry as it is stored under a key."""
    payload, form = _encode(entry), _PLAIN
    if len(payload) >= _COMPRESS_FROM:
        packed = zlib.compress(payload, _LEVEL)
        if len(packed) < len(payload) * _PAYS:
            payload, form = packed, _COMPRESSED
    return b"".join((_VERSION, form, _check(key, form, payload), payload))


def decode(key: bytes, stored: bytes, most: int) -> Entry | None:
    """What was stored under a key; None where that is not exactly what `encode` made of it, or over `most` bytes."""
    if stored[: len(_VERSION)] != _VERSION or len(stored) < _HEAD:
        return None
    form, check = stored[len(_VERSION) : len(_VERSION) + 1], stored[len(_VERSION) + 1 : _HEAD]
    payload = stored[_HEAD:]
    if check != _check(key, form, payload):
        return None
    try:
        if form == _COMPRESSED:
            unpacker = zlib.decompressobj()
            payload = unpacker.decompress(payload, most)
            if not unpacker.eof:
                return None
        return _decode(payload)
    except (zlib.error, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _check(key: bytes, form: bytes, payload: bytes) -> bytes:
    """A digest over key and value: an entry that was damaged, or stands under another key, does not have it."""
    return hashlib.blake2b(payload, digest_size=_CHECK_BYTES, key=key[:64], person=form).digest()
