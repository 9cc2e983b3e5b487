"""A machine on Windows, as far as another system can show it: the machine's code finds nothing that POSIX alone has."""
from __future__ import annotations

import sys

import pytest

from tests.builders import MAIN_REPOSITORY
from tests.e2e.installation import COMMIT, Installation
from tests.e2e.processes import eventually, finished, is_alive

WITHOUT_POSIX = (sys.executable, "-m", "tests.without_posix")
HANGING = "b" * 40
# Starts a process, which starts another and ends, in sessions of their own; and waits for ever.
FAMILY = """#!/bin/sh
setsid sh -c 'sleep 600 & echo $! >>"{begun}"'
setsid sleep 600 &
echo $! >>"{begun}"
echo $$ >>"{begun}"
wait
"""


@pytest.fixture
def ready(served: Installation) -> Installation:
    """The shared installation, with executables for Windows that this system can execute."""
    served.release()
    (served.folder / "begun").unlink(missing_ok=True)
    folder = served.folder / "executables" / MAIN_REPOSITORY
    programs = {
        COMMIT: (folder / "linux" / COMMIT / "ccextractor").read_text(), HANGING: FAMILY.format(begun=served.folder / "begun")}
    for commit, text in programs.items():
        program = folder / "windows" / commit / "ccextractorwinfull.exe"
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(text)
        program.chmod(0o755)
    return served


def test_a_run_is_executed_and_passes_without_anything_of_posix(ready: Installation) -> None:
    run_id = ready.api.trigger(platform="windows")

    with ready.worker("windows-1", "--once", platform="windows", program=WITHOUT_POSIX) as machine:
        status = machine.ended()

    assert status == 0, machine.output()
    assert ready.api.ended(run_id)["status"] == "pass"
    assert list((ready.folder / "work-windows-1" / "runs").iterdir()) == []


def test_the_time_limit_ends_all_that_a_program_has_started(ready: Installation) -> None:
    run_id = ready.api.trigger(platform="windows", commit_sha=HANGING)

    with ready.worker(
        "windows-1", "--once", platform="windows", program=WITHOUT_POSIX, changes={"CI_TEST_TIMEOUT": "3"},
    ) as machine:
        ready.await_begun(3)
        status = machine.ended()

    family = [int(line) for line in (ready.folder / "begun").read_text().split()]
    eventually(lambda: not any(map(is_alive, family)), "the end of all that it had started")
    assert (status, ready.api.ended(run_id)["status"]) == (0, "fail")
    assert "3000 ms" in "".join(each["message"] for each in ready.api.get(f"/runs/{run_id}/logs", params={"limit": 100})["data"])


def test_what_nobody_trusts_is_not_executed_and_a_sandbox_that_is_not_there_is_refused(ready: Installation) -> None:
    with ready.worker("windows-2", "--once", platform="windows", program=WITHOUT_POSIX, changes={"CI_TRUST_EXECUTABLES": "false"}) as one:
        untrusted = one.ended()
    with ready.worker("windows-2", platform="windows", program=WITHOUT_POSIX, changes={"CI_SANDBOX": "bubblewrap"}) as other:
        sandboxed = other.ended()

    assert (untrusted, sandboxed) == (1, 1)
    assert "CI_TRUST_EXECUTABLES=true must allow executing without one" in one.output()
    assert "CI_SANDBOX is bubblewrap, and on this system there is no sandbox" in other.output()


def test_a_command_for_which_posix_is_needed_is_not_offered() -> None:
    done = finished((*WITHOUT_POSIX, "serve"), {})

    assert done.returncode == 2
    assert "invalid choice: 'serve' (choose from 'machine')" in done.stderr
