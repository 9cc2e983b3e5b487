"""A MariaDB server for tests: one of our own in a temporary folder, or the one that CI_TEST_MARIADB_URL names."""
from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from uuid import uuid4

from sqlalchemy import URL, create_engine, make_url

from tests.parts import find, need

VARIABLE = "CI_TEST_MARIADB_URL"
PROGRAMS = ("mariadbd", "mariadb-install-db")
START_SECONDS = 60
# Tests throw their data away, so nothing is made durable unless they ask for it, and little is reserved.
OPTIONS = (
    "--skip-networking", "--skip-log-bin", "--performance-schema=OFF", "--character-set-server=utf8mb4",
    "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=OFF", "--innodb-buffer-pool-size=64M", "--innodb-log-file-size=16M",
    "--innodb-use-native-aio=OFF", "--innodb-lock-wait-timeout=20", "--max-connections=200", "--max-allowed-packet=64M",
)


# A socket is not encrypted. PyMySQL, not told so, reads all certificates of the machine for each connection.
PLAIN = {"ssl_disabled": "true"}


@dataclass(frozen=True)
class Server:
    """A server on which databases can be made; `url` names none."""

    url: URL

    def create_database(self) -> URL:
        """Make an empty database and tell its URL."""
        name = f"ci_test_{uuid4().hex[:12]}"
        self._execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
        return self.url.set(database=name)

    def drop_database(self, url: URL) -> None:
        """Take a database away."""
        self._execute(f"DROP DATABASE IF EXISTS {url.database}")

    def _execute(self, statement: str) -> None:
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql(statement)
        finally:
            engine.dispose()


def why_absent() -> str | None:
    """Why no server can be had here; None where one can."""
    if VARIABLE in os.environ or all(find(name) for name in PROGRAMS):
        return None
    return f"MariaDB is not installed ({', '.join(PROGRAMS)}), and {VARIABLE} is not set"


@contextmanager
def running_server() -> Iterator[Server]:
    """A server for as long as the context lasts."""
    if VARIABLE in os.environ:
        yield Server(make_url(os.environ[VARIABLE]))
        return
    # The path of a socket has room for about a hundred characters, which pytest's own folders exceed.
    with private_server() as private:
        yield private.server


@dataclass
class PrivateServer:
    """A server of our own in a folder, which can be killed and started again; a `durable` one then knows what it knew."""

    folder: Path
    durable: bool = False
    process: subprocess.Popen[bytes] | None = None

    @property
    def server(self) -> Server:
        """The server, as one connects to it."""
        return Server(URL.create("mysql+pymysql", "root", host="localhost", query={"unix_socket": f"{self.folder}/socket", **PLAIN}))

    def start(self) -> None:
        """Start it, and wait until it answers."""
        durable = ["--innodb-flush-log-at-trx-commit=1"] if self.durable else []
        command = [
            need("mariadbd"), *_shared(self.folder), *OPTIONS, *durable, f"--socket={self.folder}/socket", f"--pid-file={self.folder}/pid"]
        with (self.folder / "log").open("ab") as log:
            self.process = started = subprocess.Popen(command, stdout=log, stderr=log)
        _wait_until(lambda: _answers(f"{self.folder}/socket", started))

    def stop(self, *, kill: bool = False) -> None:
        """Let it end in order, or, to `kill` it, without a word; nothing where it does not run."""
        if self.process is not None:
            self.process.kill() if kill else self.process.terminate()
            self.process.wait(START_SECONDS)
            self.process = None

    def install(self) -> None:
        """Give it the tables that every server has."""
        (self.folder / "tmp").mkdir()
        shutil.copytree(f"{_installed().name}/data", self.folder / "data")


@cache
def _installed() -> tempfile.TemporaryDirectory[str]:
    """A folder with the data of a server that has not been started yet, made once and copied for each."""
    folder = tempfile.TemporaryDirectory(prefix="ci-mariadb-")
    Path(folder.name, "tmp").mkdir()
    installed = subprocess.run(
        [need("mariadb-install-db"), *_shared(Path(folder.name)), "--auth-root-authentication-method=normal", "--skip-test-db",
         "--innodb-log-file-size=16M"],
        capture_output=True, text=True, check=False)
    if installed.returncode:
        raise RuntimeError(f"mariadb-install-db failed: {installed.stdout}{installed.stderr}")
    return folder


def _shared(folder: Path) -> list[str]:
    user = ["--user=root"] if os.geteuid() == 0 else []
    # A server that starts removes the temporary tables that it finds, those of others too where they share a folder.
    return ["--no-defaults", f"--datadir={folder}/data", f"--tmpdir={folder}/tmp", *user]


@contextmanager
def private_server(*, durable: bool = False) -> Iterator[PrivateServer]:
    """A running server of our own for as long as the context lasts."""
    with tempfile.TemporaryDirectory(prefix="ci-mariadb-") as folder:
        private = PrivateServer(Path(folder), durable)
        private.install()
        try:
            private.start()
            yield private
        finally:
            private.stop()


def _answers(path: str, process: subprocess.Popen[bytes]) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"mariadbd ended with {process.returncode}")
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0


def _wait_until(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if time.monotonic() > deadline:
            raise RuntimeError("mariadbd did not start in time")
        time.sleep(0.05)
