"""Adds missing samples and regression tests to the database."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from api.storage.database import session
from api.storage.platform_tables import (
    CategoryRow,
    RegressionCategoryRow,
    RegressionOutputRow,
    RegressionTestRow,
    SampleRow,
    SampleTagRow,
    TagRow,
)


@dataclass(frozen=True, slots=True)
class NewSample:
    """A media sample: its SHA-256 (hex), its extension with the dot, its name and its tags' names."""

    sha256: str
    extension: str
    original_name: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewOutput:
    """An output's baseline: its SHA-256 (hex), its extension with the dot, the suffix of its name, and whether it is ignored."""

    baseline: str
    extension: str
    suffix: str
    ignored: bool = False


@dataclass(frozen=True, slots=True)
class NewTest:
    """A regression test of the sample with this SHA-256."""

    sample: str
    command: str
    category: str
    description: str
    input_type: str
    output_type: str
    exit_code: int
    outputs: tuple[NewOutput, ...]


def add_tags(tags: Mapping[str, str]) -> None:
    """Within a transaction: add the tags, by name and description, that are missing."""
    present = set(session().execute(select(TagRow.name)).scalars())
    session().add_all(TagRow(name=name, description=description) for name, description in tags.items() if name not in present)
    session().flush()


def add_categories(categories: Mapping[str, str]) -> None:
    """Within a transaction: add the categories, by name and description, that are missing."""
    present = set(session().execute(select(CategoryRow.name)).scalars())
    session().add_all(CategoryRow(name=name, description=description) for name, description in categories.items() if name not in present)
    session().flush()


def add_samples(samples: Sequence[NewSample]) -> None:
    """Within a transaction: add the samples that are missing; their tags must be there."""
    present = set(session().execute(select(SampleRow.sha)).scalars())
    tags = dict(session().execute(select(TagRow.name, TagRow.id)).all())
    for sample in samples:
        if sample.sha256 in present:
            continue
        row = SampleRow(sha=sample.sha256, extension=sample.extension, original_name=sample.original_name)
        session().add(row)
        session().flush()
        session().add_all(SampleTagRow(sample_id=row.id, tag_id=tags[tag]) for tag in sample.tags)
    session().flush()


def add_tests(tests: Sequence[NewTest]) -> None:
    """Within a transaction: add the regression tests that are missing, told apart by sample and command."""
    samples = dict(session().execute(select(SampleRow.sha, SampleRow.id)).all())
    categories = dict(session().execute(select(CategoryRow.name, CategoryRow.id)).all())
    present = set(session().execute(select(RegressionTestRow.sample_id, RegressionTestRow.command)))
    for test in tests:
        if (samples[test.sample], test.command) not in present:
            _add_test(test, samples[test.sample], categories[test.category])


def _add_test(test: NewTest, sample_id: int, category_id: int) -> None:
    row = RegressionTestRow(
        sample_id=sample_id, command=test.command, input_type=test.input_type, output_type=test.output_type,
        expected_rc=test.exit_code, active=True, description=test.description)
    session().add(row)
    session().flush()
    session().add(RegressionCategoryRow(regression_id=row.id, category_id=category_id))
    session().add_all(
        RegressionOutputRow(
            regression_id=row.id, correct=output.baseline, correct_extension=output.extension, expected_filename=output.suffix,
            ignore=output.ignored)
        for output in test.outputs)
    session().flush()
