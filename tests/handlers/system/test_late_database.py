"""A server that starts before its database: requests are refused as in any other outage, until the database is there and migrated."""
from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.config import ConfigurationError
from api.domain.auth.access import Role
from api.storage import schema
from api.storage.database import db
from tests.builders import add_run
from tests.databases import hang_up, opened
from tests.handlers.site import Site, build_site
from tests.mariadb import PrivateServer

# The driver leaves the socket of a connection that could not be made to be collected.
pytestmark = [pytest.mark.mariadb, pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")]


@contextmanager
def server_of(url: str, folder: Path) -> Iterator[Site]:
    """A running server on this database."""
    try:
        site = build_site(folder, folder / "unused", database_url=url)
        with site.client, site.app.flask.app_context():
            yield site
            db.session.remove()
    finally:
        hang_up(url)
        # The driver leaves sockets of failed connections to be collected: here, so that no later test is blamed for them.
        gc.collect()


def url_of(mariadb: PrivateServer) -> str:
    return mariadb.server.create_database().render_as_string(hide_password=False)


def test_a_server_waits_for_a_database_that_is_away_at_its_start(
    mariadb: PrivateServer, tmp_path: Path, caplog: pytest.LogCaptureFixture,
) -> None:
    url = url_of(mariadb)
    with opened(url):
        pass
    mariadb.stop()

    with server_of(url, tmp_path) as site:
        away = [site.client.as_("spci_any").get("/api/v1/runs"), site.client.get("/api/v1/system/health")]
        mariadb.start()
        run_id, client = add_run(), site.as_role(Role.TESTER)
        there = client.get(f"/api/v1/runs/{run_id}")

    assert [(each.status_code, "Retry-After" in each.headers) for each in away] == [(503, True)] * 2
    assert there.status_code == 200
    assert "The database does not answer; check CI_DATABASE_URL" in caplog.text


def test_a_database_that_comes_without_its_migration_is_not_used_before_it_has_it(mariadb: PrivateServer, tmp_path: Path) -> None:
    url = url_of(mariadb)
    mariadb.stop()

    with server_of(url, tmp_path) as site:
        mariadb.start()
        lacking = site.client.as_("spci_any").get("/api/v1/runs")
        with opened(url, migrated=False) as database:
            schema.migrate(database.engine)
        migrated = site.client.as_("spci_any").get("/api/v1/runs")

    assert [lacking.status_code, migrated.status_code] == [503, 401]


def test_a_server_refuses_to_start_on_a_database_that_refuses_it(
    mariadb: PrivateServer, tmp_path: Path, caplog: pytest.LogCaptureFixture,
) -> None:
    url = mariadb.server.create_database().set(username="nobody", password="hunter2-is-secret")

    with pytest.raises(ConfigurationError, match="The database refuses the account or its password") as refused:
        with server_of(url.render_as_string(hide_password=False), tmp_path):
            pass

    assert "hunter2" not in f"{refused.value}{caplog.text}"


def test_a_server_refuses_to_start_on_a_database_without_its_migration(mariadb: PrivateServer, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="The database lacks a migration: run `ci-api migrate` first"):
        with server_of(url_of(mariadb), tmp_path):
            pass
