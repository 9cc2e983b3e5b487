"""Parses a run's suite, the XML files that list its tests; they are not trusted."""
from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from api.domain.runs.infrastructure import InfrastructureType
from api.domain.runs.worker_suite import INDEX, SuiteFile, SuiteTest
from api.worker.run_error import RunError

MAX_FILE_BYTES = 32 << 20
INPUT_TYPES = frozenset({"file", "stdin", "udp"})
OUTPUT_TYPES = frozenset({"file", "null", "tcp", "cea708", "multiprogram", "stdout"})

_NUMBER = re.compile(r"-?[0-9]{1,10}")
_PLAIN_NAME = re.compile(r"[^/\\:\x00-\x1f\x7f]{1,255}")


class SuiteError(RunError):
    """The suite is absent, or is not what a worker may act on."""

    def __init__(self, reason: str) -> None:
        super().__init__(InfrastructureType.STORAGE, f"The run's suite cannot be used: {reason}")


def load_suite(folder: Path) -> tuple[SuiteTest, ...]:
    """Read TestAll.xml and the category files it names; raise SuiteError on anything out of the format."""
    locations = parse_index(_content(folder, INDEX))
    tests = tuple(test for name in locations for test in parse_category(_content(folder, name), Path(name).stem))
    _require_distinct([test.regression_id for test in tests])
    return tests


def parse_index(content: bytes) -> tuple[str, ...]:
    """Return the file names that TestAll.xml lists."""
    root = _root(content, "multitest")
    return tuple(_plain_name(_text(_child(each, "location")), "location") for each in _children(root, "testfile"))


def parse_category(content: bytes, category: str) -> tuple[SuiteTest, ...]:
    """Return the tests of one category file."""
    return tuple(_test(entry, category) for entry in _children(_root(content, "tests"), "entry"))


def _content(folder: Path, name: str) -> bytes:
    path = folder / name
    try:
        if path.is_symlink() or path.stat().st_size > MAX_FILE_BYTES:
            raise SuiteError(f"{name} is too large, or a link.")
        return path.read_bytes()
    except OSError as fault:
        raise SuiteError(f"{name}: {fault.strerror}.") from fault


def _root(content: bytes, tag: str) -> Element:
    """Parse without a document type, hence without entities: nothing is expanded and nothing fetched.

    A document in UTF-8 whose text has no `<!DOCTYPE` cannot declare an entity, and text given to the parser as `str`
    is not decoded again, whatever its declaration says; a second XML library is not needed for that.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise SuiteError("a file is not UTF-8.") from fault
    if "<!DOCTYPE" in text:
        raise SuiteError("a document type is not allowed.")
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as fault:
        raise SuiteError("a file is not well-formed XML.") from fault
    if root.tag != tag:
        raise SuiteError(f"expected <{tag}>.")
    return root


def _test(entry: Element, category: str) -> SuiteTest:
    source = _child(entry, "input")
    files = tuple(_file(each) for each in _children(_child(entry, "compare"), "file"))
    if not files:
        raise SuiteError("an entry has no <file>.")
    return SuiteTest(
        regression_id=_number(entry.get("id"), least=1),
        category=category,
        command=_text(_child(entry, "command")),
        input_type=_one_of(source.get("type"), INPUT_TYPES, "input type"),
        input_file=_plain_name(_text(source), "input"),
        output_type=_one_of(_text(_child(entry, "output")), OUTPUT_TYPES, "output type"),
        files=files,
    )


def _file(element: Element) -> SuiteFile:
    return SuiteFile(
        output_id=_number(element.get("id"), least=-1),
        correct=_baseline(element.find("correct")),
        expected=_plain_name(_text(_child(element, "expected")), "expected"),
        ignore=_one_of(element.get("ignore", "false"), frozenset({"true", "false"}), "ignore") == "true",
    )


def _baseline(element: Element | None) -> str:
    """The name of a baseline; empty where there is none, as for an output that nobody has approved yet."""
    name = "" if element is None else _text(element)
    return _plain_name(name, "correct") if name else ""


def _children(element: Element, tag: str) -> list[Element]:
    children = list(element)
    if any(child.tag != tag for child in children):
        raise SuiteError(f"only <{tag}> may stand in <{element.tag}>.")
    return children


def _child(element: Element, tag: str) -> Element:
    child = element.find(tag)
    if child is None:
        raise SuiteError(f"<{element.tag}> lacks <{tag}>.")
    return child


def _text(element: Element) -> str:
    return element.text or ""


def _plain_name(name: str, what: str) -> str:
    """Refuse whatever could lead out of the folder that the name is meant for."""
    if _PLAIN_NAME.fullmatch(name) is None or name in (".", "..") or len(name.encode(errors="replace")) > 255:
        raise SuiteError(f"a name in <{what}> is not a plain file name.")
    return name


def _one_of(value: str | None, allowed: frozenset[str], what: str) -> str:
    if value not in allowed:
        raise SuiteError(f"an unknown {what}.")
    return str(value)


def _number(value: str | None, *, least: int) -> int:
    if value is None or _NUMBER.fullmatch(value) is None or int(value) < least:
        raise SuiteError("an id is not a number in range.")
    return int(value)


def _require_distinct(ids: list[int]) -> None:
    if len(ids) != len(set(ids)):
        raise SuiteError("a regression test stands in it twice.")
