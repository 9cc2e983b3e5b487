"""What a worker reports of a run that it could execute."""
from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from api.domain.runs.worker_suite import SuiteFile
from api.worker.options import WorkerOptions
from api.worker.programs.process import Limits
from tests.worker.fake_run_source import FakeRunSource
from tests.worker.inputs import TOKEN, MakeProgram, Store, a_test, sha256_of
from tests.worker.stand_in import Reply, StandIn
from tests.worker.working import a_captioned_test, queue, run

pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")


@pytest.mark.usefixtures("extractor")
def test_a_good_run_is_reported_in_the_order_of_the_protocol(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    queue(run_source, a_captioned_test(store, 1), a_captioned_test(store, 2, "--three", b"other"))

    assert run(options, run_source) == 1

    assert server.briefs() == [
        "progress preparation", "progress testing",
        "equality 1 11", "finish 1 0", "logupload 1",
        "upload 2 11", "finish 2 3", "logupload 2",
        "artifactupload binary", "artifactupload combined_stdout", "logupload", "progress completed"]
    assert server.of("upload")[0].file == b"CAPTIONS"
    assert server.of("progress")[-1].fields["message"] == "Executed 2 regression tests."
    assert run_source.released == [(1, None)]


@pytest.mark.usefixtures("extractor")
def test_each_test_has_its_log_and_the_run_has_the_workers(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    queue(run_source, a_captioned_test(store))

    run(options, run_source)

    own, whole = server.of("logupload")
    assert own.file == b"extracting\n"
    assert whole.file is not None
    lines = whole.file.decode().splitlines()
    assert all(line.startswith("[20") and "Z] [INFO] [worker] " in line for line in lines)
    assert "Regression test 1: exit code 0 after " in whole.file.decode()


@pytest.mark.usefixtures("extractor")
def test_inputs_and_outputs_of_all_kinds_are_served(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
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

    assert [brief for brief in server.briefs() if brief.startswith(("equality", "upload", "finish"))] == [
        "equality 1 11", "finish 1 0", "equality 2 12", "finish 2 0", "equality 3 13", "equality 3 14", "finish 3 0", "finish 4 0"]


def test_empty_files_are_reported_and_sent_like_others(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions, make_program: MakeProgram,
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

    assert [brief for brief in server.briefs() if brief.startswith(("equality", "upload", "finish", "logupload "))] == [
        "equality 1 11", "finish 1 0", "logupload 1", "upload 2 12", "finish 2 0", "logupload 2",
        "upload 3 13", "finish 3 0", "logupload 3", "upload 4 14", "finish 4 0", "logupload 4"]
    of_tests = [post for post in server.of("logupload") if "test_id" in post.fields]
    assert [post.file for post in [*server.of("upload"), *of_tests]] == [b""] * 7


def test_a_report_is_read_from_the_standard_output(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions, make_program: MakeProgram,
) -> None:
    store.executable(make_program("print('File:', sys.argv[-1].rpartition('/')[2])\nsys.exit('-o' in sys.argv)\n"))
    sample = store.sample(b"captions")
    queue(run_source, a_test(1, command="-out=report", output_type="report", sample=sample, files=(
        SuiteFile(11, sha256_of(f"File: {sample}.ts\n".encode()), "out.txt"),)))

    run(options, run_source)

    assert [post.brief() for post in server.posts if post.kind in ("equality", "upload", "finish")] == ["equality 1 11", "finish 1 0"]


@pytest.mark.usefixtures("extractor")
def test_a_missing_output_is_not_mentioned_and_a_crash_is_reported_as_its_signal(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    queue(run_source, a_captioned_test(store, 1, "--nothing"), a_captioned_test(store, 2, "--crash"))

    run(options, run_source)

    results = [brief for brief in server.briefs() if brief.startswith(("equality", "upload", "finish"))]
    assert results == ["finish 1 0", "finish 2 -11"]


@pytest.mark.usefixtures("extractor")
def test_the_time_limit_ends_a_test_and_the_run_goes_on(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    queue(run_source, a_captioned_test(store, 1, "--hang"), a_captioned_test(store, 2))

    run(replace(options, limits=Limits(seconds=1)), run_source)

    assert [post.fields.get("exitCode") for post in server.of("finish")] == ["124", "0"]
    assert server.of("finish")[0].fields["runTime"] == "1000"


@pytest.mark.usefixtures("extractor")
def test_the_runs_token_stands_in_no_log(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions, caplog: pytest.LogCaptureFixture,
) -> None:
    queue(run_source, a_captioned_test(store))
    refused: Iterator[Reply] = iter([(503, "", {}), (403, "FAIL", {})])
    server.script = lambda post: next(refused, None) if post.kind == "finish" else None

    with caplog.at_level(logging.DEBUG):
        logging.getLogger("httpx").setLevel(logging.DEBUG)
        run(options, run_source)

    assert caplog.text
    assert TOKEN not in caplog.text
    assert all(TOKEN.encode() not in (post.file or b"") for post in server.posts)


@pytest.mark.skipif(sys.platform != "linux", reason="core files beside the program are Linux's")
@pytest.mark.skipif(
    not Path("/proc/sys/kernel/core_pattern").exists() or Path("/proc/sys/kernel/core_pattern").read_text().strip() != "core",
    reason="this host sends core files elsewhere")
@pytest.mark.usefixtures("extractor")
def test_a_core_file_is_sent_where_it_is_allowed(store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions) -> None:
    queue(run_source, a_captioned_test(store, 1, "--crash"))

    run(replace(options, limits=Limits(seconds=60, core_bytes=1 << 30)), run_source)

    assert "artifactupload coredump" in server.briefs()
