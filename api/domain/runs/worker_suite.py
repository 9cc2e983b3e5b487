"""The suite that a worker fetches: TestAll.xml and one file per category."""
from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from xml.sax.saxutils import escape, quoteattr

from api.domain.runs.expected_tests import ExpectedOutput, ExpectedTests

INDEX = "TestAll.xml"
UNCHECKED = "unchecked.txt"
NO_OUTPUT = -1
REPORT = "report"

_DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n'
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SAFE_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 _.-]{0,62}[A-Za-z0-9_-])?")
_NOT_ALPHANUMERIC = re.compile(r"[^A-Za-z0-9]+")
_RESERVED = re.compile(r"(?i)(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?|testall")


@dataclass(frozen=True)
class SuiteFile:
    """An output that a test may produce: the file name of its baseline, or one that no file has, and the name it is produced under."""

    output_id: int
    correct: str
    expected: str
    ignore: bool = False


@dataclass(frozen=True)
class SuiteTest:
    """A regression test as a worker executes it; `input_file` is the sample's name in the store, SHA.ext."""

    regression_id: int
    category: str
    command: str
    input_type: str
    input_file: str
    output_type: str
    files: tuple[SuiteFile, ...]


def suite_files(tests: Sequence[SuiteTest]) -> dict[str, bytes]:
    """Return the files of a run's `ci-tests` folder, by name: TestAll.xml first, then one per category."""
    shown = presented(tests)
    categories = list(dict.fromkeys(test.category for test in shown))
    locations = "".join(f"<testfile><location>{_text(name)}.xml</location></testfile>" for name in categories)
    files = {INDEX: f"{_DECLARATION}<multitest>{locations}</multitest>\n"}
    for name in categories:
        entries = "\n".join(_entry(test) for test in shown if test.category == name)
        files[f"{name}.xml"] = f"{_DECLARATION}<tests>\n{entries}\n</tests>\n"
    return {name: content.encode() for name, content in files.items()}


def presented(tests: Sequence[SuiteTest]) -> tuple[SuiteTest, ...]:
    """Return the tests as they can be written, grouped by category; what `suite_files` writes and a worker reads.

    Each test stands once, in the first category it is given in. Categories become names that are safe as files.
    """
    first: dict[int, SuiteTest] = {}
    for test in tests:
        first.setdefault(test.regression_id, test)
    names = category_names([test.category for test in first.values()])
    order = list(names)
    grouped = sorted(first.values(), key=lambda test: order.index(test.category))
    return tuple(_presented(test, names[test.category]) for test in grouped)


def category_names(categories: Sequence[str]) -> Mapping[str, str]:
    """Map each category, in order of appearance, to a file name without extension: safe, and unique on any file system."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    distinct = list(dict.fromkeys(categories))
    # Names that can stay as they are come first, so that no invented name takes one away.
    for category in sorted(distinct, key=lambda each: not _is_safe(each)):
        names[category] = category if _is_safe(category) and category.casefold() not in taken else _invented(category, taken)
        taken.add(names[category].casefold())
    return {category: names[category] for category in distinct}


def _is_safe(category: str) -> bool:
    return _SAFE_NAME.fullmatch(category) is not None and _RESERVED.fullmatch(category) is None


def _invented(category: str, taken: set[str]) -> str:
    stem = _NOT_ALPHANUMERIC.sub("-", category)[:40].strip("-") or "category"
    return next(name for name in (f"{stem}-{number}" for number in count(1)) if name.casefold() not in taken)


def _presented(test: SuiteTest, category: str) -> SuiteTest:
    return replace(
        test,
        category=category,
        command=_legible(test.command),
        output_type="file" if test.output_type == REPORT else test.output_type,
        files=_with_distinct_names(test.files) or (SuiteFile(NO_OUTPUT, UNCHECKED, UNCHECKED, ignore=True),),
    )


def _with_distinct_names(files: Sequence[SuiteFile]) -> tuple[SuiteFile, ...]:
    """Give each checked file a baseline name of its own.

    Runners in use key their results by that name and fail on a repeat. A repeated name gets the output's id: no such file
    is in the store, so the output is uploaded, and is then found to equal the baseline by its hash.
    """
    seen: set[str] = set()
    told: list[SuiteFile] = []
    for file in files:
        repeated = not file.ignore and file.correct in seen
        told.append(replace(file, correct=_numbered(file)) if repeated else file)
        if not file.ignore:
            seen.add(told[-1].correct)
    return tuple(told)


def _numbered(file: SuiteFile) -> str:
    stem, dot, extension = file.correct.partition(".")
    return f"{stem}-{file.output_id}{dot}{extension}"


def _legible(text: str) -> str:
    """Replace what XML 1.0 cannot carry, such as control characters; no command line needs them."""
    return _NOT_IN_XML.sub("\ufffd", text)


def _text(text: str) -> str:
    # A parser reads a raw carriage return as a line feed, so it is written as a reference.
    return escape(_legible(text), {"\r": "&#13;"})


def _entry(test: SuiteTest) -> str:
    compare = "".join(
        f'<file ignore="{"true" if file.ignore else "false"}" id="{file.output_id}">'
        f"<correct>{_text(file.correct)}</correct><expected>{_text(file.expected)}</expected></file>"
        for file in test.files
    )
    return (
        f'<entry id="{test.regression_id}"><command>{_text(test.command)}</command>'
        f"<input type={quoteattr(test.input_type)}>{_text(test.input_file)}</input>"
        f"<output>{_text(test.output_type)}</output><compare>{compare}</compare></entry>"
    )


def suite_of(expected: ExpectedTests) -> tuple[SuiteTest, ...]:
    """What a worker is to execute for a frozen set of regression tests."""
    return tuple(
        SuiteTest(
            test.regression_id, test.category, test.command, test.input_type,
            test.sample_sha + dotted(test.sample_extension), test.output_type,
            tuple(
                SuiteFile(
                    output.output_id, _baseline_name(output), f"{test.sample_sha}{output.suffix}{output.extension}", output.ignored)
                for output in test.outputs))
        for test in expected.tests)


def _baseline_name(output: ExpectedOutput) -> str:
    """The baseline's name in the store; without a baseline, a name of its own that no file has.

    Runners in use take what is under it for different, and so upload what was produced; without a name they break off.
    """
    return f"{output.baseline}{output.extension}" if output.has_baseline else f"new-{output.output_id}{output.extension}"


def dotted(extension: str) -> str:
    """An extension with its dot; production databases hold both forms."""
    return extension if not extension or extension.startswith(".") else "." + extension
