"""The shape of a JUnit report by the schema for Ant's reports, the strictest in use: elements, their order, attributes, types."""
from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

TOKEN = re.compile(r"(?! )(?!.*  )(?!.* \Z)[^\t\r\n]*\Z")
NAMED = re.compile(r"(?! )(?!.*  )(?!.* \Z)[^\t\r\n]+\Z")
NUMBER = re.compile(r"[0-9]{1,9}\Z")
DECIMAL = re.compile(r"[0-9]+(\.[0-9]+)?\Z")
ANYTHING = re.compile(r"[\s\S]*\Z")
INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\Z")


@dataclass(frozen=True)
class Shape:
    """What an element may hold: children as a regular expression over their names, each followed by a space."""

    children: str = ""
    required: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    optional: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    text: bool = False


PROBLEM = Shape(required={"type": ANYTHING}, optional={"message": ANYTHING}, text=True)
SHAPES: Mapping[str, Shape] = {
    "testsuites": Shape("(testsuite )*"),
    "testsuite": Shape(
        "properties (testcase )*system-out system-err ",
        required={
            "name": NAMED, "timestamp": INSTANT, "hostname": NAMED, "tests": NUMBER, "failures": NUMBER, "errors": NUMBER, "time": DECIMAL,
            "package": TOKEN, "id": NUMBER},
        optional={"skipped": NUMBER}),
    "properties": Shape("(property )*"),
    "property": Shape(required={"name": NAMED, "value": ANYTHING}),
    "testcase": Shape("((skipped|error|failure) )?", required={"name": TOKEN, "classname": TOKEN, "time": DECIMAL}),
    # The schema leaves open what it holds; Jenkins' allows these two.
    "skipped": Shape(optional={"type": ANYTHING, "message": ANYTHING}, text=True),
    "error": PROBLEM, "failure": PROBLEM, "system-out": Shape(text=True), "system-err": Shape(text=True),
}


def shape_faults(root: Element) -> list[str]:
    """What is not as the schema says; nothing for a good report."""
    wrong = [] if root.tag == "testsuites" else [f"the root is {root.tag}"]
    return wrong + [fault for element in root.iter() for fault in _faults(element)] + list(_wrong_counts(root))


def _faults(element: Element) -> Iterator[str]:
    shape = SHAPES.get(element.tag)
    if shape is None:
        yield f"{element.tag} is unknown"
        return
    if not re.fullmatch(shape.children, "".join(f"{child.tag} " for child in element)):
        yield f"{element.tag} has the children {[child.tag for child in element]}"
    if not shape.text and (element.text or "").strip():
        yield f"{element.tag} has text"
    known = {**shape.required, **shape.optional}
    yield from (f"{element.tag} lacks {name}" for name in shape.required if name not in element.attrib)
    yield from (
        f"{element.tag} has {name}={value!r}" for name, value in element.attrib.items()
        if name not in known or not known[name].match(value))


def _wrong_counts(root: Element) -> Iterator[str]:
    for number, suite in enumerate(root):
        counted = {
            "id": number, "tests": len(suite.findall("testcase")), "failures": len(suite.findall("testcase/failure")),
            "errors": len(suite.findall("testcase/error")), "skipped": len(suite.findall("testcase/skipped"))}
        yield from (f"{name} is {suite.get(name)}, not {count}" for name, count in counted.items() if suite.get(name) != str(count))
