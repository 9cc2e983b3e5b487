"""Odd values in the rows of one run and of all that belongs to it, on a server that has other runs too."""
from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Engine, create_engine, event, inspect
from sqlalchemy.exc import DBAPIError

from api.domain.auth.access import Role, Scope
from api.domain.runs.run import Phase
from api.storage import schema
from api.storage.database import Base, db
from api.storage.platform_tables import PLATFORM_TABLES, BlockedUserRow, GeneralDataRow, SampleExtraRow, UploadRow, VersionRow
from contract.documents import MACHINES, Operation, load_documents
from contract.fixtures import CLASS_ID, KNOWN, PLATFORM_KNOWN, Person, add_known_run
from tests.builders import (
    NOW,
    Output,
    add_acceptable_hash,
    add_event,
    add_machine,
    add_output,
    add_regression_test,
    add_result,
    add_run,
    add_sample,
    add_token,
    add_user,
    digest_of,
    save,
    set_maintenance,
)
from tests.databases import hang_up
from tests.handlers.site import Client, Site, build_site
from tests.storage.platform_databases import platform_database

# Each makes a value of the one that was there before. What a column cannot hold the database makes something of, as it pleases.
Odd = Callable[[Any], Any]
ODD: Mapping[str, Odd] = {
    "null": lambda _: None, "zero date": lambda _: "0000-00-00 00:00:00", "no month": lambda _: "2026-00-00 00:00:00",
    "zero day": lambda _: "0000-00-00", "far out": lambda _: "9999-12-31 23:59:59", "long ago": lambda _: "0001-01-01 00:00:00",
    "other case": lambda value: str(value).swapcase(), "blank at the end": lambda value: f"{value} ",
    "longest": lambda _: "é🎬x" * 20_000, "unknown word": lambda _: "moderator", "empty": lambda _: "", "negative": lambda _: -1,
    "least": lambda _: -2**31, "largest": lambda _: 2**31 - 1, "huge": lambda _: 2**62, "digits": lambda _: "9" * 5_000,
    "fraction": lambda _: 0.5, "bytes": lambda _: b"\xff\x00\xfe",
    "scopes of a kind": lambda _: '[1, null, ["runs:read"], {"runs:write": 1}]',
    "object": lambda _: '{"runs:read": true}', "deep": lambda _: "[" * 60_000, "control": lambda _: "\x00\x1b[31m\n\u202e",
}
# SQLite lets a text be anything.
NOT_UTF_8 = "not UTF-8"
# The account at GitHub that is blocked by the victim's row.
BLOCKED = 77


@dataclass(frozen=True)
class Victim:
    """What belongs to the runs that are made odd: their ids, and a token of who asked for them."""

    ids: Mapping[str, Any]
    waiting: int
    token: str
    email: str


