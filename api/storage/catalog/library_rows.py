"""The library's rows by what tells things apart, for imports and exports of all of it."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from api.storage.database import session
from api.storage.platform_tables import AcceptableHashRow, CategoryRow, RegressionOutputRow, RegressionTestRow, SampleRow, TagRow


@dataclass(frozen=True, slots=True)
class PresentLibrary:
    """What is there: tags and categories with their descriptions, samples by SHA-256, tests by sample and command."""

    tags: dict[str, str]
    categories: dict[str, str]
    samples: dict[str, int]
    tests: dict[tuple[int, str], int]


def load_present() -> PresentLibrary:
    """What the library has now; of two alike the older."""
    samples = session().execute(select(SampleRow.sha, SampleRow.id).order_by(SampleRow.id.desc()))
    tests = session().execute(
        select(RegressionTestRow.sample_id, RegressionTestRow.command, RegressionTestRow.id).order_by(RegressionTestRow.id.desc()))
    return PresentLibrary(
        {name: words or "" for name, words in session().execute(select(TagRow.name, TagRow.description).order_by(TagRow.id))},
        {name: words or "" for name, words in session().execute(
            select(CategoryRow.name, CategoryRow.description).order_by(CategoryRow.id))},
        {sha.lower(): sample_id for sha, sample_id in samples},
        {(sample_id, command): regression_id for sample_id, command, regression_id in tests})


def record_first_baseline(output_id: int, digest: str) -> bool:
    """Within a transaction: give an output its first baseline; False where it has one."""
    row = session().get_one(RegressionOutputRow, output_id, with_for_update=True, populate_existing=True)
    if (row.correct or "").strip():
        return False
    row.correct = digest
    session().flush()
    return True


def insert_variants(output_id: int, digests: Sequence[str]) -> None:
    """Within a transaction: take outputs with these hashes for as good."""
    session().add_all(AcceptableHashRow(file_hashes=digest, regression_test_output_id=output_id) for digest in digests)
    session().flush()
