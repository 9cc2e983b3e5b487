"""Values of the domain as bytes, and back: dataclasses of texts, numbers, instants, enumerations, tuples, sets and mappings."""
from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import orjson

T = TypeVar("T")


def packed(value: object) -> bytes:
    """A value as compressed bytes."""
    return zlib.compress(orjson.dumps(value, default=sorted, option=orjson.OPT_NON_STR_KEYS))


def unpacked(kind: type[T], content: bytes) -> T:
    """The value of this kind that was packed."""
    value: T = _value(kind, orjson.loads(zlib.decompress(content)))
    return value


def _value(kind: Any, packed: Any) -> Any:
    if kind in (str, int, float, bool, Any):
        return packed
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return None if packed is None else _value(next(each for each in arguments if each is not NoneType), packed)
    if origin is tuple and arguments[-1] is not Ellipsis:
        return tuple(map(_value, arguments, packed))
    if origin in (tuple, frozenset):
        return origin(_value(arguments[0], each) for each in packed)
    if origin is not None and issubclass(origin, Mapping):
        return {_key(arguments[0], key): _value(arguments[1], each) for key, each in packed.items()}
    if is_dataclass(kind):
        made: Any = kind
        return made(**{name: _value(each, packed[name]) for name, each in _hints(made).items()})
    if issubclass(kind, Enum):
        return kind(packed)
    return datetime.fromisoformat(packed) if kind is datetime else packed


def _key(kind: Any, key: str) -> Any:
    return int(key) if kind is int else key


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}
