"""What the pages about installing and running have one paste works, on this machine's own ports and folders."""
from __future__ import annotations

import json
import os
import re
import shlex
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.docs.pages import blocks_of
from tests.e2e.installation import Api
from tests.e2e.processes import CI_API, ROOT, TIMEOUT, environment, eventually, finished, free_port, started
from tests.mariadb import PrivateServer, private_server, why_absent
from tests.parts import lacking, need

PASSWORD = "a rather long pass phrase"
MIGRATED = "The database is ready."
STARTED = re.compile(r"^ExecStart=/opt/ci-api/.venv/bin/ci-api (.*)$", re.MULTILINE)
ENABLED = re.compile(r"^systemctl enable --now (.*)$", re.MULTILINE)
PLACES = re.compile(r"(?<![\w.])(?=/(?:etc|srv|var)/)")
SYSTEMD = re.compile(r"^systemctl .*\n", re.MULTILINE)
SHELL = ("shell", "console")


@pytest.fixture(scope="module")
def mariadb() -> Iterator[PrivateServer]:
    if why_absent():
        lacking("MariaDB is not installed")
    with private_server() as server:
        yield server


def shell_blocks(page: str) -> list[str]:
    return [block.text for block in blocks_of(page) if block.language in SHELL]


def pasted(script: str, folder: Path, **variables: str) -> str:
    """What a shell in the installation's folder says to a block that must work to its end."""
    told = subprocess.run(
        [need("bash"), "-e", "-s"], input=script, env=environment(variables), cwd=folder, capture_output=True, text=True,
        check=False, timeout=TIMEOUT)
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


def here(text: str, root: Path) -> str:
    """A block for folders of ours in place of the machine's, and without another user."""
    return PLACES.sub(str(root), text).replace("runuser -u ci -- .venv/bin/ci-api", shlex.join(CI_API))


def settings_of(root: Path, name: str) -> dict[str, str]:
    lines = (root / "etc" / name).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_the_pages_users_and_folders_can_be_made(tmp_path: Path) -> None:
    if os.geteuid():
        lacking("only root can make users")
    # The users stand in a copy of /etc that no other process sees.
    own = f"cp -a /etc {tmp_path}/own && mount --bind {tmp_path}/own /etc && mkdir -p {tmp_path}/srv {tmp_path}/var/lib"
    block = here(shell_blocks("docs/install.md")[2], tmp_path)
    script = f"{own}\n{block}\nstat -c '%U %G %a %n' {tmp_path}/srv/* {tmp_path}/var/lib/*"

    told = subprocess.run(
        [need("unshare"), "--mount", need("bash"), "-e", "-c", script], capture_output=True, text=True, check=True, timeout=TIMEOUT)

    assert told.stdout.replace(str(tmp_path), "").splitlines() == [
        "root root 755 /srv/ci-executables", "ci sample-platform 2770 /srv/sample-platform",
        "ci root 700 /var/lib/ci-jobs", "ci-machine root 700 /var/lib/ci-machine"]


