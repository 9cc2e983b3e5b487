"""Builds in a sandbox: what they give, what they cannot do, and how they fail."""
from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

import pytest

from api.sandbox.limits import Limits
from api.sandbox.sandbox import Sandbox
from api.worker.cancellation import Cancellation, Cancelled
from api.worker.programs.sandboxed_run import SandboxedRun
from api.worker.run_error import RunError
from api.worker.run_source import ClaimedRun
from api.worker.sources.build import BuildSource
from api.worker.sources.build_cache import BuildCache
from api.worker.sources.build_log import BuildLog
from api.worker.sources.checkout import Checkout
from api.worker.sources.git import GitOptions
from api.worker.sources.source import Build, FetchRequest
from tests.jobs.attempts import USER, await_true, processes_of
from tests.parts import need
from tests.worker.inputs import REPOSITORY
from tests.worker.sources.origin import Origin

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ITS_USER = USER + 70
SANDBOX_LIMITS = Limits(memory_bytes=256 << 20, processes=64, workspace_bytes=32 << 20, file_bytes=16 << 20)
NUMBERS = count()


@dataclass
class Site:
    """Builds commits of a repository in a sandbox, as a worker does."""

    folder: Path
    sandbox: Sandbox
    result: str = "out/program"
    seconds: float = 120
    limits: Limits = SANDBOX_LIMITS
    dependencies: str = ""
    tools: tuple[Path, ...] = ()
    learned: Build = field(default_factory=Build)
    told: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    log: str = ""

    def build(self, command: str, files: dict[str, str | bytes] | None = None, platform: str = "linux") -> Path:
        """Build a commit with these files by the command; return the executable."""
        shutil.rmtree(self.folder / "origins", ignore_errors=True)
        origin = Origin.make(self.folder / "origins", REPOSITORY)
        commit = origin.commit("refs/heads/master", files or {"a.txt": "a"})
        git = GitOptions(f"file://{self.folder}/origins", self.folder / "mirrors", seconds=120)
        process = SandboxedRun(self.sandbox, self.limits, ITS_USER, lambda: f"build-test-{os.getpid()}-{next(NUMBERS)}")
        source = BuildSource(
            Checkout(git, REPOSITORY), command, self.result, self.seconds, process, BuildCache(self.folder / "builds"), self.dependencies,
            self.tools)
        run = self.folder / "run"
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir(mode=0o700)
        path = run / "build.log"
        with BuildLog(path, lambda: NOW) as build_log:
            claimed = ClaimedRun(1, "lease", platform, REPOSITORY, commit, "master")
            request = FetchRequest(claimed, run, build_log, Cancellation(self.stopped), self.told.append)
            self.learned = request.build
            try:
                return source.provide(request)
            finally:
                self.log = path.read_text()
                assert not (run / "build").exists()


@pytest.fixture
def site(bubblewrap: Sandbox, tmp_path: Path) -> Iterator[Site]:
    yield Site(tmp_path, bubblewrap)
    await_true(lambda: processes_of(ITS_USER) == [])


def test_the_program_that_was_built_is_taken_out_as_a_file_of_its_own(site: Site) -> None:
    program = site.build("sh build.sh", {"build.sh": "mkdir out; echo '#!/bin/sh' > out/program; echo built", "a.txt": "a"})

    assert program == site.folder / "run" / "executable"
    assert program.read_text() == "#!/bin/sh\n"
    assert os.access(program, os.X_OK) and program.stat().st_uid == os.geteuid()


def test_what_the_build_says_is_in_the_runs_log_and_its_stages_are_told(site: Site) -> None:
    site.build("echo first; echo second >&2; mkdir out; : > out/program; printf last")

    lines = [line for line in site.log.splitlines() if "[build]" in line]
    assert lines == [f"[2026-01-01T00:00:00Z] [INFO] [build] {words}" for words in ("first", "second", "last")]
    assert "Build command: echo first" in site.log
    assert [words.split()[0] for words in site.told] == ["Checking", "Building"]


def test_the_same_commit_is_built_once_by_the_same_command(site: Site) -> None:
    command = "mkdir out; head -c 16 /dev/urandom > out/program"
    first = site.build(command).read_bytes()

    again = site.build(command).read_bytes()
    words = site.log
    others = [site.build(f"{command};").read_bytes(), site.build(command, {"a.txt": "b"}).read_bytes()]

    assert again == first and "This was built here before" in words
    assert first not in others and "This was built here before" not in site.log


def test_how_long_a_build_took_is_told_where_there_was_one(site: Site) -> None:
    command = "mkdir out; : > out/program"
    site.build(command)
    took = site.learned.duration_ms
    site.build(command)

    assert took is not None
    assert site.learned.duration_ms is None