@dataclass
class OddRows:
    """A site on a platform's database; what it held at first can be had again."""

    site: Site
    victim: Victim
    admin: Client
    engine: Engine
    rows: Mapping[str, Sequence[Mapping[str, Any]]]
    # What is said of those that are not the victim's, by path, and all rows as they were then.
    said: dict[str, Any] = field(default_factory=dict)
    first: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def columns(self) -> list[Column[Any]]:
        """Every column of every table of the platform's."""
        return [column for table in PLATFORM_TABLES for column in table.columns]

    def make_odd(self, columns: Sequence[Column[Any]], odd: Odd | None) -> None:
        """Write an odd value, or a text that is not UTF-8, into these columns of the victim's rows."""
        with self.engine.connect().execution_options(ci_writes=True) as connection:
            for column in columns:
                for row in self.rows[column.table.name]:
                    self._write(connection, column, row, odd)
            connection.commit()

    def _write(self, connection: Any, column: Column[Any], row: Mapping[str, Any], odd: Odd | None) -> None:
        quote = self.engine.dialect.identifier_preparer.quote
        mark = "?" if self.is_sqlite else "%s"
        keys = [key.name for key in column.table.primary_key.columns]
        where = " AND ".join(f"{quote(name)} = {mark}" for name in keys)
        new, values = (mark, (odd(row[column.name]),)) if odd is not None else ("CAST(x'c3fffe' AS TEXT)", ())
        statement = f"UPDATE {quote(column.table.name)} SET {quote(column.name)} = {new} WHERE {where}"
        # What this column of this database cannot hold cannot stand in it.
        with suppress(DBAPIError), connection.begin_nested():
            connection.exec_driver_sql(statement, (*values, *(row[name] for name in keys)))

    def restore(self, *, seen: bool) -> None:
        """All rows as they were at first; `seen` as the server left them that has looked at all runs, else as it never saw the victim's."""
        quote = self.engine.dialect.identifier_preparer.quote
        mark = "?" if self.is_sqlite else "%s"
        with self.engine.connect().execution_options(ci_writes=True) as connection:
            for name, rows in self.first.items():
                connection.exec_driver_sql(f"DELETE FROM {quote(name)}")
                if rows:
                    columns = ", ".join(map(quote, rows[0]))
                    statement = f"INSERT INTO {quote(name)} ({columns}) VALUES ({', '.join([mark] * len(rows[0]))})"
                    connection.exec_driver_sql(statement, [tuple(row.values()) for row in rows])
            if not seen:
                mine = f"({self.victim.ids['run_id']}, {self.victim.waiting})"
                for name in ("ci_run", "ci_verdict", "ci_evidence"):
                    connection.exec_driver_sql(f"DELETE FROM {name} WHERE run_id IN {mine}")
            connection.commit()

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite, else it is MariaDB."""
        return self.engine.dialect.name == "sqlite"


def read_all(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables, as the driver gives them."""
    quote = engine.dialect.identifier_preparer.quote
    with engine.connect() as connection:
        return {
            name: [dict(row) for row in connection.exec_driver_sql(f"SELECT * FROM {quote(name)}").mappings()]
            for name in inspect(connection).get_table_names()}


@contextmanager
def odd_rows(url: str, folder: Path) -> Iterator[OddRows]:
    """A server on a platform's database without constraints, with the known run, and with a victim."""
    with platform_database(url, loose=True) as database:
        schema.migrate(database.engine)
    site = build_site(folder, folder / "unused", database_url=url, jobs="off")
    engine = lenient_engine(url)
    with site.client, site.app.flask.app_context():
        admin = site.account(Role.ADMIN)
        add_known_run(site.files, Person(admin, "admin@example.test"), Person(site.account(Role.CONTRIBUTOR), "c@example.test"))
        before = read_all(engine)
        victim = _add_victim()
        own = {
            table.name: [row for row in rows if row not in before[table.name]]
            for table in PLATFORM_TABLES for rows in [read_all(engine)[table.name]]}
        found = OddRows(site, victim, site.as_role(Role.ADMIN), engine, own)
        for operation in GETS:
            ask(found.admin, operation, victim.ids)
        found.first = read_all(engine)
        found.said = _answers_of_others(found)
        yield found
        db.session.remove()
    hang_up(url)
    engine.dispose()


def lenient_engine(url: str) -> Engine:
    """Connections by which anything is written, whatever the database would refuse otherwise."""
    engine = create_engine(url, isolation_level=None if url.startswith("sqlite") else "READ COMMITTED")
    statements = ("PRAGMA foreign_keys=OFF", "PRAGMA busy_timeout=20000") if url.startswith("sqlite") else (
        "SET sql_mode=''", "SET foreign_key_checks=0", "SET unique_checks=0")

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        for statement in statements:
            connection.cursor().execute(statement)
        if url.startswith("sqlite"):
            connection.text_factory = lambda value: value.decode("utf-8", "surrogateescape")

    return engine


