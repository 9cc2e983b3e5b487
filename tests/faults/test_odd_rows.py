"""Whatever stands in any column of the platform's tables: every GET answers, and what is said of other runs is the same."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from sqlalchemy import Column

from api.background.sweeper import Sweeper
from api.cli import main
from api.storage.files.referenced_files import result_names, run_names, sample_names
from api.storage.platform_tables import PLATFORM_TABLES
from contract.fixtures import KNOWN
from tests.examples import each_day
from tests.storage.odd_rows import GETS, NOT_UTF_8, ODD, OddRows, ask, is_kept, odd_rows, told

KINDS = [*ODD, NOT_UTF_8]
# One kind of each sort, on the database that is likelier to stumble over it. `make verify` tries every kind on both.
EACH_DAY = [("sqlite", kind) for kind in ("negative", "bytes", NOT_UTF_8)] + [
    pytest.param("mariadb", kind, marks=pytest.mark.mariadb)
    for kind in ("null", "longest", "unknown word")]


@pytest.fixture(scope="module", params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def rows(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OddRows]:
    """A server on a platform's database, shared by the tests, each of which finds it as it was at first."""
    folder = tmp_path_factory.mktemp("odd")
    if request.param == "sqlite":
        with odd_rows(f"sqlite:///{folder / 'odd.db'}", folder) as found:
            yield found
        return
    server = request.getfixturevalue("mariadb_server")
    url = server.create_database()
    with odd_rows(url.render_as_string(hide_password=False), folder) as found:
        yield found
    server.drop_database(url)


def troubles(rows: OddRows) -> list[str]:
    """Ask everything, of the victim's runs and by who asked for them, and of the others; what went wrong."""
    theirs, mine = rows.site.client.as_(rows.victim.token), rows.victim.ids
    asking = [(rows.admin, mine), (rows.admin, {**mine, "run_id": rows.victim.waiting}), (theirs, KNOWN), (rows.admin, KNOWN)]
    found = []
    for operation in GETS:
        # An operation that names nothing of the victim's has one answer for each who asks.
        names_mine = any(each["name"] in mine for each in operation.parameters)
        for client, ids in asking if names_mine else asking[2:]:
            try:
                answer = ask(client, operation, ids)
            except AssertionError as broken:
                found.append(f"{operation.full_path} breaks the contract: {broken}")
                continue
            if answer.status_code >= 500:
                found.append(f"{operation.full_path} of run {ids['run_id']}: {answer.status_code}")
        said = rows.said.get(operation.full_path)
        if said is not None and not is_kept(said, told(answer, rows.victim)):
            found.append(f"{operation.full_path} says something else of others")
    return found


def parts(rows: OddRows) -> dict[str, Sequence[Column[Any]]]:
    keys = [column for column in rows.columns if column.primary_key or column.foreign_keys]
    return {"values": [column for column in rows.columns if column not in keys], "keys": keys}


def check(rows: OddRows, kind: str, columns: Sequence[Column[Any]], *, seen: bool) -> None:
    """Write an odd value into these columns, and see that nothing breaks and nothing of others changes."""
    rows.restore(seen=seen)

    rows.make_odd(columns, ODD.get(kind))
    found = troubles(rows)
    Sweeper(rows.site.app.flask, rows.site.clock).sweep()

    assert found == []


def can_hold(rows: OddRows, kind: str) -> bool:
    return kind != NOT_UTF_8 or rows.is_sqlite


@pytest.mark.parametrize(("rows", "kind"), EACH_DAY, indirect=["rows"], scope="module")
def test_an_odd_value_in_every_column_breaks_no_answer_and_changes_none_of_others(rows: OddRows, kind: str) -> None:
    check(rows, kind, parts(rows)["values"], seen=False)


@pytest.mark.parametrize("kind", each_day(["null", "largest"], "null"))
def test_an_odd_value_in_every_key_breaks_no_answer_and_changes_none_of_others(rows: OddRows, kind: str) -> None:
    check(rows, kind, parts(rows)["keys"], seen=False)


@pytest.mark.parametrize("kind", each_day(["null", "zero date", "unknown word", "longest", "negative"], "null", "zero date"))
def test_no_command_breaks_over_odd_values(rows: OddRows, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows.restore(seen=False)
    rows.make_odd(parts(rows)["values"], ODD[kind])
    monkeypatch.setenv("CI_DATABASE_URL", rows.site.settings.database_url)
    monkeypatch.setenv("SAMPLE_REPOSITORY", str(rows.site.files))

    told = [main(words) for words in (["migrate"], ["users", "list"], ["tokens", "list", "admin@example.test"])]
    named = [name for names in (sample_names, result_names, run_names) for batch in names() for name in batch]

    assert told == [0, 0, 0]
    assert f"LogFiles/{KNOWN['run_id']}.txt" in named


@pytest.mark.verify
@pytest.mark.parametrize("seen", [True, False], ids=["seen", "unseen"])
@pytest.mark.parametrize("part", ["values", "keys"])
@pytest.mark.parametrize("kind", KINDS)
def test_odd_values_in_columns_of_a_kind_break_nothing_before_and_after_the_runs_were_seen(
    rows: OddRows, kind: str, part: str, seen: bool,
) -> None:
    if can_hold(rows, kind):
        check(rows, kind, parts(rows)[part], seen=seen)


@pytest.mark.verify
@pytest.mark.parametrize("kind", ["null", "zero date", "unknown word", "longest", "negative", "largest"])
@pytest.mark.parametrize("name", [f"{table.name}.{column.name}" for table in PLATFORM_TABLES for column in table.columns])
def test_an_odd_value_in_a_single_column_breaks_nothing(rows: OddRows, name: str, kind: str) -> None:
    check(rows, kind, [column for column in rows.columns if str(column) == name], seen=False)
