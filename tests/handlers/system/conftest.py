"""A server with much of everything."""
from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from api.domain.auth.access import Role
from api.services.results.analysing import Analyst
from api.services.results.output_facts import FactFinder
from api.services.runs.platform_sync import judge_pending
from api.storage.database import session
from api.storage.tables.results import ClusterRow
from contract.documents import load_documents
from contract.largest_requests import Asked
from tests.abundance import add_abundance
from tests.builders import add_token
from tests.counting import Counted, counted
from tests.handlers.site import Site, build_site
from tests.handlers.system.asked import Ask
from tests.services.results.analysed import OwnPool, archive_of

OPERATION = load_documents()[0].operations[0]


@dataclass
class Abundant:
    """A server with much of everything, and what its paths are of."""

    site: Site
    owner: int
    known: Mapping[str, Any]

    def ask(self, asked: Asked) -> tuple[Any, Counted]:
        """Send a request with a token of its own, which it may end; the answer and what it took."""
        token = add_token(self.owner, now=self.site.clock.now)
        with counted() as counts:
            answer = self.send(asked, token)
        return answer, counts

    def send(self, asked: Asked, token: str) -> Any:
        """Send a request with this token; the answer."""
        return self.site.client._http.request(
            asked.operation.method.upper(), asked.target, content=asked.body,
            headers={"Authorization": f"Bearer {token}", **asked.headers})


@pytest.fixture(scope="session")
def abundant(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Abundant]:
    """The server, on SQLite."""
    folder = tmp_path_factory.mktemp("abundant")
    with abundant_site(build_site(folder, Path(shutil.copy(sqlite_template, folder / "ci.db")))) as made:
        yield made


@contextmanager
def abundant_site(site: Site) -> Iterator[Abundant]:
    """Start the server and fill it. What is judged when it is first read has been read."""
    with site.client, site.app.flask.app_context():
        owner = site.account(Role.ADMIN)
        known = add_abundance(site.files, owner)
        made = Abundant(site, owner, known)
        while made.ask(Asked(OPERATION, "first", "/api/v1/runs?limit=100", {}))[1].statements > 30:
            pass
        yield replace(made, known={**known, "class_id": _analysed(site, known["run_id"])})


def _analysed(site: Site, run_id: int) -> str:
    """The class of a cause of this run, once all runs are analysed."""
    while judge_pending(100):
        pass
    analyst = Analyst(FactFinder(archive_of(site.files), OwnPool()), site.settings.main_repository)
    while analyst.analyse_next() is not None:
        pass
    found = session().execute(select(ClusterRow.class_id).where(ClusterRow.run_id == run_id)).scalars().first()
    session().rollback()
    return found or "0" * 16


@pytest.fixture
def ask(site: Site) -> Ask:
    """Get a page as somebody who may only look."""
    client = site.as_role(Role.USER)

    def get(path: str, **query: Any) -> dict[str, Any]:
        answer = client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    return get
