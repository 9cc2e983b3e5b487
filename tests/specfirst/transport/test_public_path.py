"""A server whose public address has a path: what it is asked below it, and what its answers lead to."""
from __future__ import annotations

import re

import pytest

from api.app import DOCUMENTS, Application
from api.config import ConfigurationError, Settings
from tests.specfirst.asking import ask
from tests.specfirst.conftest import ADMIN, RUN_TOKEN, Make

PUBLIC = "https://example.org/ci"
PAGES = ["/api/v1/ui", "/runs/1/view", "/jobs/550e8400-e29b-41d4-a716-446655440000/view"]


@pytest.fixture(scope="module")
def placed(make: Make) -> Application:
    """The application of these tests below a path."""
    return make(public_url=PUBLIC)


@pytest.fixture(scope="module")
def real(make: Make) -> Application:
    """The server with its own documents, below a path that one of them begins with, too."""
    return make(public_url=PUBLIC, documents=DOCUMENTS)


@pytest.mark.parametrize("path", ["/api/v1/things/7", "/openapi.json", "/llms.txt", "/mode/linux", *PAGES])
def test_a_proxy_may_leave_the_path_or_take_it_off(placed: Application, path: str) -> None:
    left, taken_off = ask(placed, f"/ci{path}", token=ADMIN), ask(placed, path, token=ADMIN)

    assert (left.status, left.body) == (200, taken_off.body)


@pytest.mark.parametrize("path", ["/ci", "/ci/", "/cix/openapi.json", "/%63i/openapi.json", "/ci%2Fopenapi.json", "/ci/ci/openapi.json"])
def test_nothing_else_is_there(placed: Application, path: str) -> None:
    assert ask(placed, path).status == 404


def test_what_is_there_as_it_is_stays_what_it_is(real: Application) -> None:
    path = f"/ci/progress-reporter/1/{RUN_TOKEN}"

    statuses = {ask(real, prefix + path, method="PUT").header("allow") for prefix in ("", "/ci")}

    assert statuses == {"POST"}


@pytest.mark.parametrize("path", PAGES)
def test_pages_lead_below_the_path(real: Application, path: str) -> None:
    html = ask(real, path).body.decode()

    found = re.findall(r'(?:src|href)="([^"#]+)"', html)
    assert found and all(each.startswith("/ci/") for each in found)
    # Pages for people lead to the login.
    answers = [ask(real, each) for each in found]
    assert all(each.status == 200 or each.status == 303 and str(each.header("location")).startswith("/ci/login?") for each in answers)
    assert "{" not in html.replace("{&quot;", "")


def test_documents_and_headers_lead_below_the_path(real: Application) -> None:
    documents = [ask(real, path) for path in ("/openapi.json", "/openapi-worker.json", "/openapi-jobs.json")]
    text = ask(real, "/llms.txt").body.decode()

    assert [document.json["servers"][0]["url"] for document in documents] == ["/ci/api/v1", "/ci/", "/ci/"]
    assert all(not server["url"].startswith("/") for document in documents for server in document.json["servers"][1:])
    assert ask(real, "/ci/api/v1/nope").header("link") == '</ci/api/v1/openapi.json>; rel="service-desc"'
    assert set(re.findall(r"https://[^/]*/[a-z]*", text)) == {PUBLIC}


@pytest.mark.parametrize("path", ["/jobs", "/runs/1"])
def test_a_path_that_is_an_address_of_the_server_stops_the_start(make: Make, path: str) -> None:
    if path == "/runs/1":
        make(public_url=f"https://example.org{path}", documents=DOCUMENTS)
        return

    with pytest.raises(ConfigurationError, match="CI_PUBLIC_URL: below /jobs"):
        make(public_url=f"https://example.org{path}", documents=DOCUMENTS)


@pytest.mark.parametrize("url", [
    "https://example.org/a b", 'https://example.org/"><script>', "https://example.org/a/../b", "https://example.org/./a",
    "https://example.org//a", "https://example.org/é", "https://ada:secret@example.org", "https://example.org/a?b", "https://example.org/%2e"])
def test_an_address_that_could_not_stand_in_a_page_stops_the_start(url: str) -> None:
    with pytest.raises(ConfigurationError, match="CI_PUBLIC_URL: must be") as refused:
        Settings.from_environment({"CI_PUBLIC_URL": url})

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(("url", "kept"), [
    ("https://example.org/ci/", PUBLIC), ("https://example.org/", "https://example.org"), ("http://[::1]:8000/a/b-c.d", "http://[::1]:8000/a/b-c.d")])
def test_a_plain_address_is_taken(url: str, kept: str) -> None:
    assert Settings.from_environment({"CI_PUBLIC_URL": url}).public_url == kept