def test_what_failed_is_built_again(site: Site) -> None:
    for _ in range(2):
        with pytest.raises(RunError, match="exit code 3"):
            site.build("echo why; exit 3")


def test_git_tells_a_build_its_commit(site: Site) -> None:
    program = site.build("mkdir out; git rev-parse HEAD > out/program")

    assert f"Checked out {program.read_text().strip()}." in site.log


def test_a_build_that_fails_is_an_error_of_the_build_with_its_exit_code(site: Site) -> None:
    with pytest.raises(RunError, match=r"^\[build\] The build failed with exit code 3; the log has its output\.$"):
        site.build("echo why; exit 3")

    assert "[build] why\n" in site.log


def test_a_build_that_takes_too_long_is_ended(site: Site) -> None:
    site.seconds = 2

    with pytest.raises(RunError, match=r"^\[build\] The build took more than 2 seconds\.$"):
        site.build("sleep 600")


def test_a_build_that_takes_too_much_memory_is_ended(site: Site) -> None:
    with pytest.raises(RunError, match=r"^\[build\] The build was ended by signal 9"):
        site.build("exec /usr/bin/python3 -c 'held = [bytearray(16 << 20) for _ in range(1000)]'")


def test_a_build_that_fills_the_disk_is_ended(site: Site) -> None:
    with pytest.raises(RunError, match=r"^\[build\] The build was ended by signal 9"):
        site.build("n=0; while :; do head -c 4194304 /dev/zero > f$n; n=$((n+1)); sleep 0.05; done")


def test_an_endless_output_is_cut_in_the_middle_and_its_end_is_kept(site: Site) -> None:
    site.build(f"yes {'0123456789' * 100} | head -c 9000000; mkdir out; : > out/program; echo; echo the end")

    assert "bytes left out" in site.log
    assert site.log.index("bytes left out") < site.log.index("[build] the end\n")
    assert len(site.log) < 40 << 20


def test_a_build_has_no_network(site: Site) -> None:
    body = "import socket; socket.create_connection(('192.0.2.1', 80), 60)"

    with pytest.raises(RunError, match=r"^\[build\] The build failed with exit code 1"):
        site.build(f'exec /usr/bin/python3 -IS -c "{body}"')

    assert "Network is unreachable" in site.log


@contextmanager
def serving_files(folder: Path) -> Iterator[str]:
    """A web server of this host with a folder's files; its address."""
    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def fetch(address: str) -> str:
    """A line for the shell that fetches a file from there into the home folder, where a build finds it."""
    body = f"import os, urllib.request; urllib.request.urlretrieve('{address}/fetched', os.environ['HOME'] + '/got')"
    return f'exec /usr/bin/python3 -IS -c "{body}"'


def test_dependencies_are_fetched_before_the_build_which_has_no_network(site: Site) -> None:
    shelf = site.folder / "shelf"
    shelf.mkdir()
    (shelf / "fetched").write_text("a dependency\n")
    with serving_files(shelf) as address:
        site.dependencies = fetch(address)

        program = site.build("mkdir out; cp ~/got out/program").read_text()
        site.dependencies, again = "", fetch(address)
        with pytest.raises(RunError, match=r"^\[build\] The build failed with exit code 1"):
            site.build(again)

    assert program == "a dependency\n"
    assert "Connection refused" in site.log or "Network is unreachable" in site.log
    assert [words.split()[0] for words in site.told] == ["Checking", "Fetching", "Building", "Checking", "Building"]


def test_a_retry_of_what_was_built_fetches_nothing(site: Site) -> None:
    site.dependencies = "head -c 16 /dev/urandom > ~/got"
    built = [site.build("mkdir out; cp ~/got out/program").read_bytes() for _ in range(2)]
    site.dependencies += ";"
    other = site.build("mkdir out; cp ~/got out/program").read_bytes()

    assert built[0] == built[1] != other


def test_dependencies_that_cannot_be_fetched_end_the_run_by_an_error_of_the_build(site: Site) -> None:
    site.dependencies = "echo no such crate >&2; exit 4"

    with pytest.raises(RunError, match=r"^\[build\] The dependency step failed with exit code 4; the log has its output\.$"):
        site.build("mkdir out; : > out/program")

    assert "[build] no such crate\n" in site.log


def test_both_steps_share_the_time_limit(site: Site) -> None:
    site.seconds, site.dependencies = 3, "sleep 2"

    with pytest.raises(RunError, match=r"^\[build\] The build took more than 3 seconds\.$"):
        site.build("sleep 2; mkdir out; : > out/program")


