"""What a sandbox shows of the host's programs and of its kernel, and an operator's root file system in their place."""
from __future__ import annotations

import os
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from api.jobs.project.host_image import write_host_image
from api.jobs.project.job_options import JobOptions
from api.jobs.project.python_runtime import image_runtime
from api.sandbox.choice import SandboxOptions, choose
from api.sandbox.linux.bubblewrap import Bubblewrap
from api.sandbox.linux.file_system import HIDDEN, MASKED_FILES, MASKED_FOLDERS, is_shown
from api.sandbox.sandbox import Sandbox
from tests.jobs.attempts import LIMITS, Bench, python, shell
from tests.jobs.project.zips import honest
from tests.parts import need


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root file system of this host's Python, with a mark of its own."""
    need("ldd")
    folder = tmp_path_factory.mktemp("root")
    write_host_image(folder / "image.tar")
    with tarfile.open(folder / "image.tar") as archive:
        archive.extractall(folder / "root", filter="fully_trusted")
    (folder / "root" / "usr" / "share" / "mark").write_text("an operator's\n")
    (folder / "root" / "etc" / "passwd").write_text("SECRET\n")
    (folder / "root" / "opt" / "more").mkdir(parents=True)
    return folder / "root"


@pytest.fixture
def rooted(bubblewrap: Sandbox, root: Path) -> Sandbox:
    assert isinstance(bubblewrap, Bubblewrap)
    return replace(bubblewrap, root=str(root))


def test_of_the_kernel_a_job_reads_what_programs_need_alone(bench: Bench) -> None:
    body = (
        f"for name in {MASKED_FILES!r}:\n    try:\n        print('read', name, len(open(f'/proc/{{name}}', 'rb').read(1)))\n"
        f"    except OSError:\n        pass\nfor name in {MASKED_FOLDERS!r}:\n    if os.path.isdir(f'/proc/{{name}}'):\n"
        "        print('listed', name, len(os.listdir(f'/proc/{name}')))\n"
        "print([len(open(f'/proc/{name}').read(1)) for name in ('cpuinfo', 'meminfo', 'stat', 'self/status', 'self/maps')])")

    record, log = bench.run(python(body))

    *hidden, needed = log.splitlines()
    assert record.exit_code == 0
    assert {line.split()[-1] for line in hidden} <= {"0"}
    assert needed == "[1, 1, 1, 1, 1]"


@pytest.mark.parametrize("sandbox", ["bubblewrap"], indirect=True)
def test_of_the_hosts_programs_nothing_is_shown_that_is_none(bench: Bench) -> None:
    hidden = " ".join(f"/usr/{name}" for name in HIDDEN)

    _, log = bench.run(shell(f"ls -A {hidden} 2>/dev/null | grep -v : | grep .; ls /usr /usr/local 2>/dev/null; touch /usr/x /usr/local/x"))

    shown = set(log.split("touch:")[0].replace("/usr/local:", "").replace("/usr:", "").split())
    assert {"bin", "lib"} <= shown
    assert shown.isdisjoint({"etc", "games", "src", "man"})
    assert not Path("/usr/x").exists()


@pytest.mark.parametrize(("path", "shown"), [
    ("/usr/bin/python3", True), ("/usr/local/lib/python3.11", True), ("/usr/lib", True), ("/usr/pyenv/bin", False), ("/usr", False),
    ("/opt/python", False)])
def test_what_every_sandbox_shows_of_the_host_is_known(path: str, shown: bool) -> None:
    assert is_shown(Path(path)) is shown


def test_an_operators_root_is_shown_in_place_of_the_hosts_programs(rooted: Sandbox, tmp_path: Path) -> None:
    bench = Bench(rooted, tmp_path)
    places = " ".join(("/usr/share/mark", "/etc/passwd", "/usr/bin/git", "/opt/more", "/tmp", "/proc/self/status", "/workspace"))

    looking = f"for each in {places}; do test -e $each && echo $each; done"
    record, log = bench.run(shell(f"cat /usr/share/mark; id -un; {looking}; touch /usr/x /x"))

    assert record.exit_code != 0
    assert log.splitlines()[:8] == [
        "an operator's", "job", "/usr/share/mark", "/etc/passwd", "/opt/more", "/tmp", "/proc/self/status", "/workspace"]
    bench.clear()


def test_a_projects_tests_run_by_the_python_of_an_operators_root(rooted: Sandbox, tmp_path: Path) -> None:
    bench = Bench(rooted, tmp_path)
    (tmp_path / "project.zip").write_bytes(honest({
        "test_a.py": b"def test_a(): assert open('/usr/share/mark').read() and open('/etc/passwd').read().startswith('job:')\n"}))

    code, log = bench.run_project(
        tmp_path / "project.zip", JobOptions(limits=replace(LIMITS, workspace_bytes=256 << 20)), image_runtime(tmp_path / "kit"))

    assert code == 0, log
    bench.clear()


def test_a_root_without_a_shell_is_refused_when_the_agent_starts(tmp_path: Path) -> None:
    need("bwrap")

    choice = choose(SandboxOptions("bubblewrap", tmp_path, root=tmp_path))

    assert choice.sandbox is None
    assert "CI_SANDBOX_ROOT has no /bin/sh" in (choice.trouble or "")


def test_a_root_is_tried_when_the_agent_starts(root: Path, tmp_path: Path) -> None:
    need("bwrap")

    choice = choose(SandboxOptions("bubblewrap", tmp_path, root=root, cgroup=f"ci-tests-{os.getpid()}-root"))

    assert isinstance(choice.sandbox, Bubblewrap)
    assert choice.sandbox.root == str(root)