@pytest.mark.verify
def test_the_page_works_when_it_is_pasted(tmp_path: Path, mariadb: PrivateServer) -> None:
    _, _, _, copying, migrating, services, looking, triggering = shell_blocks("docs/install.md")
    socket, port = mariadb.folder / "socket", free_port()
    for folder in ("etc/systemd/system", "etc/nginx/conf.d", "srv", "var/lib"):
        (tmp_path / folder).mkdir(parents=True)

    pasted(here(copying, tmp_path), ROOT)
    edit(tmp_path, f"{socket}", port)
    ready = pasted(here(migrating, tmp_path).replace("mariadb <", f"mariadb --no-defaults --user=root --socket={socket} <").replace(
        "ada@example.org", f"ada@example.org <<<'{PASSWORD}'"), ROOT)
    pasted(SYSTEMD.sub("", here(services, tmp_path)), ROOT)
    serve, machine = (command_of(tmp_path, name) for name in ("ci-api.service", "ci-machine@.service"))
    given = {"127.0.0.1:8000": f"127.0.0.1:{port}", "${CREDENTIALS_DIRECTORY}/token": f"{tmp_path}/etc/ci-machine-1.token"}
    with started((*serve, "--port", str(port)), settings_of(tmp_path, "ci-api.env"), tmp_path / "log"):
        eventually(lambda: Api(f"http://127.0.0.1:{port}").health(), "an answer")
        asked = here(looking, tmp_path).replace("127.0.0.1:8000", f"127.0.0.1:{port}")
        token = pasted(asked, ROOT, **settings_of(tmp_path, "ci-api.env")).rpartition("spci_")[2].strip()
        answer = json.loads(pasted(triggering.replace(":8000", f":{port}"), ROOT, TOKEN=f"spci_{token}", COMMIT="a" * 40))
        words = [replaced(word, given) for word in machine]
        ended = finished((*words, "--once"), settings_of(tmp_path, "ci-machine.env"))

    assert MIGRATED in ready
    assert started_units(services) <= {path.name for path in (tmp_path / "etc/systemd/system").iterdir()}
    assert answer["message"] == "There is no active regression test."
    assert ended.returncode == 0, ended.stderr


def edit(root: Path, socket: str, port: int) -> None:
    """Say where this machine has what the settings name."""
    for path in (root / "etc").glob("ci-*.env"):
        text = here(path.read_text(), root).replace("sample_platform\n", f"sample_platform?unix_socket={socket}\n")
        text = text.replace("redis://127.0.0.1:6379/0", "memory://").replace("127.0.0.1:8000", f"127.0.0.1:{port}")
        path.write_text(text.replace("CI_FILE_GROUP=sample-platform", f"CI_FILE_GROUP={os.getegid()}"))


def replaced(text: str, given: Mapping[str, str]) -> str:
    """The text with what this test has in place of what a unit names."""
    for old, new in given.items():
        text = text.replace(old, new)
    return text


def command_of(root: Path, unit: str) -> tuple[str, ...]:
    """What a unit starts, by our own Python."""
    started_by = STARTED.search((root / "etc/systemd/system" / unit).read_text())
    assert started_by is not None
    return (*CI_API, *shlex.split(started_by[1]))


def started_units(block: str) -> set[str]:
    """The files of the units that a block enables."""
    names = ENABLED.findall(block)[0].split()
    return {f"{name.partition('@')[0]}{'@' if '@' in name else ''}.service" for name in names}


@pytest.mark.verify
def test_another_server_serves_the_same_application(tmp_path: Path) -> None:
    command, *_ = shell_blocks("docs/deployment.md")
    port = free_port()
    variables = {"CI_DATABASE_URL": f"sqlite:///{tmp_path / 'ci.db'}", "SAMPLE_REPOSITORY": str(tmp_path / "files"), "CI_JOBS": "off"}
    finished((*CI_API, "migrate"), variables)

    words = shlex.split(command.replace("\\\n", ""))
    with started((CI_API[0], "-m", *words, "--port", str(port)), variables, tmp_path / "log") as server:
        eventually(lambda: server.process.poll() is not None or Api(f"http://127.0.0.1:{port}").health(), "an answer")
        too_long = httpx.get(f"http://127.0.0.1:{port}/api/v1/runs?branch={'a' * 40_000}", trust_env=False)

    assert too_long.status_code == 414


def test_a_backup_of_sqlite_is_the_database(tmp_path: Path) -> None:
    need("sqlite3")
    [command] = shell_blocks("docs/operations.md")
    finished((*CI_API, "migrate"), {"CI_DATABASE_URL": f"sqlite:///{tmp_path / 'ci.db'}"})

    pasted(command, tmp_path)

    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        tables = {name for name, in copy.execute("SELECT name FROM sqlite_master")}
    assert {"test", "ci_job"} <= tables
