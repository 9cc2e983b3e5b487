"""What a worker reports of a run that it could execute."""
from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from unittest.mock import ANY

import pytest

from api.domain.runs.claimed_run import Ending, RunEnd, RunOutcome
from api.domain.runs.worker_suite import SuiteFile
from api.worker.options import WorkerOptions
from api.worker.programs.execution import Limits
from tests.worker.fake_run_source import FakeRunSource
from tests.worker.inputs import MakeProgram, Store, a_test, sha256_of
from tests.worker.working import a_captioned_test, queue, run

pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")


def told(run_source: FakeRunSource) -> list[tuple[int, int, tuple[int, ...]]]:
    """The tests that ended, each with its exit code and the outputs that were equal."""
    return [(each.regression_id, each.outcome.exit_code, each.outcome.equal_outputs)
            for each in run_source.results if isinstance(each.outcome, Ending)]


@pytest.mark.usefixtures("extractor")
def test_a_good_run_is_reported_test_by_test_with_files_before_what_tells_of_them(
    store: Store, run_source: FakeRunSource, options: WorkerOptions,
) -> None:
    queue(run_source, a_captioned_test(store, 1), a_captioned_test(store, 2, "--three", b"other"))
    # So that nothing is sent in between, however slow the run is.
    run_source.report_seconds = 3600

    assert run(options, run_source) == 1

    assert run_source.briefs() == [
        "progress preparation", "progress testing",
        "output 2 11", "file binary", "file combined_stdout", "results 1 2", "log", "end completed"]
    assert run_source.contents("output 2 11") == [b"CAPTIONS"]
    assert [(each.regression_id, each.outcome) for each in run_source.results] == [
        (1, Ending(0, ANY, (11,))), (2, Ending(3, ANY, ()))]
    assert run_source.end_of_one == RunEnd(RunOutcome.COMPLETED)


@pytest.mark.usefixtures("extractor")
def test_each_test_has_its_log_and_the_run_has_the_workers(
    store: Store, run_source: FakeRunSource, options: WorkerOptions,
) -> None:
    queue(run_source, a_captioned_test(store))

    run(options, run_source)

    assert [each.log for each in run_source.results] == [b"extracting\n"]
    lines = run_source.log().splitlines()
    assert all(line.startswith("[20") and "Z] [INFO] [worker] " in line for line in lines)
    assert "Regression test 1: exit code 0 after " in run_source.log()


@pytest.mark.usefixtures("extractor")
def test_inputs_and_outputs_of_all_kinds_are_served(
    store: Store, run_source: FakeRunSource, options: WorkerOptions,
) -> None:
    sample, good, reversed_ = store.sample(b"captions"), sha256_of(b"CAPTIONS"), sha256_of(b"SNOITPAC")
    log_and_text = sha256_of(b"extracting\nCAPTIONS")
    queue(
        run_source,
        a_test(1, command="-", input_type="stdin", sample=sample, files=(SuiteFile(11, good, "out.srt"),)),
        a_test(2, command="--stdout", output_type="stdout", sample=sample, files=(SuiteFile(12, log_and_text, "out.srt"),)),
        a_test(3, command="--multi", output_type="multiprogram", sample=sample,
               files=(SuiteFile(13, good, "out.srt"), SuiteFile(14, reversed_, "out_2.srt"))),
        a_test(4, output_type="null", sample=sample, files=()))

    run(options, run_source)

    assert told(run_source) == [(1, 0, (11,)), (2, 0, (12,)), (3, 0, (13, 14)), (4, 0, ())]
    assert run_source.briefs("output") == []


def test_empty_files_are_reported_and_sent_like_others(
    store: Store, run_source: FakeRunSource, options: WorkerOptions, make_program: MakeProgram,
) -> None:
    store.executable(make_program("if '-o' in sys.argv: open(sys.argv[sys.argv.index('-o') + 1], 'wb').close()"))
    sample, empty, other = store.sample(b"captions"), sha256_of(b""), sha256_of(b"CAPTIONS")
    queue(
        run_source,
        a_test(1, sample=sample, files=(SuiteFile(11, empty, "out.srt"),)),
        a_test(2, sample=sample, files=(SuiteFile(12, other, "out.srt"),)),
        a_test(3, output_type="stdout", sample=sample, files=(SuiteFile(13, other, "out.srt"),)),
        a_test(4, sample=sample, files=(SuiteFile(14, None, "out.srt"),)))

    run(options, run_source)

    assert told(run_source) == [(1, 0, (11,)), (2, 0, ()), (3, 0, ()), (4, 0, ())]
    assert run_source.briefs("output") == ["output 2 12", "output 3 13", "output 4 14"]
    assert {each.content for each in run_source.reports if each.kind == "output"} == {b""}
    assert {each.log for each in run_source.results} == {b""}


def test_a_report_is_read_from_the_standard_output(
    store: Store, run_source: FakeRunSource, options: WorkerOptions, make_program: MakeProgram,
) -> None:
    store.executable(make_program("print('File:', sys.argv[-1].rpartition('/')[2])\nsys.exit('-o' in sys.argv)\n"))
    sample = store.sample(b"captions")
    queue(run_source, a_test(1, command="-out=report", output_type="report", sample=sample, files=(
        SuiteFile(11, sha256_of(f"File: {sample}.ts\n".encode()), "out.txt"),)))

    run(options, run_source)

    assert told(run_source) == [(1, 0, (11,))]


@pytest.mark.usefixtures("extractor")
def test_a_missing_output_is_not_mentioned_and_a_crash_is_reported_as_its_signal(
    store: Store, run_source: FakeRunSource, options: WorkerOptions,
) -> None:
    queue(run_source, a_captioned_test(store, 1, "--nothing"), a_captioned_test(store, 2, "--crash"))

    run(options, run_source)

    assert told(run_source) == [(1, 0, ()), (2, -11, ())]


@pytest.mark.usefixtures("extractor")
def test_the_time_limit_ends_a_test_and_the_run_goes_on(
    store: Store, run_source: FakeRunSource, options: WorkerOptions,
) -> None:
    queue(run_source, a_captioned_test(store, 1, "--hang"), a_captioned_test(store, 2))

    run(replace(options, limits=Limits(seconds=1)), run_source)

    assert run_source.endings() == [(1, 124), (2, 0)]
    assert run_source.results[0].outcome == Ending(124, 1000)


@pytest.mark.skipif(sys.platform != "linux", reason="core files beside the program are Linux's")
@pytest.mark.skipif(
    not Path("/proc/sys/kernel/core_pattern").exists() or Path("/proc/sys/kernel/core_pattern").read_text().strip() != "core",
    reason="this host sends core files elsewhere")
@pytest.mark.usefixtures("extractor")
def test_a_core_file_is_sent_where_it_is_allowed(store: Store, run_source: FakeRunSource, options: WorkerOptions) -> None:
    queue(run_source, a_captioned_test(store, 1, "--crash"))

    run(replace(options, limits=Limits(seconds=60, core_bytes=1 << 30)), run_source)

    assert "file coredump" in run_source.briefs()
