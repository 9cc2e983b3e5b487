"""A platform's database of any size, as its own programs would have filled it: the same size is always filled alike."""
from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha1, sha256
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Engine, Table, insert

from api.storage import platform_tables as platform

END = datetime(2026, 8, 1, 12, tzinfo=UTC)
SAMPLES, TESTS, FORKS = 250, 300, 25
CATEGORIES = ("Broken", "CEA-708", "DVB", "DVD", "General", "MP4", "NoCC", "Options", "Teletext", "WTV", "XDS")
TAGS = ("hd", "sd", "multi-program", "pal", "ntsc", "french", "spanish", "broken-pts", "live", "tiny")
BRANCHES = ("master",) * 14 + ("rework", "fix/timing", "rust-port", "fix/1499", "release-0.95", "ci/windows")
CANCELS = ("Canceled by admin via API: superseded", "Build failed: make error 2", "worker timeout after 120 minutes")
BATCH = 10_000

Rows = Iterable[Mapping[str, Any]]


def digest(text: str) -> str:
    """A SHA-256 that stands for some content."""
    return sha256(text.encode()).hexdigest()


def populate(engine: Engine, runs: int) -> None:
    """Fill the platform's tables of an empty, migrated database with the library and so many runs of all its tests."""
    writing = engine.execution_options(ci_writes=True)
    with writing.begin() as connection:
        for row, rows in _library():
            _write(connection, row.__table__, rows)
        _write(connection, platform.TestRow.__table__, map(_run, range(1, runs + 1)))
        _write(connection, platform.ProgressRow.__table__, _events(runs))
    for row, make in ((platform.ResultRow, _results), (platform.ResultFileRow, _outputs)):
        with writing.begin() as connection:
            _write(connection, row.__table__, (each for number in range(1, runs + 1) for each in make(number, runs)))
    with engine.begin() as connection:
        names = ", ".join(connection.dialect.identifier_preparer.quote(table.name) for table in platform.PLATFORM_TABLES)
        connection.exec_driver_sql("ANALYZE" if connection.dialect.name == "sqlite" else f"ANALYZE TABLE {names}")


def _write(connection: Connection, table: Table | Any, rows: Rows) -> None:
    remaining = iter(rows)
    while batch := list(islice(remaining, BATCH)):
        connection.execute(insert(table), batch)


def _library() -> Iterator[tuple[Any, Rows]]:
    yield platform.ForkRow, (
        {"id": number, "github": f"https://github.com/{'CCExtractor' if number == 1 else f'dev{number}'}/ccextractor.git"}
        for number in range(1, FORKS + 1))
    yield platform.CategoryRow, ({"id": number, "name": name, "description": ""} for number, name in enumerate(CATEGORIES, 1))
    yield platform.TagRow, ({"id": number, "name": name} for number, name in enumerate(TAGS, 1))
    yield platform.SampleRow, (
        {"id": number, "sha": digest(f"populated sample {number}"), "extension": ("ts", "mpg", "mp4")[number % 3],
         "original_name": f"Sample {number:04} {TAGS[number % 10]} recording.ts"} for number in range(1, SAMPLES + 1))
    yield platform.SampleTagRow, ({"sample_id": number, "tag_id": 1 + number % 10} for number in range(1, SAMPLES + 1))
    yield platform.RegressionTestRow, (
        {"id": number, "sample_id": (number - 1) % SAMPLES + 1, "command": f"-out=srt --variant {number}", "input_type": "file",
         "output_type": "file", "expected_rc": 0, "active": True} for number in range(1, TESTS + 1))
    yield platform.RegressionCategoryRow, (
        {"regression_id": number, "category_id": 1 + number % len(CATEGORIES)} for number in range(1, TESTS + 1))
    yield platform.RegressionOutputRow, (
        {"id": number, "regression_id": number, "correct": digest(f"baseline {number}"), "correct_extension": ".srt",
         "expected_filename": "", "ignore": False} for number in range(1, TESTS + 1))


def _run(number: int) -> dict[str, Any]:
    chance = random.Random(number)
    pull_request = 1000 + number // 4 if chance.random() < 0.4 else 0
    return {
        "id": number, "platform": ("windows", "linux")[number % 2], "test_type": "pr" if pull_request else "commit",
        "token": digest(f"populated secret {number}"), "fork_id": 1 if chance.random() < 0.65 else 2 + chance.randrange(FORKS - 1),
        "branch": f"pr-{pull_request}" if pull_request else chance.choice(BRANCHES),
        "commit": sha1(f"commit {number // 2}".encode(), usedforsecurity=False).hexdigest(), "pr_nr": pull_request}


def kind_of(number: int, runs: int) -> str:
    """What became of a run, of so many in all; the tests of one that is `done` failed here and there."""
    if number > runs - 25:
        return "queued" if number > runs - 15 else "running"
    chance = random.Random(-number).random()
    return "canceled" if chance < 0.03 else "error" if chance < 0.035 else "clean" if chance < 0.3 else "done"


def _events(runs: int) -> Iterator[dict[str, Any]]:
    for number in range(1, runs + 1):
        start = END - timedelta(minutes=30 * (runs - number))
        for status, minutes, message in _phases(kind_of(number, runs), number):
            yield {"test_id": number, "status": status, "timestamp": start + timedelta(minutes=minutes), "message": message}


def _phases(kind: str, number: int) -> Iterator[tuple[str, int, str]]:
    if kind == "queued":
        return
    yield "preparation", 1, "Loaded variables, created directories"
    if kind == "canceled":
        yield "canceled", 12, CANCELS[number % len(CANCELS)]
    else:
        yield "testing", 5, "Running tests"
        if kind != "running":
            yield "completed", 25, "Ran all tests"


def _results(number: int, runs: int) -> Iterator[dict[str, Any]]:
    kind = kind_of(number, runs)
    if kind in ("done", "clean"):
        chance = random.Random(number)
        for test in range(1, TESTS + 1):
            wrong = kind == "done" and chance.random() < 0.01
            yield {"test_id": number, "regression_test_id": test, "runtime": 200 + test, "exit_code": int(wrong), "expected_rc": 0}


def _outputs(number: int, runs: int) -> Iterator[dict[str, Any]]:
    kind = kind_of(number, runs)
    if kind in ("done", "clean"):
        chance = random.Random(number)
        for test in range(1, TESTS + 1):
            luck = chance.random() if kind == "done" else 1.0
            if luck >= 0.01:
                yield {
                    "test_id": number, "regression_test_id": test, "regression_test_output_id": test,
                    "expected": digest(f"baseline {test}"), "got": digest(f"got {test} {number % 40}") if luck < 0.03 else None}
