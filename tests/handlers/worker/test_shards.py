"""One run on several machines: each executes its part, and together they make one run with one log."""
from __future__ import annotations

from typing import Any

import pytest

from api.domain.auth.access import Role
from tests.builders import BuiltTest, add_regression_test
from tests.handlers.site import Client, Site
from tests.handlers.worker.machines import API, BYTES, SESSION, append, claimed, end, ending, enrol
from tests.handlers.worker.reports import events, stored

RUNS = "/api/v1/runs"


@pytest.fixture
def tests(site: Site) -> dict[int, BuiltTest]:
    """Three tests, by their ids."""
    return {each.regression_id: each for each in (add_regression_test() for _ in range(3))}


@pytest.fixture
def run_id(site: Site, tests: dict[int, BuiltTest]) -> int:
    """A run of them, divided among two machines."""
    body = {"repository": "CCExtractor/ccextractor", "commit_sha": "c" * 40, "platform": "linux", "shards": 2}
    answer = site.as_role(Role.ADMIN).post(RUNS, json=body)
    assert (answer.status_code, answer.json()["shards"]) == (202, 2)
    return int(answer.json()["run_id"])


def execute(machine: Client, path: str, tests: dict[int, BuiltTest], name: str) -> list[int]:
    """Report that all tests of a claim passed, and send the files; the tests' ids."""
    ids = [each["regression_id"] for each in machine.get(f"{path}/tests").json()["tests"]]
    machine.post(f"{path}/results", json={"results": [ending(each, *tests[each].output_ids) for each in ids]})
    append(machine, path, f"log of {name}\n".encode())
    printed = machine.put(f"{path}/run-files/combined_stdout", content=f"combined_stdout of {name}\n".encode(), headers=BYTES)
    assert printed.status_code == 204
    return ids


def shown(site: Site, run_id: int) -> dict[str, Any]:
    answer: dict[str, Any] = site.as_role(Role.ADMIN).get(f"{RUNS}/{run_id}").json()
    return answer


def log_of(site: Site, run_id: int) -> str:
    return (site.files / "LogFiles" / f"{run_id}.txt").read_text()


def test_two_machines_execute_each_test_once_and_make_one_run(site: Site, run_id: int, tests: dict[int, BuiltTest]) -> None:
    first, second = enrol(site, "linux-1"), enrol(site, "linux-2")
    one, other = claimed(first), claimed(second)

    executed = execute(first, one, tests, "the first"), execute(second, other, tests, "the second")
    live = log_of(site, run_id)
    first.put(f"{one}/end", json=end())
    halfway = shown(site, run_id)["status"]
    second.put(f"{other}/end", json=end())

    assert (sorted(executed[0] + executed[1]), halfway) == (sorted(tests), "running")
    assert shown(site, run_id)["status"] == "pass"
    assert events(site, run_id)[-1] == ("completed", "Executed 3 regression tests.")
    joined = "=== Shard 1 of 2\n{0} of the first\n=== Shard 2 of 2\n{0} of the second\n"
    assert live == log_of(site, run_id) == joined.format("log")
    printed = site.files / "test_artifacts" / str(run_id) / "combined_stdout.log"
    assert printed.read_text() == joined.format("combined_stdout")
    assert stored(site) == [f"LogFiles/{run_id}.txt", f"test_artifacts/{run_id}/combined_stdout.log"]


def test_one_machine_executes_the_shards_that_no_other_takes(site: Site, run_id: int, tests: dict[int, BuiltTest]) -> None:
    machine = enrol(site)
    for name in ("first", "second"):
        path = claimed(machine)
        execute(machine, path, tests, name)
        machine.put(f"{path}/end", json=end())

    assert shown(site, run_id)["status"] == "pass"


def test_a_machine_that_gives_up_ends_the_run_for_all_and_every_log_stays(
    site: Site, run_id: int, tests: dict[int, BuiltTest],
) -> None:
    first, second = enrol(site, "linux-1"), enrol(site, "linux-2")
    one, other = claimed(first), claimed(second)
    for machine, path, name in ((first, one, "the first"), (second, other, "the second")):
        append(machine, path, f"{name}\n".encode())

    first.put(f"{one}/end", json=end("gave_up", "The build failed.", "BUILD_FAILED"))
    renewed = second.post(f"{API}/claims/renew", json={"claims": [other.rpartition("/")[2]]}).json()["claims"]
    late = append(second, other, b"second\nits end\n", start=len("the "))
    second.put(f"{other}/end", json=end("gave_up", "Stopped."))

    assert [each["state"] for each in renewed] == ["lost"]
    assert (shown(site, run_id)["status"], late) == ("canceled", (200, (len("the second\nits end\n"), "lost")))
    assert events(site, run_id)[-1] == ("canceled", "The build failed.")
    assert log_of(site, run_id) == "=== Shard 1 of 2\nthe first\n=== Shard 2 of 2\nthe second\nits end\n"
    assert stored(site) == [f"LogFiles/{run_id}.txt"]


def test_a_shard_that_waits_is_nobodys_once_its_run_is_over(site: Site, run_id: int) -> None:
    first, second = enrol(site, "linux-1"), enrol(site, "linux-2")
    path = claimed(first)
    first.put(f"{path}/end", json=end("gave_up", "No disk."))

    assert second.post(f"{API}/claims", json={"session": SESSION, "holding": []}).json()["work"] is None
