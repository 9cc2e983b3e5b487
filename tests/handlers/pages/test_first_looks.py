"""Which pages a server looks at when it starts."""
from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from api.app import PAGES_DOCUMENT
from api.server import make_server
from api.services.results.newest_failure import find_newest_failure
from api.site.first_looks import FindShown, FirstLooks
from api.specfirst.binding.documents import load, operations
from api.storage.files import paths
from api.storage.files.backends import OpenFile
from api.storage.text.log_sections import find_section
from tests.handlers.site import Site, settings_for
from tests.services.results.analysed import Scene, archive_of

WITHOUT_RUNS = {"/": 200, "/runs": 200, "/review": 200}


def looked_at(site: Site, find: FindShown | None = None) -> dict[str, int]:
    """The paths that a server looks at, and the status of each answer."""
    answers = {}

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        async def watching(message: Message) -> None:
            if message["type"] == "http.response.start":
                answers[scope["path"]] = message["status"]
            await send(message)

        await site.app.middleware(scope, receive, watching)

    pages = [*operations(PAGES_DOCUMENT, load(PAGES_DOCUMENT))]
    portal: Any = site.client._http.portal
    found = find or partial(find_newest_failure, archive_of(site.files))
    portal.call(FirstLooks(watched, site.app.app_context, pages, found).look)
    return answers


def test_all_pages_of_runs_are_looked_at_with_the_newest_failure(site: Site) -> None:
    scene = Scene.made(site.files)
    scene.run("a", ends={0: 40})
    red = scene.run("b", pull_request=7, ends={1: 40})
    scene.run("c")
    scene.analyse_all()
    failing = scene.tests[1]

    assert looked_at(site) == WITHOUT_RUNS | dict.fromkeys([
        "/pull-requests/7", f"/runs/{red}", f"/runs/{red}/tests/{failing.regression_id}",
        f"/samples/{failing.sample_id}", f"/regression-tests/{failing.regression_id}"], 200)


def test_the_log_of_the_failing_test_has_been_searched(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene.made(site.files)
    scene.run("a", ends={0: 40})
    red = scene.run("b", ends={1: 40})
    scene.analyse_all()
    log = site.files / paths.log_name(red)
    log.parent.mkdir(exist_ok=True)
    log.write_bytes(b"not of a test\n" * 100_000)
    reads = []

    looked_at(site)

    monkeypatch.setattr(OpenFile, "read", lambda _, start, length: reads.append(start) or b"")
    with archive_of(site.files).hold(paths.log_name(red)) as held:
        assert held is not None and find_section(held, scene.tests[1].regression_id) is None
    assert reads == []


def test_where_nothing_failed_the_other_pages_are_looked_at(site: Site) -> None:
    Scene.made(site.files).run("a")

    assert looked_at(site) == WITHOUT_RUNS


def test_where_nothing_can_be_found_the_other_pages_are_looked_at(site: Site) -> None:
    def find() -> dict[str, int]:
        raise ConnectionError

    assert looked_at(site, find) == WITHOUT_RUNS


def test_a_server_looks_while_it_begins_to_answer(
    sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked = Event()

    async def look(_: FirstLooks) -> None:
        looked.set()

    monkeypatch.setattr(FirstLooks, "look", look)
    settings = settings_for(tmp_path, Path(shutil.copy(sqlite_template, tmp_path / "ci.db")))

    with TestClient(make_server(settings)) as plain:
        plain.get("/livez")
        assert not looked.is_set()
    with TestClient(make_server(settings, looks_first=True)):
        assert looked.wait(10)
