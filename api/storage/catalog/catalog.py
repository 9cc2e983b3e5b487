"""The catalog, made once of the platform's tables and kept for as long as nothing in them changes."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from operator import itemgetter
from typing import Any

from flask import current_app

from api.domain.catalog.catalog import Catalog
from api.domain.catalog.regression_test import RegressionTest
from api.domain.catalog.sample import Sample
from api.domain.runs.expected_tests import ExpectedOutput, ExpectedTest
from api.storage.catalog.catalog_tables import NOTHING, TABLES, Content, Row, is_key, look
from api.storage.column_types import MAX_ID
from api.storage.database import db

Read = Callable[[Any], Any]

KEPT = "ci_catalog"


@dataclass(frozen=True, slots=True)
class _Kept:
    content: Content
    catalog: Catalog
    version: int


def load_catalog() -> Catalog:
    """The catalog as it is now, whoever changed it: that of the last call, if one statement shows that nothing changed.

    Within a transaction it has what that has written. Each application keeps its own, since it has its own database.
    """
    return _load().catalog


def load_catalog_version() -> int:
    """A number that is another one whenever the catalog is, in this process; it takes one look."""
    return _load().version


def load_catalog_with_version() -> tuple[Catalog, int]:
    """Both, by the same look."""
    kept = _load()
    return kept.catalog, kept.version


def _load() -> _Kept:
    kept: _Kept = current_app.extensions.get(KEPT, _NOTHING_KEPT)
    content = look(kept.content)
    if content is kept.content:
        return kept
    made: _Kept = _Kept(content, _catalog_of(content), next(_versions))
    current_app.extensions[KEPT] = made
    return made


_versions = count()
_NOTHING_KEPT = _Kept(NOTHING, Catalog((), ()), next(_versions))


def _catalog_of(content: Content) -> Catalog:
    samples, sample_tags, tags, uploads, notes, tests, test_categories, categories, outputs, acceptable = _read(content)
    tags_of = {sample_id: tuple(sorted(names)) for sample_id, names in _names(sample_tags, tags).items()}
    notes_of = dict(notes) | {sample_id: words for _, sample_id, words in _by_id(uploads) if words}
    found = {
        sample_id: Sample(sample_id, sha, extension, name, tags_of.get(sample_id, ()), notes_of.get(sample_id) or None)
        for sample_id, sha, extension, name in _by_id(samples) if _is_id(sample_id)}
    categories_of, outputs_of = _names(test_categories, categories), _outputs(outputs, acceptable)
    return Catalog(tuple(found.values()), tuple(
        _test(row, found[row[1]], tuple(categories_of.get(row[0], ())), tuple(outputs_of.get(row[0], ())))
        for row in _by_id(tests) if _is_id(row[0]) and row[1] in found))


def _test(row: Row, sample: Sample, categories: tuple[str, ...], outputs: tuple[ExpectedOutput, ...]) -> RegressionTest:
    regression_id, _, command, input_type, output_type, exit_code, active, description = row
    return RegressionTest(ExpectedTest(
        regression_id, sample.sample_id, sample.sha, sample.extension, command, input_type or "file", output_type or "file",
        exit_code or 0, categories, outputs), active, sample.tags, description or "")


def _outputs(outputs: Iterable[Row], acceptable: Iterable[Row]) -> Mapping[Any, list[ExpectedOutput]]:
    hashes: defaultdict[Any, list[str]] = defaultdict(list)
    for _, output_id, digest in _by_id(acceptable):
        hashes[output_id].append(digest)
    found: defaultdict[Any, list[ExpectedOutput]] = defaultdict(list)
    for output_id, regression_id, baseline, extension, suffix, ignored in _by_id(outputs):
        if _is_id(output_id):
            found[regression_id].append(ExpectedOutput(
                output_id, baseline, extension, suffix, ignored, tuple(hashes.get(output_id, ()))))
    return found


def _names(pairs: Iterable[Row], named: Iterable[Row]) -> Mapping[Any, list[str]]:
    """The names that belong to each key, in the order of the names' ids."""
    names: dict[Any, str] = dict(_by_id(named))
    found: defaultdict[Any, list[str]] = defaultdict(list)
    for key, name_id in sorted((pair for pair in pairs if pair[1] in names), key=itemgetter(1)):
        found[key].append(names[name_id])
    return found


def _by_id(rows: Iterable[Row]) -> list[Row]:
    return sorted((row for row in rows if isinstance(row[0], int)), key=itemgetter(0))


def _is_id(value: int) -> bool:
    return 1 <= value <= MAX_ID


def _read(content: Content) -> Iterator[Sequence[Row]]:
    """The tables' rows, each value as its column's type reads it; but keys as they stand, since they are compared so."""
    dialect = db.engine.dialect
    for columns, rows in zip(TABLES, content.rows, strict=True):
        reads = [None if is_key(each) else each.type.result_processor(dialect, None) for each in columns]
        # Column by column, since most stay as they are. Behind the columns' values a row may have more.
        values = (column if read is None else map(read, column) for read, column in zip(reads, zip(*rows, strict=True), strict=False))
        yield list(zip(*values, strict=True))