def _add_victim() -> Victim:
    user = add_user("victim", email="victim@example.test", github_login="victim")
    token = add_token(user, Scope.RUNS_READ, Scope.RESULTS_READ, Scope.SYSTEM_READ)
    sample = add_sample("victim.ts", tags=["victim"])
    test = add_regression_test(
        sample_id=sample, outputs=[Output(acceptable=(digest_of("v"),)), Output(ignored=True)], categories=["Victim"], description="It")
    over = add_run(repository="victim/ccextractor", branch="victim", tests=[test.regression_id], requester_id=user)
    for phase, message in ((Phase.PREPARATION, "Preparing"), (Phase.TESTING, "Testing"), (Phase.COMPLETED, "Done")):
        add_event(over, phase, message, at=NOW)
    add_result(over, test.regression_id, exit_code=3)
    add_output(over, test.regression_id, test.output_ids[0], got=digest_of("produced"))
    waiting = add_run(repository="victim/other", branch="victim", tests=[test.regression_id], requester_id=user, pull_request=7)
    add_machine(waiting)
    set_maintenance("windows", False)
    add_acceptable_hash(test.output_ids[0], digest_of("w"))
    extra = _save_all(user, sample)
    ids = {
        "run_id": over, "sample_id": sample, "regression_id": test.regression_id, "output_id": test.output_ids[0],
        "regression_test_id": test.regression_id, "user_id": user, "extra_id": extra, "base_run_id": KNOWN["run_id"]}
    return Victim(ids, waiting, token, "victim@example.test")


def _save_all(user: int, sample: int) -> int:
    """Save what else belongs to the user and the sample; the id of the sample's further file."""
    extra = SampleExtraRow(sample_id=sample, original_name="extra.txt", extension="txt")
    version = VersionRow(version="0.1", released=date(2020, 1, 1), commit="1" * 40)
    rows: list[Base] = [
        version, GeneralDataRow(key="average_time_linux", value="1500"), BlockedUserRow(user_id=BLOCKED, comment="spam"), extra]
    for row in rows:
        save(row)
    save(UploadRow(user_id=user, sample_id=sample, version_id=version.id, platform="linux", parameters="-x", notes="of a victim"))
    return extra.id


# Machines ask of what they have claimed, which nobody does here.
GETS = [
    operation for document in load_documents() if document.name != MACHINES for operation in document.operations
    if operation.method == "get" and "501" not in operation.responses]
# Whatever a path needs beyond the ids: what belongs to the known run, and what is not there.
OTHERWISE = {
    **PLATFORM_KNOWN, "class_id": CLASS_ID, "ticket": "none", "job_id": "550e8400-e29b-41d4-a716-446655440000", "name": "none",
    "approval_id": "1", "platform": "linux", "queued_id": 1}


def ask(client: Client, operation: Operation, ids: Mapping[str, Any]) -> Any:
    """The answer to an operation with these ids."""
    values = {**OTHERWISE, **ids}
    declared = {each["name"]: each for each in operation.parameters}
    query = {name: values[name] for name, each in declared.items() if each["in"] == "query" and each.get("required")}
    if "timeout" in declared:
        query["timeout"] = 0.05
    if "limit" in declared:
        query["limit"] = declared["limit"]["schema"]["maximum"]
    return client.get(operation.full_path.format_map(values), params=query)


def _answers_of_others(rows: OddRows) -> dict[str, Any]:
    """What is said of those that are not the victim's, by path.

    Some tell of the moment, of the mean of all runs, of the newest version, or of causes and steps, found in the background.
    """
    others = ("stream", "metrics", "health", "environments", "about", "triage", "clusters", "steps")
    return {
        operation.full_path: told(ask(rows.admin, operation, KNOWN), rows.victim)
        for operation in GETS if not any(word in operation.path for word in others)}


def told(answer: Any, victim: Victim) -> Any:
    """What an answer says of others than the victim; of a refusal its status."""
    if answer.status_code >= 400 or answer.headers.get("content-type") != "application/json":
        return answer.status_code if answer.status_code >= 400 else answer.text
    content = answer.json()
    if not isinstance(content, dict) or not isinstance(content.get("data"), list):
        return content
    mine = {name: {victim.ids[name]} for name in ("sample_id", "regression_id")} | {
        "run_id": {victim.ids["run_id"], victim.waiting}, "user_id": {victim.ids["user_id"], BLOCKED}}
    items = [item for item in content["data"] if "victim" not in json.dumps(item).lower()]
    return [item for item in items if not (isinstance(item, dict) and any(item.get(name) in ids for name, ids in mine.items()))]


def is_kept(expected: Any, told_now: Any) -> bool:
    """Whether what was said is still said; a list may have more, since the victim's items need not look like its own any longer."""
    if isinstance(expected, list) and isinstance(told_now, list):
        return all(item in told_now for item in expected)
    return bool(expected == told_now)
