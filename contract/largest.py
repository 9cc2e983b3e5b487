"""The largest values that a document allows: each text as long, each list and each number as large as they may be."""
from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from contract.documents import Document, Operation

# What a text is of where nothing says otherwise: a letter of two bytes in UTF-8, six in a URL.
LETTER = "é"
# For what has no bound of its own; the documents' tests find that.
UNBOUNDED = 1_000
_CLASS = re.compile(r"(\[(?:\\.|[^\]])+\]|\\.|[^\\])([*+]|\{\d+(?:,\d*)?\})?")
_INSTANT, _ADDRESS = "9999-12-31T23:59:59.999999+00:00", "https://hooks.example.test/"


def largest(document: Document, schema: Mapping[str, Any], number: int = 0) -> Any:
    """The largest value of a schema; those of other numbers are as large and differ, for lists that have each thing once."""
    resolved = _merged(document, schema)
    if "enum" in resolved:
        words = sorted(resolved["enum"], key=lambda word: -len(str(word)))
        return words[number % len(words)]
    for key in ("oneOf", "anyOf"):
        if key in resolved:
            return max((largest(document, each, number) for each in resolved[key]), key=lambda value: len(json.dumps(value)))
    return _of_type(document, resolved, number)


def parameters_of(operation: Operation, place: str) -> dict[str, Any]:
    """The operation's parameters in `query` or `header`, each at its largest, in the order of the document."""
    return {
        each["name"]: largest(operation.document, each["schema"]) for each in operation.parameters if each["in"] == place}


def body_of(operation: Operation, kind: str) -> Any:
    """The largest body of that media type."""
    content = (operation.body or {})["content"]
    return largest(operation.document, content[kind]["schema"])


def _merged(document: Document, schema: Mapping[str, Any]) -> dict[str, Any]:
    resolved = dict(document.resolve(schema))
    for part in resolved.pop("allOf", ()):
        inner = _merged(document, part)
        properties = {**inner.get("properties", {}), **resolved.get("properties", {})}
        resolved = {**inner, **resolved, **({"properties": properties} if properties else {})}
    return resolved


def _of_type(document: Document, schema: Mapping[str, Any], number: int) -> Any:
    match schema.get("type", "object"):
        case "string":
            return _text(schema, number)
        case "integer" | "number":
            return schema.get("maximum", 2**53) - number
        case "boolean":
            return True
        case "array":
            return [largest(document, schema["items"], each) for each in range(_items(document, schema))]
        case _:
            members = [(name, largest(document, child)) for name, child in schema.get("properties", {}).items()]
            members.sort(key=lambda member: -len(json.dumps(member[1])))
            return dict(members[:schema.get("maxProperties")])


def _items(document: Document, schema: Mapping[str, Any]) -> int:
    most = int(schema.get("maxItems", UNBOUNDED))
    words = _merged(document, schema["items"]).get("enum")
    return min(most, len(words)) if words and schema.get("uniqueItems") else most


def _text(schema: Mapping[str, Any], number: int) -> str:
    most = int(schema.get("maxLength", UNBOUNDED))
    match schema.get("format"):
        case "date-time":
            return _INSTANT[:most]
        case "email":
            return f"{'a' * 64}@{'b' * 60}.{'c' * 60}.example"[:most]
        case "uri":
            return _ADDRESS + "a" * (most - len(_ADDRESS))
    text = _matching(schema["pattern"], most) if "pattern" in schema else LETTER * most
    mark = str(number) if number else ""
    return mark + text[len(mark):]


def _matching(pattern: str, most: int) -> str:
    """The longest text of a sequence of classes, which may be optional, or of several that a pattern leaves the choice of."""
    body = pattern.removeprefix("^").removesuffix("$")
    group = body.removesuffix("?")
    choices = group[1:-1].split("|") if group.startswith("(") and group.endswith(")") else [body]
    text = max((_sequence(choice, most) for choice in choices), key=len)
    if not re.fullmatch(pattern, text):
        raise ValueError(f"{pattern} is beyond this reader of patterns")
    return text


def _sequence(body: str, most: int) -> str:
    """The longest text of a sequence of classes; where several repeat without end, the first does and the others stand once."""
    parts = _CLASS.findall(body)
    texts = [(_letter(each), *_repeated(times)) for each, times in parts]
    free = most - sum(least for _, least, _ in texts)
    found = []
    for letter, least, greatest in texts:
        times = least + (free if greatest is None else min(free, greatest - least))
        free -= times - least
        found.append(letter * times)
    return "".join(found)


def _letter(written: str) -> str:
    if written.startswith("["):
        return next(letter for letter in "aA9~.-" if re.fullmatch(written, letter))
    return written[-1]


def _repeated(times: str) -> tuple[int, int | None]:
    if times in ("", "+", "*"):
        return (0 if times == "*" else 1), (1 if times == "" else None)
    least, comma, greatest = times.strip("{}").partition(",")
    return int(least), (int(greatest) if greatest else None if comma else int(least))
