"""A server in the hands of a test: its clock, its chance, its accounts, and clients whose answers keep the contract."""
from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from dataclasses import dataclass, field
from functools import cache
from hashlib import shake_256
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from passlib.hash import argon2
from sqlalchemy import Select

from api.app import Application
from api.config import Settings
from api.domain.auth.access import Role, Scope
from api.domain.random_source import RandomSource
from api.server import make_server
from api.storage.database import session
from api.storage.platform_tables import TestRow
from contract.client import ValidatingClient
from tests.builders import add_token, add_user
from tests.clocks import Clock
from tests.databases import Database

T = TypeVar("T")

PASSWORD = "correct horse battery staple"
UNLIMITED = 10_000_000
# As slow as a password's hash has to be in earnest, it would be most of what these tests do.
QUICK = argon2.using(type="ID", rounds=1, memory_cost=8, parallelism=1)


def make_chance() -> RandomSource:
    """Bytes that look random, are never the same twice, and always come in the same order."""
    numbers = count()
    return RandomSource(lambda length: shake_256(str(next(numbers)).encode()).digest(length))


@cache
def quick_hash(password: str = PASSWORD) -> str:
    """A hash of a password that is verified in no time."""
    return str(QUICK.hash(password))


def settings_for(folder: Path, database: Path, **changes: Any) -> Settings:
    """Settings of a server on these files, whose limits nobody reaches unless they are among the changes."""
    values: dict[str, Any] = {
        "database_url": f"sqlite:///{database}", "storage_root": folder / "files", "public_url": "https://ci.example.test",
        "allowed_repositories": ("Friends/extractor",), "threads": 16, "sync_interval": 86_400,
        "signing_key": "a secret of the tests, and of nobody else",
        # Jobs are taken, and nobody runs them.
        "jobs": "separate", "work_dir": folder / "work",
        **{f"rate_{name}": UNLIMITED for name in ("reads", "writes", "logins", "anonymous", "worker")}}
    return Settings(**(values | changes))


class Client(ValidatingClient):
    """A client whose requests know nothing of the test's application context, which would lend them its database session."""

    def request(self, method: str, url: str, **rest: Any) -> Any:
        """Send a request; return the answer if it keeps the contract."""
        return Context().run(super().request, method, url, **rest)


@dataclass
class Site:
    """A running server, with what lies before and behind it."""

    app: Application
    settings: Settings
    clock: Clock
    client: Client
    accounts: dict[str, int] = field(default_factory=dict)

    @property
    def database(self) -> Database:
        """The server's database."""
        return Database(self.app.flask, self.settings.database_url)

    @property
    def files(self) -> Path:
        """The root of the file store."""
        return self.settings.storage_root

    def account(self, role: Role = Role.TESTER, name: str | None = None, **options: Any) -> int:
        """An account with the password of all accounts; each role has one, made when it is first asked for."""
        known = name or role.value
        if known not in self.accounts:
            self.accounts[known] = add_user(known, role=role, password_hash=quick_hash(), **options)
        return self.accounts[known]

    def as_role(self, role: Role, *scopes: Scope) -> Client:
        """A client with a token of the role's account, of all scopes that the role can use unless some are given."""
        return self.as_user(self.account(role), *scopes)

    def as_user(self, user_id: int, *scopes: Scope) -> Client:
        """A client with a token of this account."""
        return self.client.as_(add_token(user_id, *scopes, now=self.clock.now))

    def worker_path(self, run_id: int, *, root: str = "/ci") -> str:
        """Where the worker of a run reports."""
        session().rollback()
        return f"{root}/progress-reporter/{run_id}/{session().get_one(TestRow, run_id, populate_existing=True).token}"

    def report(self, run_id: int, **fields: object) -> Any:
        """Send a worker's form and return the answer."""
        return self.client.post(self.worker_path(run_id), data={name: str(value) for name, value in fields.items()})

    def send(self, run_id: int, content: bytes, **fields: object) -> Any:
        """Send a worker's form with a file and return the answer."""
        texts = {name: str(value) for name, value in fields.items()}
        return self.client.post(self.worker_path(run_id), data=texts, files={"file": ("../../sent.bin", content)})

    def rows(self, query: Select[Any]) -> list[Any]:
        """What the database holds now."""
        session().rollback()
        return list(session().execute(query).all())

    def together(self, *works: Callable[[], T]) -> list[T]:
        """Do the works at the same time; their results in the order given."""
        with ThreadPoolExecutor(len(works)) as threads:
            return [future.result() for future in [threads.submit(work) for work in works]]


def build_site(folder: Path, database: Path, **changes: Any) -> Site:
    """A server on a migrated database file; enter its client to start it."""
    settings, clock = settings_for(folder, database, **changes), Clock()
    app = make_server(settings, clock=clock, random_source=make_chance())
    return Site(app, settings, clock, Client(app))
