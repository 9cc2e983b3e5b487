"""Control groups in both versions: against a made-up tree each, and against the kernel's in the version that this machine has."""
from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from api.sandbox.limits import Limits
from api.sandbox.linux.cgroups import ROOT, Cgroups, Group, VersionOne, VersionTwo, detect
from api.sandbox.linux.own_group import group_of
from tests.parts import lacking

LIMITS = Limits(memory_bytes=64 << 20, processes=10, cpus=0.5)


def made_up(root: Path, *groups: str, controllers: str = "") -> Path:
    """A tree as the kernel would show it; it fills a new group with files, which a test has to do itself."""
    for group in groups:
        (root / group).mkdir(parents=True, exist_ok=True)
        (root / group / "cgroup.procs").touch()
        if controllers:
            (root / group / "cgroup.controllers").write_text(controllers)
            (root / group / "cgroup.subtree_control").touch()
    return root


@pytest.fixture
def version_one(tmp_path: Path) -> Path:
    return made_up(tmp_path, "memory", "memory/jobs", "pids", "pids/jobs", "cpu", "cpu/jobs")


@pytest.fixture
def version_two(tmp_path: Path) -> Path:
    return made_up(tmp_path, ".", "jobs", controllers="cpu io memory pids")


def written(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


def test_version_one_limits_each_hierarchy_by_its_own_file(version_one: Path) -> None:
    (version_one / "memory/jobs/j1").mkdir()
    (version_one / "memory/jobs/j1/memory.memsw.limit_in_bytes").touch()

    group = VersionOne(version_one, "jobs").create("j1", LIMITS, extra_processes=2)

    assert written(version_one / "memory/jobs/j1") == {
        "memory.limit_in_bytes": str(64 << 20), "memory.memsw.limit_in_bytes": str(64 << 20)}
    assert written(version_one / "pids/jobs/j1") == {"pids.max": "12"}
    assert written(version_one / "cpu/jobs/j1") == {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "50000"}
    assert group.entrances == [str(version_one / f"{name}/jobs/j1/cgroup.procs") for name in ("memory", "pids", "cpu")]


def test_version_two_limits_one_group_by_many_files(version_two: Path) -> None:
    (version_two / "jobs/j1").mkdir()
    for name in ("memory.swap.max", "memory.oom.group"):
        (version_two / "jobs/j1" / name).touch()

    group = VersionTwo(version_two, "jobs").create("j1", LIMITS, extra_processes=2)

    assert written(version_two / "jobs/j1") == {
        "cpu.max": "50000 100000", "memory.max": str(64 << 20), "memory.oom.group": "1", "memory.swap.max": "0", "pids.max": "12"}
    assert group.entrances == [str(version_two / "jobs/j1/cgroup.procs")]


def test_version_two_asks_each_group_above_to_hand_its_controllers_down(version_two: Path) -> None:
    found = VersionTwo(version_two, "jobs")

    assert found.enforced == {"memory", "pids", "cpu"}
    assert (version_two / "cgroup.subtree_control").read_text().startswith("+")
    assert (version_two / "jobs/cgroup.subtree_control").read_text().startswith("+")


def test_what_a_group_above_does_not_hand_down_is_not_enforced(version_two: Path) -> None:
    (version_two / "jobs/cgroup.subtree_control").unlink()
    (version_two / "jobs/cgroup.subtree_control").mkdir()

    assert VersionTwo(version_two, "jobs").enforced == frozenset()


def test_a_hierarchy_that_is_not_there_is_not_enforced(tmp_path: Path) -> None:
    made_up(tmp_path, "memory", "memory/jobs", "pids")

    found = VersionOne(tmp_path, "jobs")

    assert found.enforced == {"memory"}
    assert [str(folder) for folder in found.create("j1", LIMITS, extra_processes=2).folders] == [str(tmp_path / "memory/jobs/j1")]


@pytest.mark.parametrize(("tree", "version"), [("version_one", "v1"), ("version_two", "v2")])
def test_the_version_is_found_out(tree: str, version: str, request: pytest.FixtureRequest) -> None:
    found = detect(request.getfixturevalue(tree), "jobs")

    assert found is not None
    assert found.version == version


def test_a_host_without_control_groups_has_none(tmp_path: Path) -> None:
    assert detect(tmp_path, "jobs") is None


@pytest.mark.parametrize(("text", "kills"), [
    ("oom_kill_disable 0\nunder_oom 0\noom_kill 0\n", 0), ("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", 3),
    ("low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\noom_group_kill 1\n", 1), ("", 0),
])
def test_kills_for_memory_are_counted(tmp_path: Path, text: str, kills: int) -> None:
    (tmp_path / "events").write_text(text)

    assert Group((tmp_path,), memory_events=tmp_path / "events").out_of_memory_kills() == kills


def test_processes_that_were_refused_are_counted(tmp_path: Path) -> None:
    (tmp_path / "events").write_text("max 12\n")

    assert Group((tmp_path,), process_events=tmp_path / "events").refused_processes() == 12


def test_a_group_that_is_gone_counts_no_kills(tmp_path: Path) -> None:
    gone = Group((tmp_path / "gone",), memory_events=tmp_path / "gone" / "x")

    assert (gone.out_of_memory_kills(), gone.members(), gone.created_at(), gone.remove()) == (0, set(), 0, True)


def test_version_two_kills_a_group_by_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "cgroup.kill").touch()
    (tmp_path / "cgroup.procs").touch()

    Group((tmp_path,), kill_file=tmp_path / "cgroup.kill").kill()

    assert (tmp_path / "cgroup.kill").read_text() == "1"


