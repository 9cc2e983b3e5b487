"""Lists the definitions of regression tests."""
from __future__ import annotations

from sqlalchemy import select

from api.domain.catalog.regression_test import RegressionTest, RegressionTestFilter
from api.domain.page import Page, slice_page
from api.domain.runs.expected_tests import ExpectedTests
from api.storage.catalog.catalog import load_catalog, load_catalog_with_version
from api.storage.catalog.test_rows import test_not_found
from api.storage.database import session
from api.storage.platform_tables import RegressionTestRow


def list_regression_tests(wanted: RegressionTestFilter, *, limit: int, offset: int) -> Page[RegressionTest]:
    """A page of the definitions, by id, with the exact total."""
    return list_tests_with_version(wanted, limit=limit, offset=offset)[0]


def list_tests_with_version(wanted: RegressionTestFilter, *, limit: int, offset: int) -> tuple[Page[RegressionTest], int]:
    """The page, and the version of the catalog that it is of."""
    catalog, version = load_catalog_with_version()
    return slice_page(catalog.find_tests(wanted), limit, offset), version


def load_regression_test(regression_id: int) -> RegressionTest:
    """The regression test of this id. Raises NotFound."""
    found = next((test for test in load_catalog().tests if test.definition.regression_id == regression_id), None)
    if found is None:
        raise test_not_found(regression_id)
    return found


def load_definitions() -> ExpectedTests:
    """All regression tests as they are defined now, active or not."""
    return load_catalog().definitions


def regression_ids_of(sample_id: int) -> list[int]:
    """The regression tests that are made of a sample."""
    return list(session().execute(
        select(RegressionTestRow.id).where(RegressionTestRow.sample_id == sample_id).order_by(RegressionTestRow.id)).scalars())
