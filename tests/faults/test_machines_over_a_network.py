"""Machines in networks of their own are killed, frozen and cut off, and their server too: no run is lost, doubled or changed by it."""
from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.processes import eventually, is_alive
from tests.faults.machines import NetworkedMachine, Plant, planted
from tests.faults.network import Condition

ANYWHERE = ("--host", "0.0.0.0")
# The shortest that there is, in seconds, and what is less.
LEASE, LESS = 10, 3
OUTAGE = 20
LOST = ("killed", "frozen", "cut-off", "reporting")
CLOCKS = {"slow-clock": -600, "fast-clock": 600}
NAMES = (*LOST, "sound", *CLOCKS, "hurt", "anew")
SAMPLE = random.Random(0).randbytes(2 << 20)
MANY_LINES = 400_000
POOR, SLOW = Condition(loss=0.02, delay=0.01), Condition(rate=2 << 20)
# They take minutes, and devices that not every host lets one make.
pytestmark = pytest.mark.verify


def log(lines: int) -> bytes:
    """What the program prints."""
    return "".join(f"{number}\n" for number in range(1, lines + 1)).encode()


@pytest.fixture(scope="module")
def plant(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """A plant with a running server and short leases, which tests share."""
    folder = tmp_path_factory.mktemp("plant")
    made = planted(
        f"sqlite:///{shutil.copy(sqlite_template, folder / 'ci.db')}", folder, *NAMES, tests=2, CI_LEASE_DURATION=str(LEASE))
    with made.installation.server(*ANYWHERE):
        yield made


def test_machines_that_are_lost_lose_their_runs_once_and_change_nothing_when_they_come_back(plant: Plant) -> None:
    plant.hold(*LOST)
    before = set(plant.runs())
    run_ids = [plant.installation.api.trigger() for _ in LOST]

    with ExitStack() as stack:
        machines = {name: stack.enter_context(plant.machine(name)) for name in LOST}
        plant.await_begun(*LOST)
        of = {name: plant.run_of(name, run_ids) for name in LOST}
        family = lose(plant, machines)
        runs = [plant.installation.api.ended(run_id) for run_id in run_ids]
        still = [machines["cut-off"].programs, [pid for pid in family if is_alive(pid)]]
        replacements = [run["replaced_by"] for run in runs]
        with plant.machine("sound", "--once") as sound:
            assert sound.running.ended() == 0, sound.running.output()
        told = {run_id: plant.told(run_id) for run_id in (*run_ids, *replacements)}
        come_back(plant, machines, of)

        assert {run_id: plant.told(run_id) for run_id in told} == told
    assert still == [[], []]
    assert [run["status"] for run in runs] == ["canceled"] * 4
    assert set(plant.runs()) == before | told.keys() and len(told) == 8
    assert [plant.installation.api.ended(run_id)["status"] for run_id in replacements] == ["pass"] * 4
    assert [plant.begun(name) for name in (*LOST, "sound")] == [1, 1, 1, 1, 8]


def lose(plant: Plant, machines: Mapping[str, NetworkedMachine]) -> list[int]:
    """Take all the machines from the server; the processes of the one that is killed."""
    family = machines["killed"].running.family()
    machines["killed"].running.kill()
    for pid in machines["frozen"].running.family():
        os.kill(pid, signal.SIGSTOP)
    machines["cut-off"].link.cut()
    # What it reports is on its way until the link goes on.
    machines["reporting"].link.stall()
    plant.release("frozen", "reporting")
    return family


def come_back(plant: Plant, machines: Mapping[str, NetworkedMachine], of: Mapping[str, int]) -> None:
    """Let the machines go on until they have left their runs, and report what the killed one may have had on its way."""
    for pid in machines["frozen"].running.family():
        # The machine, which goes on first, may have ended its program by now.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    machines["cut-off"].link.heal()
    machines["reporting"].link.heal()
    for name in ("frozen", "cut-off", "reporting"):
        machines[name].await_left(of[name])
    plant.report_late("killed", of["killed"])
    plant.release("killed", "cut-off")


def test_a_machine_keeps_its_run_while_it_is_cut_off_for_less_than_a_lease_whatever_its_clock_says(plant: Plant) -> None:
    plant.hold(*CLOCKS)
    run_ids = [plant.installation.api.trigger() for _ in CLOCKS]

    with ExitStack() as stack:
        machines = [stack.enter_context(plant.machine(name, condition=replace(POOR), clock_off=off)) for name, off in CLOCKS.items()]
        plant.await_begun(*CLOCKS)
        until = time.monotonic() + LEASE + 1
        for machine in machines:
            machine.link.cut()
        time.sleep(LESS)
        for machine in machines:
            machine.link.heal()
        # Longer than what the claim gave.
        eventually(lambda: time.monotonic() > until, "the end of the first lease")
        plant.release(*CLOCKS)
        runs = [plant.installation.api.ended(run_id) for run_id in run_ids]

    wrong = [datetime.fromisoformat(machine.running.output()[:19]) - datetime.now() for machine in machines]
    assert timedelta(minutes=-11) < wrong[0] < timedelta(minutes=-9) and timedelta(minutes=9) < wrong[1] < timedelta(minutes=11)
    assert [run["status"] for run in runs] == ["pass", "pass"]
    assert [plant.logs(run_id) for run_id in run_ids] == [[log(3)] * 2] * 2
    assert sorted(taker for run_id in run_ids for taker in plant.takers(run_id)) == sorted(CLOCKS)
    assert [plant.begun(name) for name in CLOCKS] == [2, 2]


def test_a_program_that_is_killed_fails_its_test_and_no_other(plant: Plant) -> None:
    plant.hold("hurt")
    run_id = plant.installation.api.trigger()

    with plant.machine("hurt", "--once") as machine:
        plant.await_begun("hurt")
        machine.kill_program()
        plant.release("hurt")
        status = machine.running.ended()

    results = plant.results(run_id)
    assert status == 0
    assert plant.installation.api.ended(run_id)["status"] == "fail"
    assert results == [(1, "missing_output", -signal.SIGKILL), (2, "pass", 0)]
    assert plant.begun("hurt") == 2


def test_a_machine_that_is_killed_and_started_anew_executes_what_replaces_its_run(plant: Plant) -> None:
    plant.hold("anew")
    run_id = plant.installation.api.trigger()

    with plant.machine("anew") as machine:
        plant.await_begun("anew")
        machine.running.kill()
    plant.release("anew")
    with plant.machine("anew", "--once") as machine:
        status = machine.running.ended()

    run = plant.installation.api.ended(run_id)
    assert status == 0
    assert run["status"] == "canceled"
    assert "The worker was lost" in plant.installation.api.messages(run_id)[-1]
    assert plant.installation.api.ended(run["replaced_by"])["status"] == "pass"
    assert plant.begun("anew") == 3


@pytest.mark.parametrize("at_log", [False, True], ids=["download", "download and log"])
def test_a_server_that_is_killed_in_the_middle_of_a_file_costs_nothing_but_time(sqlite_path: Path, tmp_path: Path, at_log: bool) -> None:
    lines = MANY_LINES if at_log else 3
    plant = planted(f"sqlite:///{sqlite_path}", tmp_path, "slow", sample=SAMPLE, lines=lines, CI_LEASE_DURATION=str(OUTAGE))

    with ExitStack() as stack:
        with plant.installation.server(*ANYWHERE) as server:
            run_id = plant.installation.api.trigger()
            machine = stack.enter_context(plant.machine("slow", "--once", condition=replace(SLOW)))
            link = machine.link
            eventually(lambda: link.received > len(SAMPLE) / 2, "half of the download")
            server.kill()
        # The server is away for longer than a lease.
        time.sleep(OUTAGE + 1)
        seen = plant.begun("slow"), plant.logs(run_id)
        if at_log:
            with plant.installation.server(*ANYWHERE) as server:
                plant.await_begun("slow")
                sent = link.sent
                eventually(lambda: link.sent - sent > len(log(lines)) / 2, "half of the log")
                server.kill()
            seen = plant.begun("slow") - 1, plant.logs(run_id)
        with plant.installation.server(*ANYWHERE):
            status = machine.running.ended()
            results = plant.results(run_id)

    assert (status, seen) == (0, (0, []))
    assert results == [(1, "pass", 0)]
    assert plant.logs(run_id) == [log(lines)]
    assert plant.begun("slow") == 1
    # What had come before the server was killed did not come again.
    assert link.received < len(SAMPLE) * 1.3


def test_a_machine_that_vanishes_while_it_waits_for_work_is_given_none(sqlite_path: Path, tmp_path: Path) -> None:
    plant = planted(f"sqlite:///{sqlite_path}", tmp_path, "gone", "sound")

    with plant.installation.server(*ANYWHERE):
        with plant.machine("gone") as gone:
            eventually(lambda: "machine gone: runs" in gone.running.output() and gone.link.is_connected(), "a machine that waits")
            # For as long as its question may take to get there.
            time.sleep(2)
            gone.link.cut()
            eventually(lambda: not gone.link.is_connected(), "the end of its connections", 60)
            run_id = plant.installation.api.trigger()
            with plant.machine("sound", "--once") as sound:
                status = sound.running.ended()
            run, takers = plant.installation.api.ended(run_id), plant.takers(run_id)

    assert (status, takers) == (0, ["sound"])
    assert (run["status"], run["replaced_by"]) == ("pass", None)


def test_a_network_that_loses_every_fifth_packet_and_takes_its_time_costs_nothing_but_time(sqlite_path: Path, tmp_path: Path) -> None:
    plant = planted(f"sqlite:///{sqlite_path}", tmp_path, "far", tests=4, lines=1000)

    with plant.installation.server(*ANYWHERE):
        run_id = plant.installation.api.trigger()
        with plant.machine("far", "--once", condition=Condition(loss=0.2, delay=0.1)) as machine:
            status = machine.running.ended()
        results = plant.results(run_id)
        takers = plant.takers(run_id)

    assert (status, takers) == (0, ["far"])
    assert results == [(number, "pass", 0) for number in range(1, 5)]
    assert plant.logs(run_id) == [log(1000)] * 4
    assert plant.begun("far") == 4
