"""Full disks, the worker's and its server's: told as what they are, and never as a failure of the code under test."""
from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import pytest

from api.domain.runs.claimed_run import RunEnd, RunOutcome
from api.domain.runs.infrastructure_code import InfrastructureCode
from api.domain.runs.worker_suite import SuiteFile, SuiteTest
from api.host import temporary_folder
from api.host.clock import utc_now
from api.worker.options import WorkerOptions
from api.worker.patience import Retries, ServerDiskFull
from api.worker.programs.command import Invocation
from api.worker.programs.execution import Limits
from api.worker.programs.full_disk import DiskFull, blame_full_disk, has_room
from api.worker.programs.process import run_process
from api.worker.run_error import RunError
from api.worker.run_source import RunSourceUnavailable
from api.worker.sources.build_log import BuildLog
from api.worker.sources.source import FolderSource
from tests.jobs.small_disk import SmallDisk, small_disk
from tests.worker.fake_run_source import FakeRunSource, Report
from tests.worker.inputs import MakeProgram, Store, a_test, sha256_of
from tests.worker.working import run

__all__ = ["small_disk"]

FULL = RunEnd(RunOutcome.GAVE_UP, DiskFull().reported)
# It does what real programs do: it goes on after a failed write, and ends well or not.
WRITER = """
output = open(sys.argv[sys.argv.index('-o') + 1], 'wb', buffering=0)
try:
    for _ in range(1024):
        output.write(bytes(4096))
except OSError as fault:
    print(fault)
sys.exit(0 if '--careless' in sys.argv else 1)
"""
PRINTER = "for _ in range(1024): sys.stdout.write('x' * 4096)\n"


def options_on(disk: SmallDisk, run_source: FakeRunSource) -> WorkerOptions:
    return WorkerOptions(
        name="tester", temporary=disk.folder / "runs", trusted=True, sources=(FolderSource(run_source),),
        limits=Limits(seconds=60), retries=Retries(timeout=30, first_pause=0.02, max_pause=0.1), poll_seconds=0.02, renew_seconds=0.02)


def queue(store: Store, run_source: FakeRunSource, *commands: str) -> int:
    return run_source.add(tests=[made_test(store, number, command) for number, command in enumerate(commands, 1)])


def made_test(store: Store, number: int, command: str) -> SuiteTest:
    return a_test(number, command=command, sample=store.sample(b"a"), files=(SuiteFile(number, sha256_of(b"b"), "out.srt"),))


@pytest.mark.parametrize("command", ["--careful", "--careless"])
def test_a_program_that_met_a_full_disk_is_no_failure_of_a_test(
    store: Store, run_source: FakeRunSource, small_disk: SmallDisk, make_program: MakeProgram, command: str,
) -> None:
    store.executable(make_program(WRITER))
    queue(store, run_source, command, command)

    run(options_on(small_disk, run_source), run_source)

    assert (run_source.results, run_source.briefs("output")) == ([], [])
    assert run_source.end_of_one == FULL


def test_what_a_program_prints_onto_a_full_disk_holds_nothing_up(
    store: Store, run_source: FakeRunSource, small_disk: SmallDisk, make_program: MakeProgram,
) -> None:
    store.executable(make_program(PRINTER))
    queue(store, run_source, "--loud")

    run(options_on(small_disk, run_source), run_source)

    assert (run_source.results, run_source.end_of_one) == ([], FULL)


def test_a_disk_that_was_full_before_ends_one_run_and_not_all_that_wait(
    store: Store, run_source: FakeRunSource, small_disk: SmallDisk, make_program: MakeProgram,
) -> None:
    store.executable(make_program(WRITER))
    queue(store, run_source, "--careful")
    queue(store, run_source, "--careful")
    (small_disk.folder / "runs").mkdir()
    small_disk.fill()

    taken = run(options_on(small_disk, run_source), run_source)

    assert (taken, run_source.end_of_one) == (1, FULL)


def test_a_workspace_that_finds_no_room_is_told_with_the_claim(
    store: Store, run_source: FakeRunSource, small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch,
) -> None:
    queue(store, run_source, "--careful")

    def full(*_: object, **__: object) -> str:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr(temporary_folder.tempfile, "mkdtemp", full)

    run(options_on(small_disk, run_source), run_source)

    assert run_source.end_of_one == FULL


def test_a_journal_on_a_full_disk_leaves_lines_out(small_disk: SmallDisk) -> None:
    with BuildLog(small_disk.folder / "build.log", utc_now) as build_log:
        small_disk.fill()
        build_log.error("x" * 8192)
        small_disk.empty()
        build_log.error("again")

    assert (small_disk.folder / "build.log").read_text().endswith("[ERROR] [worker] again\n")


def test_what_fails_while_the_disk_is_full_failed_for_that(small_disk: SmallDisk) -> None:
    def failing() -> None:
        with blame_full_disk(small_disk.folder):
            raise RunError(InfrastructureCode.BUILD_FAILED, "The build failed.")

    with pytest.raises(RunError, match="The build failed"):
        failing()
    small_disk.fill()
    with pytest.raises(DiskFull):
        failing()


def test_a_probe_leaves_nothing(small_disk: SmallDisk) -> None:
    small_disk.fill()
    full = has_room(small_disk.folder)
    small_disk.empty()

    assert (full, has_room(small_disk.folder), list(small_disk.folder.iterdir())) == (False, True, [])


def test_a_server_whose_disk_is_full_is_told_from_one_that_is_away(
    store: Store, run_source: FakeRunSource, make_program: MakeProgram, tmp_path: Path,
) -> None:
    store.executable(make_program("open(sys.argv[sys.argv.index('-o') + 1], 'wb').close()\n"))
    queue(store, run_source, "")

    def be_full(report: Report) -> None:
        if report.content is not None:
            raise RunSourceUnavailable(retry_after=60, is_full=True)

    run_source.script = be_full
    options = options_on(SmallDisk(tmp_path / "large"), run_source)

    run(replace(options, retries=Retries(timeout=0.2, first_pause=0.05), stop_timeout=0.1), run_source)

    assert run_source.end_of_one == RunEnd(RunOutcome.GAVE_UP, ServerDiskFull().reported)


def test_the_program_of_a_bare_host_goes_on_while_its_log_finds_no_room(small_disk: SmallDisk, make_program: MakeProgram) -> None:
    folder = small_disk.folder / "test"
    folder.mkdir()
    small_disk.fill()

    with pytest.raises(DiskFull):
        run_process(
            Invocation((str(make_program(PRINTER)),), folder, small_disk.folder / "log"), Limits(seconds=30), stop=lambda: False)
