"""What the database refers to, as names of files."""
from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from api.domain.runs.run import Phase
from api.storage.files.referenced_files import result_names, run_names, sample_names
from api.storage.files.referenced_files import test_log_names as logs_of_tests
from tests.builders import BASELINE, Output, add_event, add_output, add_regression_test, add_run, add_sample, digest_of
from tests.databases import Database

OLD, GOT, VARIANT = digest_of("old"), digest_of("got"), digest_of("variant")


def names(batches: Iterable[list[str]]) -> list[str]:
    return sorted(chain.from_iterable(batches))


def test_samples_come_with_what_is_known_of_them(database: Database) -> None:
    add_sample(sha="a1", extension="ts")
    add_sample(sha="not a hash")

    assert names(sample_names()) == ["TestFiles/a1.ts", "TestFiles/media/a1.xml"]


def test_results_are_baselines_variants_and_what_runs_produced_and_expected_each_once(database: Database) -> None:
    test = add_regression_test(outputs=[Output(acceptable=(VARIANT,)), Output(extension=".txt"), Output("")])
    for run_id in (add_run(), add_run()):
        add_event(run_id, Phase.TESTING)
        add_output(run_id, test.regression_id, test.output_ids[0], got=GOT, expected=OLD)
        add_output(run_id, test.regression_id, test.output_ids[1], got="error")

    assert names(result_names()) == sorted(
        [f"TestResults/{digest}.srt" for digest in (BASELINE, VARIANT, GOT, OLD)] + [f"TestResults/{BASELINE}.txt"])


def test_a_run_has_a_log_and_three_files(database: Database) -> None:
    linux, windows = add_run(), add_run(platform="windows")

    found = names(run_names())

    assert len(found) == 8
    wanted = {f"LogFiles/{linux}.txt", f"test_artifacts/{linux}/ccextractor", f"test_artifacts/{windows}/ccextractorwinfull.exe"}
    assert wanted <= set(found)


def test_logs_of_tests_are_those_that_are_there_of_runs_that_exist(database: Database) -> None:
    run_id = add_run()

    found = names(logs_of_tests([f"LogFiles/{run_id}/3.txt", "LogFiles/999/3.txt", f"LogFiles/{run_id}.txt", "LogFiles/x/3.txt"]))

    assert found == [f"LogFiles/{run_id}/3.txt"]


def test_an_empty_database_refers_to_nothing(database: Database) -> None:
    assert names([*sample_names(), *result_names(), *run_names(), *logs_of_tests([])]) == []
