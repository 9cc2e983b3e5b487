"""What a machine executes of a run: its regression tests, without what only the server needs."""
from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from api.domain.runs.expected_tests import ExpectedTest, ExpectedTests

UNCHECKED = "unchecked.txt"
REPORT = "report"


@dataclass(frozen=True, slots=True)
class SuiteFile:
    """An output that a test may produce, under this name. `baseline` is the SHA-256 that it should have; None: it is sent in any case.

    `output_id` is None of a file that nobody looks at.
    """

    output_id: int | None
    baseline: str | None
    name: str
    ignored: bool = False


@dataclass(frozen=True, slots=True)
class SuiteTest:
    """A regression test as a machine executes it. The sample is known by its hash, and has a name for the program."""

    regression_id: int
    category: str
    command: str
    input_type: str
    output_type: str
    sample_sha: str
    sample_name: str
    files: tuple[SuiteFile, ...]


@dataclass(frozen=True, slots=True)
class UnusableTest:
    """A test that a machine may not act on, and why: it has a type that there is none of, or a name that leads out of its folder."""

    regression_id: int
    reason: str


def suite_of(expected: ExpectedTests, absent: Container[str] = ()) -> tuple[SuiteTest, ...]:
    """What a machine is to execute for a frozen set of regression tests.

    Of baselines whose files are `absent` from every store, outputs are sent even where they are equal, so that the files come back.
    """
    return tuple(
        SuiteTest(
            test.regression_id, test.category, test.command, test.input_type, test.output_type, test.sample_sha,
            test.sample_sha + dotted(test.sample_extension), _files(test, absent))
        for test in expected.tests)


def _files(test: ExpectedTest, absent: Container[str]) -> tuple[SuiteFile, ...]:
    """The outputs of a test. One that has none writes into a file that nobody looks at."""
    files = tuple(
        SuiteFile(
            output.output_id, output.baseline.lower() if output.has_baseline and output.baseline not in absent else None,
            f"{test.sample_sha}{output.suffix}{output.extension}", output.ignored)
        for output in test.outputs)
    return files or (SuiteFile(None, None, UNCHECKED, ignored=True),)


def dotted(extension: str) -> str:
    """An extension with its dot; production databases hold both forms."""
    return extension if not extension or extension.startswith(".") else "." + extension
