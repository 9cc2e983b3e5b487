"""Values of the domain as bytes, and back: dataclasses of texts, numbers, instants, enumerations, tuples, sets and mappings."""
from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import orjson

T = TypeVar("T")
Reader = Callable[[Any], Any]


def packed(value: object) -> bytes:
    """A value as compressed bytes."""
    return zlib.compress(orjson.dumps(value, default=sorted, option=orjson.OPT_NON_STR_KEYS))


def unpacked(kind: type[T], content: bytes) -> T:
    """The value of this kind that was packed."""
    wanted: Any = kind
    value: T = _reader(wanted)(orjson.loads(zlib.decompress(content)))
    return value


@cache
def _reader(kind: Any) -> Reader:
    """What makes a value of this kind from JSON; a kind is looked at once, and thousands of its values are read."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        present = _reader(next(each for each in arguments if each is not NoneType))
        return lambda content: None if content is None else present(content)
    if origin is tuple and arguments[-1] is not Ellipsis:
        places = [*map(_reader, arguments)]
        return lambda content: tuple(read(each) for read, each in zip(places, content, strict=True))
    if origin in (tuple, frozenset):
        item = _reader(arguments[0])
        return lambda content: origin(map(item, content))
    if origin is not None and issubclass(origin, Mapping):
        key, value = int if arguments[0] is int else _unchanged, _reader(arguments[1])
        return lambda content: {key(name): value(each) for name, each in content.items()}
    if is_dataclass(kind):
        made: Any = kind
        hints = get_type_hints(made)
        members = [(field.name, _reader(hints[field.name])) for field in fields(made)]
        return lambda content: made(**{name: read(content[name]) for name, read in members})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    return datetime.fromisoformat if kind is datetime else _unchanged


def _unchanged(content: Any) -> Any:
    return content
