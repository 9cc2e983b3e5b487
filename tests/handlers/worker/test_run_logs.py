"""The logs of claimed runs, which machines append to: each byte once, whatever is sent again or cut off."""
from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.domain.auth.access import Role
from api.domain.runs.progress import LateEventKind
from api.storage.runs.progress import list_late_events
from tests.builders import NOW, BuiltTest, add_regression_test, add_run
from tests.handlers.conftest import MakeSite
from tests.handlers.site import Client, Site
from tests.handlers.worker.machines import append, claimed, end, enrol

TEXT = bytes(range(48, 88))


@pytest.fixture
def machine(site: Site) -> Client:
    return enrol(site)


@pytest.fixture
def run_id(site: Site, test: BuiltTest) -> int:
    return add_run(tests=[test.regression_id])


@pytest.fixture
def path(run_id: int, machine: Client) -> str:
    """The path of the claim on it."""
    return claimed(machine)


@pytest.fixture
def log(site: Site, run_id: int) -> Path:
    """Where the log lies."""
    return site.files / "LogFiles" / f"{run_id}.txt"


def test_a_log_grows_by_what_is_sent_and_by_nothing_twice(machine: Client, path: str, log: Path) -> None:
    answers = [append(machine, path, content, start) for start, content in ((0, b"one\n"), (0, b"one\n"), (2, b"e\ntwo\n"), (8, b""))]

    assert answers == [(200, (4, "held")), (200, (4, "held")), (200, (8, "held")), (200, (8, "held"))]
    assert log.read_bytes() == b"one\ntwo\n"


def test_bytes_before_which_others_are_missing_are_refused_with_the_size(machine: Client, path: str, log: Path) -> None:
    append(machine, path, b"one\n")

    status, details = append(machine, path, b"three\n", start=9)

    assert (status, details["size"], log.read_bytes()) == (409, 4, b"one\n")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(pieces=st.lists(st.tuples(st.integers(0, len(TEXT)), st.integers(0, len(TEXT))), min_size=1, max_size=8))
def test_whatever_pieces_are_sent_the_log_is_the_beginning_of_the_text(site: Site, pieces: list[tuple[int, int]]) -> None:
    add_run(tests=[add_regression_test().regression_id])
    machine = enrol(site, f"linux-{next(NAMES)}")
    path, size = claimed(machine), 0
    run_id = int(path.rpartition("run-")[2].partition("-")[0])

    for start, length in pieces:
        status, told = append(machine, path, TEXT[start:start + length], start)
        size = max(size, min(len(TEXT), start + length)) if start <= size else size
        assert (status, told["size"] if status == 409 else told[0]) == (200 if start <= size else 409, size)

    log = site.files / "LogFiles" / f"{run_id}.txt"
    assert (log.read_bytes() if log.exists() else b"") == TEXT[:size]


NAMES = iter(range(10_000))


def test_who_reads_a_growing_log_goes_on_where_he_was(site: Site, machine: Client, run_id: int, path: str) -> None:
    reader = site.as_role(Role.ADMIN)
    append(machine, path, b"one\n")
    first = reader.get(f"/api/v1/runs/{run_id}/logs").json()

    append(machine, path, b"two\n", start=4)
    second = reader.get(f"/api/v1/runs/{run_id}/logs", params={"cursor": first["pagination"]["next_cursor"]}).json()

    assert [line["message"] for page in (first, second) for line in page["data"]] == ["one", "two"]


def test_a_log_that_the_disk_lost_the_end_of_is_sent_from_there(machine: Client, path: str, log: Path) -> None:
    append(machine, path, b"one\ntwo\n")
    os.truncate(log, 4)

    status, details = append(machine, path, b"three\n", start=8)
    again = append(machine, path, b"two\nthree\n", start=details["size"])

    assert (status, details["size"], again) == (409, 4, (200, (14, "held")))
    assert log.read_bytes() == b"one\ntwo\nthree\n"


def test_bytes_that_were_written_by_a_report_that_was_cut_off_are_written_over(machine: Client, path: str, log: Path) -> None:
    append(machine, path, b"one\n")
    with log.open("ab") as torn:
        torn.write(b"tw")

    append(machine, path, b"two\n", start=4)

    assert log.read_bytes() == b"one\ntwo\n"


def test_the_log_of_a_runs_earlier_life_gives_way(machine: Client, path: str, log: Path) -> None:
    log.write_bytes(b"of a machine that was lost before\n")

    append(machine, path, b"new\n")

    assert log.read_bytes() == b"new\n"


def test_a_log_that_is_too_large_is_refused_and_stays(make_site: MakeSite) -> None:
    site = make_site(max_upload=100_000)
    add_run(tests=[add_regression_test().regression_id])
    machine = enrol(site)
    path = claimed(machine)

    answers = [append(machine, path, b"x" * 60_000, start) for start in (0, 60_000, 40_000)]

    assert [(status, told if status == 200 else told["rule"]) for status, told in answers] == [
        (200, (60_000, "held")), (422, "log_bytes"), (200, (100_000, "held"))]


@pytest.mark.parametrize("failing", ["pwrite", "fdatasync"])
def test_what_the_disk_does_not_take_is_asked_for_again(
    machine: Client, path: str, log: Path, monkeypatch: pytest.MonkeyPatch, failing: str,
) -> None:
    append(machine, path, b"one\n")

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, failing, full)
        status, details = append(machine, path, b"two\n", start=4)
    again = append(machine, path, b"two\n", start=4)

    assert (status, details["reason"], again) == (503, "store_full", (200, (8, "held")))
    assert log.read_bytes() == b"one\ntwo\n"


def test_however_often_a_log_grows_after_the_runs_end_that_is_one_event(site: Site, machine: Client, run_id: int, path: str) -> None:
    site.as_role(Role.ADMIN).post(f"/api/v1/runs/{run_id}/cancel", json={})

    for start in range(3):
        append(machine, path, b"x", start)

    assert list_late_events(run_id) == [(LateEventKind.LOG_REPLACED, NOW)]


def test_what_comes_after_the_runs_end_is_taken_and_noted(site: Site, machine: Client, run_id: int, path: str, log: Path) -> None:
    append(machine, path, b"one\n")
    site.as_role(Role.ADMIN).post(f"/api/v1/runs/{run_id}/cancel", json={})

    late = append(machine, path, b"two\n", start=4)
    machine.put(f"{path}/end", json=end("gave_up", "The run is over."))

    assert (late, log.read_bytes()) == ((200, (8, "lost")), b"one\ntwo\n")
    assert append(machine, path, b"three\n", start=8)[0] == 404
