"""Keeps regression tests: makes, changes and deletes them with their outputs. Runs keep the set that they were made with."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from api.domain.catalog.change import Editor, LibraryKind, check_version
from api.domain.catalog.definition import Definition, DefinitionEdit, NewOutput, check_command, check_outputs, default_outputs
from api.domain.catalog.regression_test import RegressionTest
from api.domain.errors import Conflict, NotFound
from api.services.runs.platform_sync import catch_up
from api.storage.catalog import test_rows
from api.storage.catalog.changes import record_change
from api.storage.catalog.regression_tests import load_regression_test
from api.storage.catalog.samples import check_sample
from api.storage.database import transact
from api.storage.runs.expected_tests import find_waiting_runs


def test_values(test: RegressionTest) -> Mapping[str, Any]:
    """What can be different about a regression test, by name; its version is made of them."""
    definition = test.definition
    return {
        "sample_id": definition.sample_id, "command": definition.command, "input_type": definition.input_type,
        "output_type": definition.output_type, "expected_exit_code": definition.expected_exit_code, "description": test.description,
        "active": test.active, "categories": list(definition.categories),
        "outputs": [
            {"output_id": each.output_id, "extension": each.extension, "suffix": each.suffix, "ignored": each.ignored,
             "baseline": each.baseline, "variants": list(each.acceptable)}
            for each in definition.outputs]}


def create_test(definition: Definition, by: Editor, now: datetime) -> RegressionTest:
    """Make a regression test; its outputs have no baselines yet.

    Raises NotFound for its sample, Unprocessable for its categories, Invalid for its command or its outputs.
    """
    outputs = default_outputs(definition.command, definition.output_type) if definition.outputs is None else definition.outputs
    check_command(definition.command)
    check_outputs(outputs)
    catch_up(now)
    return transact(partial(_create, definition, outputs, by, now))


def _create(definition: Definition, outputs: tuple[NewOutput, ...], by: Editor, now: datetime) -> RegressionTest:
    check_sample(definition.sample_id)
    made = load_regression_test(test_rows.insert_test(definition, outputs))
    record_change(LibraryKind.REGRESSION_TEST, made.definition.regression_id, None, test_values(made), by, now)
    return made


def edit_test(regression_id: int, edit: DefinitionEdit, wanted: str | None, by: Editor, now: datetime) -> RegressionTest:
    """Change a regression test for runs that are made from now on; `wanted` is the If-Match of whoever edits.

    Raises NotFound, PreconditionFailed, Unprocessable for its categories, Invalid for its command.
    """
    def change() -> None:
        test_rows.record_edit(regression_id, edit)
        if edit.categories is not None:
            test_rows.replace_categories(regression_id, edit.categories)

    if edit.command is not None:
        check_command(edit.command)
    return _changed(regression_id, change, wanted, by, now)


def add_output(regression_id: int, output: NewOutput, wanted: str | None, by: Editor, now: datetime) -> RegressionTest:
    """Have a regression test produce one more output, without a baseline. Raises NotFound, PreconditionFailed, Invalid."""
    def change() -> None:
        present = load_regression_test(regression_id).definition.outputs
        check_outputs([*(NewOutput(each.extension, each.suffix) for each in present), output])
        test_rows.insert_output(regression_id, output)

    return _changed(regression_id, change, wanted, by, now)


def edit_output(
    regression_id: int, output_id: int, suffix: str | None, ignored: bool | None, wanted: str | None, by: Editor, now: datetime,
) -> RegressionTest:
    """Change an output; None leaves a thing as it is. Raises NotFound, PreconditionFailed, Invalid for a name that is taken."""
    def change() -> None:
        test = load_regression_test(regression_id)
        _check_output(test, output_id)
        check_outputs([
            NewOutput(each.extension, suffix if each.output_id == output_id and suffix is not None else each.suffix)
            for each in test.definition.outputs])
        test_rows.record_output_edit(output_id, suffix, ignored)

    return _changed(regression_id, change, wanted, by, now)


def delete_output(regression_id: int, output_id: int, wanted: str | None, by: Editor, now: datetime) -> None:
    """Delete an output. Raises NotFound, PreconditionFailed, and Conflict where runs have results of it or wait for it."""
    def change() -> None:
        _check_output(load_regression_test(regression_id), output_id)
        results, waiting = test_rows.count_output_results(output_id), find_waiting_runs(regression_id)
        if results or waiting:
            raise Conflict(
                "Runs have results of this output, or are to have.", {"result_count": results, "run_ids": waiting[:100]},
                remedy="Have it ignored in place of that.")
        test_rows.delete_output_row(output_id)

    _changed(regression_id, change, wanted, by, now)


def delete_test(regression_id: int, wanted: str | None, by: Editor, now: datetime) -> None:
    """Delete a regression test. Raises NotFound, PreconditionFailed, and Conflict where runs have results of it or wait for it."""
    catch_up(now)
    transact(partial(_delete, regression_id, wanted, by, now))


def _delete(regression_id: int, wanted: str | None, by: Editor, now: datetime) -> None:
    test_rows.lock_test(regression_id)
    before = test_values(load_regression_test(regression_id))
    check_version(wanted, before)
    results, waiting = test_rows.count_results(regression_id), find_waiting_runs(regression_id)
    if results or waiting:
        raise Conflict(
            "Runs have results of this test, or are to have.", {"result_count": results, "run_ids": waiting[:100]},
            remedy="Make it inactive in place of that.")
    test_rows.delete_test_row(regression_id)
    record_change(LibraryKind.REGRESSION_TEST, regression_id, before, None, by, now)


def _changed(regression_id: int, change: Callable[[], None], wanted: str | None, by: Editor, now: datetime) -> RegressionTest:
    def work() -> RegressionTest:
        test_rows.lock_test(regression_id)
        before = test_values(load_regression_test(regression_id))
        check_version(wanted, before)
        change()
        after = load_regression_test(regression_id)
        record_change(LibraryKind.REGRESSION_TEST, regression_id, before, test_values(after), by, now)
        return after

    # Runs that the platform's programs made are frozen first, as the test was when they were made.
    catch_up(now)
    return transact(work)


def _check_output(test: RegressionTest, output_id: int) -> None:
    if test.definition.output(output_id) is None:
        raise NotFound("output", output_id, remedy="See the outputs of the regression test.")
