"""Adds, changes and deletes regression tests, their outputs and their categories."""
from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError

from api.domain.catalog.definition import Definition, DefinitionEdit, NewOutput
from api.domain.errors import NotFound, Unprocessable
from api.storage.database import TransactionConflict, add_free_text, change, change_free_text, session
from api.storage.platform_tables import (
    AcceptableHashRow,
    CategoryRow,
    CustomizedTestRow,
    RegressionCategoryRow,
    RegressionOutputRow,
    RegressionTestRow,
    ResultFileRow,
    ResultRow,
)
from api.storage.tables.results import VerdictRow


def insert_test(definition: Definition, outputs: Sequence[NewOutput]) -> int:
    """Within a transaction: add a regression test; its id. Raises Unprocessable for names of no category."""
    row = RegressionTestRow(
        sample_id=definition.sample_id, command=definition.command, input_type=definition.input_type,
        output_type=definition.output_type, expected_rc=definition.exit_code, active=definition.active,
        description=definition.description)
    try:
        with session().begin_nested():
            add_free_text(row, "description")
    except IntegrityError as gone:
        # The sample was deleted a moment ago.
        raise TransactionConflict from gone
    replace_categories(row.id, definition.categories)
    for output in outputs:
        insert_output(row.id, output)
    return row.id


def lock_test(regression_id: int) -> None:
    """Within a transaction: hold a regression test's row until the end. Raises NotFound."""
    _locked(regression_id)


def _locked(regression_id: int) -> RegressionTestRow:
    query = select(RegressionTestRow).where(RegressionTestRow.id == regression_id).with_for_update()
    row = session().execute(query.execution_options(populate_existing=True)).scalar_one_or_none()
    if row is None:
        raise test_not_found(regression_id)
    return row


def test_not_found(regression_id: int) -> NotFound:
    """The refusal for a regression test that there is not."""
    return NotFound("regression_test", regression_id, remedy="List regression tests with GET /regression-tests.")


def record_edit(regression_id: int, edit: DefinitionEdit) -> None:
    """Within a transaction: change a regression test's own row, which is locked."""
    row = _locked(regression_id)
    row.command = row.command if edit.command is None else edit.command
    row.input_type = row.input_type if edit.input_type is None else edit.input_type
    row.output_type = row.output_type if edit.output_type is None else edit.output_type
    row.expected_rc = row.expected_rc if edit.exit_code is None else edit.exit_code
    row.active = row.active if edit.active is None else edit.active
    session().flush()
    if edit.description is not None:
        change_free_text(row, "description", edit.description)


def replace_categories(regression_id: int, names: Sequence[str]) -> None:
    """Within a transaction: put a test into these categories and no others. Raises Unprocessable for names of no category."""
    found = session().execute(select(CategoryRow.id, CategoryRow.name).where(CategoryRow.name.in_(names)))
    known = {name: category_id for category_id, name in found}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise Unprocessable("There are no such categories.", {"unknown_categories": unknown}, remedy="Make them with POST /categories.")
    change(delete(RegressionCategoryRow).where(RegressionCategoryRow.regression_id == regression_id))
    session().expire_all()
    session().add_all(
        RegressionCategoryRow(regression_id=regression_id, category_id=category_id)
        for category_id in sorted({known[name] for name in names}))
    session().flush()


def insert_output(regression_id: int, output: NewOutput, baseline: str = "") -> int:
    """Within a transaction: add an output to a test, without a baseline unless one is given (SHA-256, hex). Returns its id."""
    row = RegressionOutputRow(
        regression_id=regression_id, correct=baseline, correct_extension=output.extension, expected_filename=output.suffix,
        ignore=output.ignored)
    session().add(row)
    session().flush()
    return row.id


def record_output_edit(output_id: int, suffix: str | None, ignored: bool | None) -> None:
    """Within a transaction: change an output; None leaves a thing as it is."""
    row = session().get_one(RegressionOutputRow, output_id)
    row.expected_filename = row.expected_filename if suffix is None else suffix
    row.ignore = row.ignore if ignored is None else ignored
    session().flush()


def delete_output_row(output_id: int) -> None:
    """Within a transaction: delete an output with its variants."""
    change(delete(AcceptableHashRow).where(AcceptableHashRow.regression_test_output_id == output_id))
    change(delete(RegressionOutputRow).where(RegressionOutputRow.id == output_id))
    session().expire_all()


def delete_test_row(regression_id: int) -> None:
    """Within a transaction: delete a regression test with its outputs."""
    outputs = select(RegressionOutputRow.id).where(RegressionOutputRow.regression_id == regression_id)
    change(delete(AcceptableHashRow).where(AcceptableHashRow.regression_test_output_id.in_(outputs)))
    for table in (RegressionOutputRow, RegressionCategoryRow):
        change(delete(table).where(table.regression_id == regression_id))
    change(delete(RegressionTestRow).where(RegressionTestRow.id == regression_id))
    session().expire_all()


def count_results(regression_id: int) -> int:
    """In how many runs a test has results, or was asked for: the larger of what the platform and this server know."""
    of_test = (
        (ResultRow.test_id, ResultRow.regression_test_id), (ResultFileRow.test_id, ResultFileRow.regression_test_id),
        (CustomizedTestRow.test_id, CustomizedTestRow.regression_id), (VerdictRow.run_id, VerdictRow.regression_id))
    return max(
        session().execute(select(func.count(run.distinct())).where(test == regression_id)).scalar_one() for run, test in of_test)


def count_output_results(output_id: int) -> int:
    """In how many runs something was reported of an output."""
    return session().execute(
        select(func.count()).select_from(ResultFileRow).where(ResultFileRow.regression_test_output_id == output_id)).scalar_one()
