"""Instances of schemas, right and slightly wrong, for property tests."""
from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

# Text of every kind but lone surrogates, which the parser refuses before any schema is asked.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_TWO, _FOUR = st.integers(0, 99).map("{:02}".format), st.integers(0, 9999).map("{:04}".format)
DATES = st.builds("{}-{}-{}".format, _FOUR, _TWO, _TWO) | st.dates().map(str)
_LEAPS = st.sampled_from(["23:59:60", "15:59:60", "00:00:60.5"])
_TIME = st.builds("{}:{}:{}".format, _TWO, _TWO, _TWO) | st.times().map(str) | _LEAPS
_ZONE = st.sampled_from(["Z", "z", "", "+00:00", "-00:00", "+08:00", "-08:00", "+24:00", "+23:60", "+0800", "+8:00", " 08:00"])
DATE_TIMES = st.builds("{}{}{}{}".format, DATES, st.sampled_from(["T", "t", " ", ""]), _TIME, _ZONE)
_LABELS = st.from_regex(r"[A-Za-z0-9.-]{0,12}", fullmatch=True)
_NAMES = st.from_regex(r"[A-Za-z0-9.!'+\" ()-]{0,12}", fullmatch=True)
EMAILS = st.builds("{}@{}".format, _NAMES, _LABELS | st.just("[127.0.0.1]")) | st.emails()
_CHUNK = st.from_regex(r"[A-Za-z0-9/?#:@%.\[\]|\\ -]{0,8}", fullmatch=True)
_SCHEMES = st.sampled_from(["http", "https", "a+b", "1a", ""])
_ODD_URIS = st.sampled_from([
    "https://ci.example/api/v1/runs/1?x=%20#y", "http://[::1]:80/", "http://[v1.a]/", "http://[::1%25eth0]/", "urn:a:b",
    "http://a:b@c:99/", "http://ä/", "http://a:port/", "mailto:a@b", "http://a/%", "http://a/%zz", "//a/b", "/a", "a", "http:",
    "http://", "http://a b/", "http://a/\n"])
URIS = st.builds("{}:{}{}{}".format, _SCHEMES, st.sampled_from(["//", "/", ""]), _CHUNK, _CHUNK) | _ODD_URIS
FORMATS = {"date-time": DATE_TIMES, "date": DATES, "email": EMAILS, "uri": URIS}
_EDGES = st.sampled_from([2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, -2**63, 2**64, 10**30])
INTEGERS = st.integers() | st.integers(-3, 200) | _EDGES
SCALARS = st.none() | st.booleans() | INTEGERS | st.floats(allow_nan=False, allow_infinity=False) | TEXT
# The compiled engine leaves a property without a name out of an error's path: the verdict is the same, the place is not.
NAMES = TEXT.filter(bool)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=5)


def instances(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Mostly right instances of an OpenAPI 3.0 schema, references resolved."""
    right = _right(schema)
    return st.one_of(right, right, right, st.none()) if schema.get("nullable") else right


def mutated(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Instances of which some place may have been spoiled."""
    return st.builds(_spoiled, instances(schema), st.randoms(use_true_random=False), ANYTHING | st.sampled_from([math.pi, "\n", 1.0]))


def _right(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    for keyword in ("oneOf", "anyOf"):
        if keyword in schema:
            return st.one_of(*(instances(each) for each in schema[keyword]))
    if "allOf" in schema:
        return st.tuples(*(instances(each) for each in schema["allOf"])).map(_merged)
    makers = {
        "string": _text, "integer": _integer, "number": _number, "array": _array, "object": _object,
        "boolean": lambda _: st.booleans()}
    return makers[schema["type"]](schema) if "type" in schema else ANYTHING


def _merged(parts: tuple[Any, ...]) -> Any:
    merged: dict[str, Any] = {}
    for part in parts:
        if not isinstance(part, dict):
            return parts[-1]
        merged.update(part)
    return merged


def _text(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if "pattern" in schema:
        return st.from_regex(schema["pattern"])
    if schema.get("format") in FORMATS:
        return FORMATS[schema["format"]]
    limit = schema.get("maxLength", 20)
    # The edge of a length is where engines would differ: by code points, units or bytes.
    edges = st.sampled_from([limit, limit + 1]).map(lambda length: "\U0001f9ff" * length) if limit <= 300 else st.nothing()
    return TEXT | edges


def _integer(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    low, high = schema.get("minimum", 0), schema.get("maximum", 100)
    return st.integers(low, high) | st.sampled_from([low, high, low - 1, high + 1]) | INTEGERS


def _number(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    return st.floats(schema.get("minimum", 0), schema.get("maximum", 1)) | _integer(schema)


def _array(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    return st.lists(instances(schema["items"]), max_size=3)


def _object(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    properties = {name: instances(each) for name, each in schema.get("properties", {}).items()}
    required = set(schema.get("required", ()))
    known = st.fixed_dictionaries(
        {name: each for name, each in properties.items() if name in required},
        optional={name: each for name, each in properties.items() if name not in required})
    extra = schema.get("additionalProperties", True)
    if extra is False:
        return known
    others = st.dictionaries(NAMES, instances(extra) if isinstance(extra, dict) else ANYTHING, max_size=2)
    return st.builds(lambda one, other: {**other, **one}, known, others)


def _spoiled(instance: Any, random: Any, other: Any) -> Any:
    if not isinstance(instance, dict | list) or not instance or random.random() < 0.3:
        return other if random.random() < 0.5 else instance
    if isinstance(instance, dict):
        key = random.choice(list(instance))
        rest = {name: value for name, value in instance.items() if name != key}
        if random.random() < 0.2:
            return rest
        return {**rest, key + random.choice(["", "", "", "x"]): _spoiled(instance[key], random, other)}
    position = random.randrange(len(instance))
    return [*instance[:position], _spoiled(instance[position], random, other), *instance[position + 1:]]
