"""One run on several machines: each executes its part, and together they make one run with one log."""
from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from api.domain.auth.access import Role
from api.services.runs import shard_files
from api.services.runs.shard_files import LIVE_INTERVAL
from tests.builders import BuiltTest, add_regression_test
from tests.handlers.conftest import MakeSite
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
    return divided(site)


def divided(site: Site) -> int:
    """A run of all tests, divided among two machines."""
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

    executed = [execute(first, one, tests, "the first")]
    site.clock.now += LIVE_INTERVAL
    executed.append(execute(second, other, tests, "the second"))
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


def test_a_growing_log_is_joined_now_and_then(site: Site, run_id: int) -> None:
    machine = enrol(site)
    path = claimed(machine)
    seen = []

    for start, seconds in ((0, 0), (1, 9), (2, 1), (3, -20)):
        site.clock.now += timedelta(seconds=seconds)
        append(machine, path, b"x", start)
        seen.append(log_of(site, run_id))

    assert seen == [f"=== Shard 1 of 2\n{'x' * size}" for size in (1, 1, 3, 4)]


def test_parts_that_are_too_large_to_be_joined_live_are_joined_by_the_last_end_alone(
    site: Site, run_id: int, tests: dict[int, BuiltTest], monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shard_files, "LIVE_BYTES", 0)
    machine = enrol(site)
    path = claimed(machine)
    execute(machine, path, tests, "the first")
    machine.put(f"{path}/end", json=end())
    halfway = stored(site)
    path = claimed(machine)
    execute(machine, path, tests, "the second")

    machine.put(f"{path}/end", json=end())

    assert halfway == [f"ShardFiles/{run_id}/0-{name}.txt" for name in ("combined_stdout", "header", "log")]
    assert log_of(site, run_id) == "=== Shard 1 of 2\nlog of the first\n=== Shard 2 of 2\nlog of the second\n"
    assert stored(site) == [f"LogFiles/{run_id}.txt", f"test_artifacts/{run_id}/combined_stdout.log"]


def test_all_logs_together_are_no_larger_than_one_may_be(make_site: MakeSite) -> None:
    site = make_site(max_upload=10_000)
    for _ in range(2):
        add_regression_test()
    divided(site)
    machine = enrol(site)
    path = claimed(machine)

    answers = [append(machine, path, b"x" * 3_000, start) for start in (0, 3_000, 2_000)]

    assert [(status, told if status == 200 else told["rule"]) for status, told in answers] == [
        (200, (3_000, "held")), (422, "log_bytes"), (200, (5_000, "held"))]
    printed = f"{path}/run-files/combined_stdout"
    assert [machine.put(printed, content=b"x" * size, headers=BYTES).status_code for size in (5_000, 5_001)] == [204, 422]


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
