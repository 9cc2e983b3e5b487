"""Addresses at which there is nothing: people get a page, programs the standard body."""
from __future__ import annotations

import pytest

from tests.handlers.site import Client, Site

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize("path", ["/nowhere", "/runs/abc", "/test/0x1"])
def test_a_person_gets_a_page_where_there_is_nothing(visitor: Client, path: str) -> None:
    answer = visitor._http.get(path, headers=BROWSER)

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "text/html; charset=utf-8" and "<h1>Not found</h1>" in answer.text
    # Nobody looked for a session, so the page does not ask for a login.
    assert 'href="/login"' not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("accept", ["application/json", "*/*"])
def test_a_program_gets_the_standard_body_where_there_is_nothing(site: Site, accept: str) -> None:
    answer = site.client.get("/nowhere", headers={"Accept": accept})

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
