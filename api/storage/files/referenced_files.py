"""Lists the names of all files that the database refers to, in batches."""
from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sqlalchemy import Executable, func, select

from api.domain.runs.worker_message import ArtifactKind
from api.storage.database import session
from api.storage.files import paths
from api.storage.platform_tables import AcceptableHashRow, RegressionOutputRow, ResultFileRow, SampleRow, TestRow
from api.storage.tables.results import BaselineChangeRow

RUN_BATCH_SIZE = 50
ROW_BATCH_SIZE = 1000
_TEST_LOG = re.compile(rf"{paths.LOGS}/([0-9]{{1,9}})/[0-9]{{1,9}}\.txt\Z")


def sample_names() -> Iterator[list[str]]:
    """Media samples, and what is known of them."""
    for rows in _blocks(SampleRow.id, ROW_BATCH_SIZE, lambda first, last: select(
            SampleRow.sha, SampleRow.extension).where(SampleRow.id.between(first, last))):
        yield _present(name for sha, extension in rows for name in (paths.sample_name(sha, extension), paths.media_info_name(sha)))


def result_names() -> Iterator[list[str]]:
    """Baselines, what is as good as them, and what runs produced; each once."""
    seen: set[str] = set()
    for rows in (*_baselines(), *_acceptable(), *_replaced()):
        yield _unseen(rows, seen)
    for rows in _blocks(TestRow.id, RUN_BATCH_SIZE, _outputs_of):
        yield _unseen(((digest, extension) for got, expected, extension in rows for digest in (got, expected)), seen)


def run_names() -> Iterator[list[str]]:
    """The log and the files of every run, whether or not it has them."""
    for rows in _blocks(TestRow.id, ROW_BATCH_SIZE, lambda first, last: select(
            TestRow.id, TestRow.platform).where(TestRow.id.between(first, last))):
        yield [name for run_id, platform in rows for name in _own_names(run_id, platform)]


def test_log_names(listed: Iterable[str]) -> Iterator[list[str]]:
    """Those of the listed names that are logs of a test of a run that exists."""
    runs = {name: int(found.group(1)) for name in listed if (found := _TEST_LOG.match(name))}
    wanted = sorted(runs)
    for start in range(0, len(wanted), ROW_BATCH_SIZE):
        block = wanted[start:start + ROW_BATCH_SIZE]
        known = set(session().execute(select(TestRow.id).where(TestRow.id.in_({runs[name] for name in block}))).scalars())
        yield [name for name in block if runs[name] in known]


def _own_names(run_id: int, platform: str) -> Iterator[str]:
    yield paths.log_name(run_id)
    for kind in ArtifactKind:
        yield paths.artifact_name(run_id, kind, platform)


def _outputs_of(first: int, last: int) -> Executable:
    return select(ResultFileRow.got, ResultFileRow.expected, RegressionOutputRow.correct_extension).distinct().join(
        RegressionOutputRow, RegressionOutputRow.id == ResultFileRow.regression_test_output_id).where(
        ResultFileRow.test_id.between(first, last))


def _baselines() -> Iterator[Iterable[Any]]:
    return _blocks(RegressionOutputRow.id, ROW_BATCH_SIZE, lambda first, last: select(
        RegressionOutputRow.correct, RegressionOutputRow.correct_extension).where(RegressionOutputRow.id.between(first, last)))


def _acceptable() -> Iterator[Iterable[Any]]:
    return _blocks(AcceptableHashRow.id, ROW_BATCH_SIZE, lambda first, last: select(
        AcceptableHashRow.file_hashes, RegressionOutputRow.correct_extension).join(
        RegressionOutputRow, RegressionOutputRow.id == AcceptableHashRow.regression_test_output_id).where(
        AcceptableHashRow.id.between(first, last)))


def _replaced() -> Iterator[Iterable[Any]]:
    return _blocks(BaselineChangeRow.id, ROW_BATCH_SIZE, lambda first, last: select(
        BaselineChangeRow.hash_before, RegressionOutputRow.correct_extension).join(
        RegressionOutputRow, RegressionOutputRow.id == BaselineChangeRow.output_id).where(
        BaselineChangeRow.id.between(first, last)))


def _blocks(id_column: Any, size: int, query: Callable[[int, int], Executable]) -> Iterator[Iterable[Any]]:
    """The rows of a query over a range of ids, block by block up to the largest id that there is now."""
    largest = session().execute(select(func.max(id_column))).scalar_one() or 0
    for first in range(1, largest + 1, size):
        yield session().execute(query(first, first + size - 1)).all()


def _unseen(rows: Iterable[tuple[str | None, str]], seen: set[str]) -> list[str]:
    found = sorted(set(_present(paths.result_name(digest, extension) for digest, extension in rows)) - seen)
    seen.update(found)
    return found


def _present(found: Iterable[str | None]) -> list[str]:
    return [name for name in found if name is not None]