def test_tools_outside_the_system_are_seen_in_their_place_and_cannot_be_changed(site: Site, tmp_path: Path) -> None:
    compiler = tmp_path / "tools" / "bin" / "compile"
    compiler.parent.mkdir(parents=True)
    compiler.write_text("#!/bin/sh\nmkdir out; echo compiled > out/program; touch $0 || true\n")
    compiler.chmod(0o777)
    site.tools = (tmp_path / "tools",)

    program = site.build(f"PATH={compiler.parent}:$PATH; compile")

    assert program.read_text() == "compiled\n"
    assert "Read-only file system" in site.log


def test_a_crate_is_built_of_the_dependencies_that_its_repository_holds(site: Site) -> None:
    system = Path(subprocess.run(
        [need("rustc"), "--print", "sysroot"], check=True, capture_output=True, text=True).stdout.strip())
    site.tools = () if system == Path("/usr") else (system,)
    site.limits = replace(SANDBOX_LIMITS, memory_bytes=1 << 30, workspace_bytes=256 << 20, file_bytes=64 << 20)
    site.result = "target/release/crate"

    program = site.build(f"PATH={system}/bin:$PATH; cargo build --release --offline --quiet", {
        "Cargo.toml": '[package]\nname = "crate"\nversion = "1.0.0"\nedition = "2021"\n[dependencies]\ngreeting = "1"\n',
        "src/main.rs": 'fn main() { println!("{}", greeting::words()); }\n',
        ".cargo/config.toml": '[source.crates-io]\nreplace-with = "vendored"\n[source.vendored]\ndirectory = "vendor"\n',
        "vendor/greeting/Cargo.toml": '[package]\nname = "greeting"\nversion = "1.2.3"\nedition = "2021"\n',
        "vendor/greeting/src/lib.rs": 'pub fn words() -> &\'static str { "of the vendored crate" }\n',
        "vendor/greeting/.cargo-checksum.json": '{"files": {}, "package": null}'})

    assert subprocess.run([program], check=True, capture_output=True, text=True).stdout == "of the vendored crate\n"


def test_a_build_sees_nothing_of_the_host_and_none_of_the_workers_environment(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI_GITHUB_TOKEN", "a-secret-of-the-worker")
    (site.folder / "secret").write_text("a secret file")

    site.build(
        f"env; cat {site.folder}/secret; ls {site.folder} {site.folder}/mirrors /root /home; cat /etc/shadow; id -u; "
        "mkdir out; : > out/program")

    assert "a-secret-of-the-worker" not in site.log
    assert "a secret file" not in site.log
    assert "root:" not in site.log
    assert "[build] 1000\n" in site.log


def test_a_daemon_that_a_build_leaves_is_killed(site: Site) -> None:
    site.build("setsid sleep 600 >/dev/null 2>&1 & mkdir out; : > out/program")

    await_true(lambda: processes_of(ITS_USER) == [])


def test_without_its_result_a_build_has_failed(site: Site) -> None:
    with pytest.raises(RunError, match=r"^\[build\] The build gave no out/program: it is not there\.$"):
        site.build("true")


@pytest.mark.parametrize("command", [
    "mkdir out; ln -s /etc/shadow out/program",
    "mkdir real; : > real/program; ln -s real out",
    "ln -s /etc out",
    "cd ..; mv source away; mkdir -p elsewhere/out; : > elsewhere/out/program; ln -s elsewhere source",
])
def test_no_link_leads_to_the_result(site: Site, command: str) -> None:
    with pytest.raises(RunError, match=r"^\[build\] The build gave no out/program: it, or a folder above it, is a link"):
        site.build(command)


@pytest.mark.parametrize("command", ["mkdir -p out/program", "mkdir out; mkfifo out/program"])
def test_only_a_regular_file_is_a_result(site: Site, command: str) -> None:
    with pytest.raises(RunError, match=r"^\[build\] The build gave no out/program: it is no regular file"):
        site.build(command)


def test_a_build_cannot_change_what_is_kept_of_the_repository(site: Site) -> None:
    site.build("rm -rf .git ../../mirrors; git init . >/dev/null 2>&1; mkdir out; : > out/program")

    assert list((site.folder / "mirrors").glob("*.git/objects"))


def test_other_platforms_are_not_built(site: Site) -> None:
    with pytest.raises(RunError, match=r"^\[build\] Executables are built for linux alone\.$"):
        site.build("true", platform="windows")


def test_a_stop_ends_a_build(site: Site) -> None:
    class Stopping(list[str]):
        def append(self, words: str) -> None:
            if words.startswith("Building"):
                site.stopped.set()

    site.told = Stopping()

    with pytest.raises(Cancelled):
        site.build("sleep 600")