@pytest.mark.parametrize(("tree", "names"), [("version_one", ["memory/jobs/j1", "pids/jobs/j2"]), ("version_two", ["jobs/j1", "jobs/j2"])])
def test_groups_that_were_left_are_listed(tree: str, names: list[str], request: pytest.FixtureRequest) -> None:
    root: Path = request.getfixturevalue(tree)
    found = detect(root, "jobs")
    assert found is not None
    for name in names:
        (root / name).mkdir()

    assert [[str(folder.relative_to(root)) for folder in group.folders] for group in found.leftovers()] == [[name] for name in names]


def test_a_group_in_use_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    pauses: list[float] = []

    assert not Group((tmp_path,), sleep=pauses.append).remove()
    assert pauses


@pytest.mark.parametrize(("lines", "files"), [
    ("9:name=systemd:/\n5:pids:/c\n4:memory:/a/b\n0::/\n", ("memory/a/b/memory.oom_control", "pids/c/pids.events")),
    ("0::/a/b\n", ("a/b/memory.events", "a/b/pids.events"))])
def test_the_group_of_a_process_is_found(tmp_path: Path, lines: str, files: tuple[str, str]) -> None:
    (tmp_path / "proc/7").mkdir(parents=True)
    (tmp_path / "proc/7/cgroup").write_text(lines)
    root = made_up(tmp_path / "root", ".", controllers="memory")

    group = group_of(7, proc=tmp_path / "proc", root=root)

    assert group is not None
    assert (group.memory_events, group.process_events) == tuple(root / file for file in files)


def test_a_process_that_is_gone_has_no_group(tmp_path: Path) -> None:
    assert group_of(7, proc=tmp_path) is None


@pytest.fixture
def kernels() -> Iterator[Cgroups]:
    parent = f"ci-tests-{os.getpid()}-groups"
    found = detect(parent=parent)
    if found is None:
        lacking("this process may make no control groups")
    yield found
    for folder in (*ROOT.glob(f"*/{parent}"), ROOT / parent):
        with suppress(FileNotFoundError):
            folder.rmdir()


def test_the_kernel_takes_the_limits_and_kills_what_is_in_a_group(kernels: Cgroups) -> None:
    group = kernels.create("j1", LIMITS, extra_processes=2)
    started = time.time()
    with subprocess.Popen(["sleep", "600"]) as sleeper:
        for entrance in group.entrances:
            Path(entrance).write_text(str(sleeper.pid))
        members = group.members()
        group.kill()

    assert members == {sleeper.pid}
    assert sleeper.returncode == -9
    assert abs(group.created_at() - started) < 3600
    assert group.out_of_memory_kills() == 0
    assert group.remove()
    assert list(kernels.leftovers()) == []
