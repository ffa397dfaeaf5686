"""Values as bytes and back: the dataclasses of `core.types`, arrays, tuples, lists, dictionaries with text keys, plain values.

    8 bytes      length of the head
    head         JSON: the value with a reference in place of each array, and for each array dtype, shape and packed length
    arrays       one after another, row-major, zlib's fastest level: masks and plain backgrounds shrink to a tenth

The same value packs to the same bytes. Nothing in them can name code to run, as a pickle can.
"""

import dataclasses
import json
import zlib
from typing import Any, Protocol

import numpy as np

from . import types

LEVEL = 1
LENGTH_BYTES = 8

KNOWN: dict[str, Any] = {name: one for name, one in vars(types).items() if dataclasses.is_dataclass(one)}
"""The dataclasses that can be unpacked."""


class Hash(Protocol):
    """What takes bytes in, as the hashes of `hashlib` do."""

    def update(self, data: Any, /) -> None:
        """Take in more bytes."""


def pack(value: Any) -> bytes:
    """The bytes of a value. Raises TypeError for a kind of value that is not known here."""
    arrays: list[np.ndarray[Any, Any]] = []
    tree = _tree(value, arrays)
    blocks = [zlib.compress(np.ascontiguousarray(one).data, LEVEL) if one.size else b"" for one in arrays]
    described = [[one.dtype.str, list(one.shape), len(block)] for one, block in zip(arrays, blocks, strict=True)]
    head = json.dumps([tree, described]).encode()
    return b"".join([len(head).to_bytes(LENGTH_BYTES, "big"), head, *blocks])


def unpack(data: bytes) -> Any:
    """The value that was packed; its arrays are new and row-major. For bytes that are known to be undamaged."""
    begin = LENGTH_BYTES + int.from_bytes(data[:LENGTH_BYTES], "big")
    tree, described = json.loads(data[LENGTH_BYTES:begin])
    arrays = []
    for dtype, shape, length in described:
        array = np.empty(shape, dtype)
        if length:
            array.reshape(-1).view(np.uint8)[:] = np.frombuffer(zlib.decompress(memoryview(data)[begin : begin + length]), np.uint8)
        arrays.append(array)
        begin += length
    return _value(tree, arrays)


def update_hash(found: Hash, value: Any) -> None:
    """Feed a value into a hash. Beyond what can be packed, any dataclass of such values is taken."""
    arrays: list[np.ndarray[Any, Any]] = []
    found.update(json.dumps(_tree(value, arrays, any_dataclass=True)).encode())
    for one in arrays:
        found.update(f"{one.dtype.str} {one.shape}".encode())
        if one.size:
            found.update(np.ascontiguousarray(one).data)


def _tree(value: Any, arrays: list[np.ndarray[Any, Any]], any_dataclass: bool = False) -> Any:
    """The value as JSON; what JSON does not know becomes {kind: content}. Arrays go to the end of `arrays`."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if type(value) in (tuple, list):
        return {type(value).__name__: [_tree(one, arrays, any_dataclass) for one in value]}
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return {"dict": {name: _tree(one, arrays, any_dataclass) for name, one in value.items()}}
    if dataclasses.is_dataclass(value) and (any_dataclass or KNOWN.get(type(value).__name__) is type(value)):
        fields = {one.name: _tree(getattr(value, one.name), arrays, any_dataclass) for one in dataclasses.fields(value)}
        return {type(value).__name__: fields}
    raise TypeError(f"A value of type {type(value).__name__} cannot be packed.")


def _value(tree: Any, arrays: list[np.ndarray[Any, Any]]) -> Any:
    if not isinstance(tree, dict):
        return tree
    ((kind, content),) = tree.items()
    if kind == "array":
        return arrays[content]
    if kind == "dict":
        return {name: _value(one, arrays) for name, one in content.items()}
    if kind in {"tuple", "list"}:
        made = [_value(one, arrays) for one in content]
        return tuple(made) if kind == "tuple" else made
    return KNOWN[kind](**{name: _value(one, arrays) for name, one in content.items()})
