"""Lists the definitions of regression tests."""
from __future__ import annotations

from sqlalchemy import ColumnElement, exists, func, select

from api.domain.catalog.regression_test import RegressionTest, RegressionTestFilter
from api.domain.catalog.sample import UNLABELLED, is_named
from api.domain.page import Page
from api.storage.catalog.samples import find_tags, load_labels
from api.storage.column_types import is_on
from api.storage.database import session
from api.storage.platform_tables import CategoryRow, RegressionCategoryRow, RegressionTestRow, SampleTagRow
from api.storage.runs.expected_tests import is_defined, load_definitions


def list_regression_tests(wanted: RegressionTestFilter, *, limit: int, offset: int) -> Page[RegressionTest]:
    """A page of the definitions, by id, with the exact total."""
    conditions = _conditions(wanted)
    total = session().execute(select(func.count()).select_from(RegressionTestRow).where(*conditions)).scalar_one()
    rows = session().execute(
        select(RegressionTestRow.id, RegressionTestRow.active).where(*conditions)
        .order_by(RegressionTestRow.id).limit(limit).offset(offset))
    active = dict(rows.all())
    tests = load_definitions(active).tests
    labels = load_labels({test.sample_id for test in tests})
    items = [
        RegressionTest(test, active[test.regression_id], labels.get(test.sample_id, UNLABELLED).tags) for test in tests]
    return Page(items, limit, offset, total)


def regression_ids_of(sample_id: int) -> list[int]:
    """The regression tests that are made of a sample."""
    return list(session().execute(
        select(RegressionTestRow.id).where(RegressionTestRow.sample_id == sample_id).order_by(RegressionTestRow.id)).scalars())


def _conditions(wanted: RegressionTestFilter) -> list[ColumnElement[bool]]:
    conditions = [is_defined()]
    if wanted.active is not None:
        conditions.append(is_on(RegressionTestRow.active) == wanted.active)
    if wanted.sample_id is not None:
        conditions.append(RegressionTestRow.sample_id == wanted.sample_id)
    if wanted.tag is not None:
        conditions.append(exists().where(
            SampleTagRow.sample_id == RegressionTestRow.sample_id, SampleTagRow.tag_id.in_(find_tags(wanted.tag))))
    if wanted.category is not None:
        conditions.append(exists().where(
            RegressionCategoryRow.regression_id == RegressionTestRow.id,
            RegressionCategoryRow.category_id.in_(_find_categories(wanted.category))))
    return conditions


def _find_categories(wanted: str) -> list[int]:
    rows = session().execute(select(CategoryRow.id, CategoryRow.name))
    return [category_id for category_id, name in rows if is_named(name, wanted)]
