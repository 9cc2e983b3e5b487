"""Frozen sets: made from the definitions, stored once, read back whole."""
from __future__ import annotations

from sqlalchemy import func, select, update

from api.domain.runs.expected_tests import ExpectedOutput, ExpectedTests
from api.services.runs import runs
from api.storage.catalog.regression_tests import load_definitions
from api.storage.database import session, transact, transaction
from api.storage.platform_tables import RegressionCategoryRow, RegressionOutputRow, RegressionTestRow
from api.storage.runs.expected_tests import (
    find_known_tests,
    list_active_tests,
    list_customized_tests,
    load_expected_tests,
    save_expected_tests,
)
from api.storage.tables.runs import ExpectedTestsRow
from tests.builders import BASELINE, Output, add_category, add_regression_test, add_run, add_sample, digest_of, save
from tests.databases import Database
from tests.services.acting import create


def count_sets() -> int:
    return session().execute(select(func.count()).select_from(ExpectedTestsRow)).scalar_one()


def test_a_definition_carries_all_that_a_worker_and_a_judge_need(database: Database) -> None:
    add_category("DVB")
    test = add_regression_test(
        sample_id=add_sample(sha="ab" * 32, extension=".mkv"), command="-out=ttxt — ü", input_type="stdin", output_type="stdout",
        expected_exit_code=10, categories=["Teletext", "DVB"],
        outputs=(Output(acceptable=("b", "a")), Output("x", ".log", "_1", True)))

    found = load_definitions().tests

    assert len(found) == 1
    made = found[0]
    assert (made.regression_id, made.sample_id, made.sample_sha, made.sample_extension) == (
        test.regression_id, test.sample_id, "ab" * 32, ".mkv")
    assert (made.command, made.input_type, made.output_type, made.expected_exit_code) == ("-out=ttxt — ü", "stdin", "stdout", 10)
    assert made.categories == ("DVB", "Teletext")
    assert made.outputs == (
        ExpectedOutput(test.output_ids[0], BASELINE, ".srt", "", False, ("b", "a")),
        ExpectedOutput(test.output_ids[1], "x", ".log", "_1", True))


def test_what_a_definition_leaves_open_gets_its_usual_value(database: Database) -> None:
    test = add_regression_test(expected_exit_code=None)
    with transaction():
        session().execute(update(RegressionTestRow).values(input_type=None, output_type=None))

    made = load_definitions().by_id[test.regression_id]

    assert (made.input_type, made.output_type, made.expected_exit_code, made.categories) == ("file", "file", 0, ())


def test_a_set_comes_back_as_it_was_stored(database: Database) -> None:
    for _ in range(3):
        add_regression_test(categories=["DVB"], outputs=(Output(acceptable=("é", "🎬")), Output()))
    made = load_definitions()

    stored = transact(lambda: save_expected_tests(made))

    assert load_expected_tests(stored) == made
    assert load_expected_tests(None) == ExpectedTests(())


def test_equal_sets_are_stored_once(database: Database) -> None:
    first, second = add_regression_test(), add_regression_test()

    created = [create(*tests) for tests in ((first, second), (second, first), (first,), (first,))]

    ids = [runs.load_run(run_id).expected_tests_id for run_id in created]
    assert ids[0] == ids[1] != ids[2] == ids[3]
    assert count_sets() == 2


def test_the_same_set_stored_by_many_at_once_is_stored_once(database: Database) -> None:
    add_regression_test()
    made = load_definitions()
    session().rollback()

    ids = database.together(*[lambda: transact(lambda: save_expected_tests(made))] * 8)

    assert len(set(ids)) == 1
    assert count_sets() == 1


def test_a_run_keeps_the_definitions_of_its_beginning(database: Database) -> None:
    test = add_regression_test(categories=["DVB"])
    before = create(test)
    with transaction():
        session().execute(update(RegressionOutputRow).values(correct=digest_of("new")))
        session().execute(update(RegressionTestRow).values(command="-new", active=False))
    after = create(test)

    old, new = (load_expected_tests(runs.load_run(each).expected_tests_id).by_id[test.regression_id] for each in (before, after))

    assert (old.command, old.outputs[0].baseline) == ("-out=srt", BASELINE)
    assert (new.command, new.outputs[0].baseline) == ("-new", digest_of("new"))


def test_a_set_of_many_tests_is_not_cut(database: Database) -> None:
    test = add_regression_test(outputs=tuple(Output(acceptable=(digest_of(str(number)),)) for number in range(700)))

    run_id = create(test)

    assert len(load_expected_tests(runs.load_run(run_id).expected_tests_id).tests[0].outputs) == 700


def test_tests_are_found_by_their_ids(database: Database) -> None:
    active, inactive = add_regression_test(), add_regression_test(active=False)
    run_id = add_run(tests=[inactive.regression_id])
    other = add_run()

    assert list_active_tests() == {active.regression_id}
    assert find_known_tests([active.regression_id, inactive.regression_id, 4711]) == {active.regression_id, inactive.regression_id}
    assert find_known_tests([]) == frozenset()
    assert list_customized_tests(run_id) == {inactive.regression_id}
    assert list_customized_tests(other) == frozenset()


def test_a_category_named_twice_is_the_tests_once_in_each(database: Database) -> None:
    test = add_regression_test(categories=["DVB", "General"])
    save(RegressionCategoryRow(regression_id=add_regression_test().regression_id, category_id=add_category("DVB")))

    assert load_definitions().by_id[test.regression_id].category == "DVB"
