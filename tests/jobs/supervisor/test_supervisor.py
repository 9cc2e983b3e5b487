"""The supervisor where the world around it fails: a full disk, a spec that cannot be read, a sandbox that is not there."""
from __future__ import annotations

import os
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.domain.jobs.job import JobReason
from api.host.slots import Slots
from api.jobs.files import AttemptFiles
from api.jobs.supervisor.spec import Spec, Step
from api.jobs.supervisor.start import SupervisorNotStarted, start_supervisor
from api.sandbox.linux.bubblewrap import Bubblewrap
from api.sandbox.sandbox import Sandbox
from tests.jobs.attempts import LIMITS, USER, Bench, Running, await_true, processes_of, shell
from tests.jobs.small_disk import SmallDisk, small_disk

__all__ = ["small_disk"]


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


def spec(sandbox: Sandbox, workspace: Path, *commands: tuple[str, ...]) -> dict[str, object]:
    workspace.mkdir(exist_ok=True)
    os.chown(workspace, USER, USER)
    steps = tuple(Step(f"step{number}", command, LIMITS) for number, command in enumerate(commands))
    return Spec(f"test-{os.urandom(4).hex()}", 3, sandbox.description(), workspace, steps, user_id=USER).as_json()


def test_a_full_disk_under_the_log_holds_the_job_up_and_no_line_is_lost(
    bubblewrap: Sandbox, small_disk: SmallDisk, tmp_path: Path,
) -> None:
    files = AttemptFiles(small_disk.folder / "1-3")
    command = shell("echo begun; while [ ! -e go ]; do sleep 0.05; done; seq 60000; echo done")
    files.prepare(spec(bubblewrap, tmp_path / "workspace", command), soon())
    running = Running(files, tmp_path / "workspace", USER)
    start_supervisor(files)
    running.await_log("begun")

    small_disk.fill()
    (tmp_path / "workspace" / "go").touch()
    time.sleep(2)
    held_up = not files.exit.exists()
    small_disk.empty()
    record = running.ended()

    assert held_up
    assert (record.reason, record.exit_code, record.log_truncated) == (JobReason.EXIT_CODE, 0, False)
    assert running.log == "begun\n" + "".join(f"{number}\n" for number in range(1, 60001)) + "done\n"


def test_a_full_disk_under_the_record_delays_it(bubblewrap: Sandbox, small_disk: SmallDisk, tmp_path: Path) -> None:
    files = AttemptFiles(small_disk.folder / "1-3")
    files.prepare(spec(bubblewrap, tmp_path / "workspace", shell("while [ ! -e go ]; do sleep 0.05; done; exit 4")), soon())
    start_supervisor(files)

    small_disk.fill()
    (tmp_path / "workspace" / "go").touch()
    await_true(lambda: b"No space left" in files.supervisor_log.read_bytes() or processes_of(USER) == [])
    time.sleep(1)
    without = files.read_exit()
    small_disk.empty()
    record = Running(files, tmp_path, USER).ended()

    assert without is None
    assert record.exit_code == 4


@pytest.mark.parametrize("content", ["", "{}", '{"fence": 3}', "null"])
def test_a_spec_that_cannot_be_read_is_an_engine_error(tmp_path: Path, content: str) -> None:
    files = AttemptFiles(tmp_path / "1-3")
    files.prepare({}, soon())
    files.spec.write_text(content)

    start_supervisor(files)
    record = Running(files, tmp_path, USER).ended()

    assert record.reason is JobReason.ENGINE_ERROR
    assert record.detail


def test_what_a_supervisor_says_of_its_troubles_names_job_and_attempt_in_each_line(tmp_path: Path) -> None:
    files = AttemptFiles(tmp_path / "a-job" / "2-7")
    files.prepare({}, soon())

    start_supervisor(files)
    Running(files, tmp_path, USER).ended()

    lines = files.supervisor_log.read_text().splitlines()
    assert all(" ERROR job_id=a-job attempt=2 " in line for line in lines)
    assert "KeyError" in lines[-1]


def test_a_sandbox_that_is_not_there_is_an_engine_error_and_nothing_runs_bare(tmp_path: Path) -> None:
    files = AttemptFiles(tmp_path / "1-3")
    missing = Bubblewrap("/nowhere/bwrap")
    files.prepare(spec(missing, tmp_path / "workspace", shell(f"touch {tmp_path}/ran")), soon())

    start_supervisor(files)
    record = Running(files, tmp_path, USER).ended()

    assert (record.reason, record.fence, record.exit_code) == (JobReason.ENGINE_ERROR, 3, None)
    assert "not installed" in (record.detail or "")
    assert not (tmp_path / "ran").exists()


def test_an_attempt_that_was_cancelled_before_it_began_does_not_begin(bubblewrap: Sandbox, tmp_path: Path) -> None:
    files = AttemptFiles(tmp_path / "1-3")
    files.prepare(spec(bubblewrap, tmp_path / "workspace", shell("echo never")), soon())
    files.ask_cancel()

    start_supervisor(files)
    running = Running(files, tmp_path, USER)

    assert running.ended().reason is JobReason.CANCELLED
    assert running.log == ""


def test_the_supervisor_goes_on_holding_the_slot_that_its_starter_took(bubblewrap: Sandbox, tmp_path: Path) -> None:
    slots = Slots(tmp_path / "slots", count=1)
    files = AttemptFiles(tmp_path / "1-3")
    files.prepare(spec(bubblewrap, tmp_path / "workspace", shell("while [ ! -e go ]; do sleep 0.05; done")), soon())
    slot = slots.take()
    assert slot is not None

    start_supervisor(files, keep=[slot.lock])
    slot.release()
    while_it_runs = slots.take()
    (tmp_path / "workspace" / "go").touch()
    Running(files, tmp_path, USER).ended()
    afterwards = slots.take()

    assert while_it_runs is None
    assert afterwards is not None
    afterwards.release()


def test_a_folder_that_is_not_there_has_no_supervisor(tmp_path: Path) -> None:
    with pytest.raises(SupervisorNotStarted):
        start_supervisor(AttemptFiles(tmp_path / "gone"))


def test_a_supervisor_that_was_stopped_past_its_lease_ends_its_job_when_it_goes_on(bubblewrap: Sandbox, tmp_path: Path) -> None:
    bench = Bench(bubblewrap, tmp_path, images=False)
    running = bench.start(shell("echo up; sleep 600"), lease=3)
    running.await_log("up")

    os.kill(running.supervisor, 19)
    time.sleep(3)
    os.kill(running.supervisor, 18)
    record = running.ended()
    with suppress(FileNotFoundError):
        bench.clear()

    assert record.reason is JobReason.LOST
    assert processes_of(running.user_id) == []
