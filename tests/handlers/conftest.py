"""The servers of these tests: one for all that is emptied between them, and others made to measure; who works on baselines there."""
from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Lock

import pytest
from passlib.hash import sha512_crypt

from api.domain.auth.access import Role
from api.domain.causes.run_analysis import AnalysisDue
from api.services.results.analysing import Analyst
from api.storage.auth import passwords
from api.supervision.loop import Background
from tests.builders import NOW, add_regression_test
from tests.handlers.baselines import Case, failed_run, store_output
from tests.handlers.site import QUICK, Client, Site, build_site

MakeSite = Callable[..., Site]

# Held while a run is analysed, and while the tests' rows are thrown away: the next test's runs may have the same ids.
_analysing = Lock()


@pytest.fixture(scope="module", autouse=True)
def _quick_passwords() -> Iterator[None]:
    """Hash passwords in no time; what a hash costs in earnest is a matter of tests/storage/auth/test_passwords.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "OWN_SCHEME", QUICK)
        patch.setattr(passwords, "PLATFORM_SCHEME", sha512_crypt.using(rounds=1_000))
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_analysis_outlives_its_rows() -> Iterator[None]:
    analyse_next = Analyst.analyse_next

    def analyse_alone(self: Analyst) -> AnalysisDue | None:
        with _analysing:
            return analyse_next(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Analyst, "analyse_next", analyse_alone)
        yield


@pytest.fixture(scope="session")
def shared_site(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running server whose state the next test throws away."""
    folder = tmp_path_factory.mktemp("site")
    site = build_site(folder, Path(shutil.copy(sqlite_template, folder / "ci.db")))
    with site.client:
        yield site


@pytest.fixture
def site(shared_site: Site) -> Iterator[Site]:
    """A running server without accounts, runs or files, within its application context."""
    with shared_site.app.flask.app_context():
        with _analysing:
            shared_site.database.empty()
        shared_site.accounts.clear()
        shared_site.clock.now = NOW
        for folder in shared_site.files.iterdir():
            if not folder.is_dir():
                folder.unlink()
                continue
            for entry in folder.iterdir():
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        yield shared_site


@pytest.fixture
def make_site(sqlite_path: Path, tmp_path: Path) -> Iterator[MakeSite]:
    """Make a running server with settings of its own, on a database of its own."""
    with ExitStack() as stack:
        def make(**changes: object) -> Site:
            site = build_site(tmp_path, sqlite_path, **changes)
            stack.enter_context(site.client)
            stack.enter_context(site.app.flask.app_context())
            return site

        yield make


@pytest.fixture
def quiet_site(make_site: MakeSite, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A running server of this test's own that does nothing between requests: whatever is read or written, a request does."""
    monkeypatch.setattr(Background, "_start", lambda _: None)
    return make_site()


@pytest.fixture
def case(site: Site) -> Case:
    """A run with an output that may become a baseline."""
    store_output(site)
    test = add_regression_test()
    return Case(failed_run(test), test)


@pytest.fixture
def requester(site: Site) -> Client:
    """A client of somebody who may ask for a new baseline."""
    return site.as_role(Role.CONTRIBUTOR)


@pytest.fixture
def admin(site: Site) -> Client:
    """A client of somebody who may decide about it."""
    return site.as_role(Role.ADMIN)
