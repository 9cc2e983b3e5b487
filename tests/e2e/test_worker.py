"""Workers against a real server: cancelled, stopped, killed, refused, and many at once."""
from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.installation import Installation
from tests.e2e.processes import eventually, is_alive
from tests.parts import need


@pytest.fixture
def ready(served: Installation) -> Installation:
    """The shared installation, with an executable that nobody holds."""
    served.release()
    return served


def test_a_queued_run_is_executed_and_passes(ready: Installation) -> None:
    run_id = ready.api.trigger()

    with ready.worker("plain", "--once") as worker:
        status = worker.ended()

    assert status == 0
    assert ready.api.ended(run_id)["status"] == "pass"


def test_a_run_that_is_divided_is_executed_by_two_machines_and_has_one_log(sqlite_path: Path, tmp_path: Path) -> None:
    made = Installation(tmp_path, f"sqlite:///{sqlite_path}")
    made.fill(tests=3)
    made.hold()

    with made.server():
        run_id = made.api.trigger(shards=2)
        with made.worker("half", "--once") as one, made.worker("other-half", "--once") as other:
            made.await_begun(2)
            made.release()
            statuses = [one.ended(), other.ended()]
        run, summary = made.api.ended(run_id), made.api.get(f"/runs/{run_id}/summary")
        lines = [each["message"] for each in made.api.get(f"/runs/{run_id}/logs", params={"limit": 100})["data"]]

    assert (statuses, run["status"], run["shards"], summary["pass_count"], made.begun()) == ([0, 0], "pass", 2, 3, 3)
    assert [sum(f"by {name}." in line for line in lines) for name in ("half", "other-half")] == [1, 1]


def test_a_run_that_is_cancelled_while_it_executes_is_stopped_and_its_worker_goes_on(ready: Installation) -> None:
    ready.hold()
    before = ready.begun()
    run_id = ready.api.trigger()

    with ready.worker("cancelled") as worker:
        ready.await_begun(before + 1)
        ready.api.cancel(run_id)
        eventually(lambda: len(worker.family()) == 1, "the end of the program")
        ready.release()
        following = ready.api.ended(ready.api.trigger())

    assert ready.api.ended(run_id)["status"] == "canceled"
    assert following["status"] == "pass"


@pytest.mark.verify
def test_a_worker_that_is_told_to_stop_gives_its_run_up_with_the_reason(ready: Installation) -> None:
    ready.hold()
    before = ready.begun()
    run_id = ready.api.trigger()

    with ready.worker("stopped") as worker:
        ready.await_begun(before + 1)
        family = worker.family()
        status = worker.stop()

    run = ready.api.ended(run_id)
    assert status == 0
    assert len(family) > 1
    assert (run["status"], run["run_errors"]) == ("canceled", "yes")
    assert "worker was stopped" in ready.api.messages(run_id)[-1]


@pytest.mark.verify
def test_a_run_whose_worker_was_killed_is_given_up_when_its_lease_has_passed(ready: Installation) -> None:
    ready.hold()
    before = ready.begun()
    run_id = ready.api.trigger()

    with ready.worker("killed") as worker:
        ready.await_begun(before + 1)
        family = worker.family()
        worker.kill()
        eventually(lambda: not any(map(is_alive, family)), "the end of all that it had started")
    run = ready.api.ended(run_id)

    assert (run["status"], run["run_errors"]) == ("canceled", "yes")
    assert "worker was lost" in ready.api.messages(run_id)[-1]
    assert ready.api.get(f"/runs/{run['replaced_by']}")["source_run_id"] == run_id
    assert ready.api.get(f"/runs/{run_id}/summary")["infrastructure_error_count"] == 1


@pytest.mark.verify
def test_a_worker_that_is_not_trusted_executes_nothing_and_says_which_setting_is_missing(ready: Installation) -> None:
    before = ready.begun()
    run_id = ready.api.trigger()

    with ready.worker("untrusted", "--once", changes={"CI_TRUST_EXECUTABLES": "false"}) as worker:
        worker.ended()

    run = ready.api.ended(run_id)
    assert (run["status"], run["run_errors"]) == ("canceled", "yes")
    assert "CI_TRUST_EXECUTABLES" in ready.api.messages(run_id)[-1]
    assert ready.begun() == before


@pytest.mark.verify
def test_two_workers_execute_ten_runs_and_none_twice(ready: Installation) -> None:
    before = ready.begun()
    runs = [ready.api.trigger() for _ in range(10)]

    with ExitStack() as both:
        workers = [both.enter_context(ready.worker(name, "--once")) for name in ("first", "second")]
        statuses = [worker.ended() for worker in workers]

    assert statuses == [0, 0]
    assert [ready.api.ended(run_id)["status"] for run_id in runs] == ["pass"] * 10
    assert ready.begun() - before == 10
    assert [sum("Taken by worker" in message for message in ready.api.messages(run_id)) for run_id in runs] == [1] * 10


@pytest.mark.verify
def test_a_server_that_is_killed_and_started_again_in_the_middle_of_a_run_loses_nothing(installation: Installation) -> None:
    installation.hold()

    with installation.worker("retrying") as worker:
        with installation.server() as server:
            run_id = installation.api.trigger()
            installation.await_begun(1)
            server.kill()
        installation.release()
        eventually(lambda: "again in" in worker.output(), "a report that was not taken")
        with installation.server():
            run = installation.api.ended(run_id)
            summary = installation.api.get(f"/runs/{run_id}/summary")

    assert run["status"] == "pass"
    assert (summary["pass_count"], summary["total_samples"]) == (1, 1)
    assert installation.begun() == 1


def test_a_worker_with_a_sandbox_needs_no_trust_and_its_programs_reach_nothing_outside(ready: Installation) -> None:
    need("bwrap")
    before = ready.begun()
    run_id = ready.api.trigger()
    changes = {"CI_TRUST_EXECUTABLES": "false", "CI_SANDBOX": "bubblewrap", "CI_WORK_DIR": str(ready.folder / "work")}

    with ready.worker("sandboxed", "--once", changes=changes) as worker:
        status = worker.ended()

    assert status == 0, worker.output()
    assert ready.api.ended(run_id)["status"] == "pass"
    # Outside a sandbox the program leaves a mark when it begins.
    assert ready.begun() == before
