"""What is served beside the operations: documents, the page for programs, the documentation page."""
from __future__ import annotations

import json
import re

import pytest

from api.app import CI_DOCUMENT, DOCUMENTS, JOBS_DOCUMENT, Application
from api.site.routes import NOT_OPERATIONS, pages
from api.site.viewer_pages import VIEW, VIEW_PATHS
from api.specfirst.binding.documents import load
from api.specfirst.responses.headers import UI_POLICY, VIEW_POLICY
from api.specfirst.responses.probes import PROBE_PATHS
from api.specfirst.responses.static_pages import Page
from tests.specfirst.asking import ask
from tests.specfirst.conftest import ADMIN, JOBS, THINGS, WORKERS, Make

UI = "/api/v1/ui"


@pytest.fixture(scope="module")
def real(make: Make) -> Application:
    """The server with its own documents."""
    return make(documents=DOCUMENTS)


def _pages() -> list[Page]:
    return pages(DOCUMENTS, {document.name: load(document) for document in DOCUMENTS}, "https://ci.example")


def test_the_paths_that_are_no_operations_are_a_closed_set() -> None:
    served = {page.path for page in _pages()}

    assert served <= NOT_OPERATIONS
    assert NOT_OPERATIONS - served <= {"/openapi-jobs.json", "/mcp"} | PROBE_PATHS


@pytest.mark.parametrize("page", _pages(), ids=lambda page: page.path)
def test_a_page_is_public_kept_and_always_the_same(real: Application, page: Page) -> None:
    first, second = ask(real, page.path), ask(real, page.path)

    assert (first.status, first.header("content-type")) == (200, page.media_type)
    assert first.body == second.body
    assert (first.header("cache-control") or "").startswith("public, max-age=")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_page_can_only_be_read(real: Application, method: str) -> None:
    answer = ask(real, "/openapi.json", method=method, token=ADMIN)

    assert (answer.status, answer.header("allow")) == (405, "GET, HEAD")


def test_the_document_is_the_contract_without_its_internals(real: Application) -> None:
    served = ask(real, "/api/v1/openapi.json").json
    written = load(CI_DOCUMENT)

    assert served["paths"].keys() == written["paths"].keys()
    assert served["components"]["schemas"] == json.loads(json.dumps(written["components"]["schemas"]))
    assert "$ref" in json.dumps(served["paths"])
    assert not re.search(r"x-bearerInfoFunc|x-native-async|x-openapi-router-controller|x-rate-bucket|bearer_info", json.dumps(served))
    assert [server["url"] for server in served["servers"]] == [server["url"] for server in written["servers"]]
    assert served["servers"][0]["url"] == "/api/v1"


def test_both_addresses_of_the_document_say_the_same(real: Application) -> None:
    assert ask(real, "/openapi.json").body == ask(real, "/api/v1/openapi.json").body


def test_the_page_for_programs_has_this_servers_address(real: Application) -> None:
    text = ask(real, "/llms.txt").body.decode()

    assert "https://ci.example/api/v1" in text
    assert "https://ci.example/openapi-worker.json" in text
    named = r'\{"code", "message", "details"\}|\{"job_id"\}|\{name\}|\{[a-z]+_id\}'
    assert "{" not in re.sub(named, "", text)


def test_every_path_that_the_page_for_programs_names_exists(real: Application) -> None:
    text = ask(real, "/llms.txt").body.decode()
    named = set(re.findall(r"(?:GET|POST|DELETE) (/[a-z/{}_.-]*[a-z}])", text))

    assert len(named) > 5
    assert named <= set(load(CI_DOCUMENT)["paths"]) | set(load(JOBS_DOCUMENT)["paths"])


@pytest.mark.parametrize("path", ["/runs/{run_id}/triage", "/runs/{run_id}/compare", "/runs/{run_id}/junit.xml"])
def test_a_program_is_led_to_what_says_most_of_a_red_run(real: Application, path: str) -> None:
    assert f"GET {path}" in ask(real, "/llms.txt").body.decode()
    assert path in load(CI_DOCUMENT)["info"]["description"]


def test_the_documentation_page_lists_all_documents_and_loads_only_from_here(make: Make) -> None:
    html = ask(make(documents=(THINGS, WORKERS, JOBS)), UI).body.decode()

    assert all(path in html for path in ("/api/v1/openapi.json", "/openapi-worker.json", "/openapi-jobs.json"))
    assert re.findall(r'(?:src|href)="(?!/)', html) == []
    assert "<script>" not in html and "style=" not in html and "<style" not in html


def test_the_documentation_page_has_a_policy_of_its_own(real: Application) -> None:
    policy = ask(real, UI).header("content-security-policy") or ""

    assert policy == UI_POLICY.decode()
    assert {"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"} <= {part.strip() for part in policy.split(";")}


@pytest.mark.parametrize("name", [
    "index.html", "swagger-ui.js", "oauth2-redirect.html", "../app.py", "..%2fapp.py", "LICENSE", "__init__.py", "page.html"])
def test_other_files_of_the_packages_are_not_served(real: Application, name: str) -> None:
    assert ask(real, f"{UI}/{name}").status == 404


VIEWS = ["/runs/918273/view", "/jobs/550e8400-e29b-41d4-a716-446655440000/view"]


@pytest.mark.parametrize("path", VIEWS)
def test_the_page_of_a_log_is_the_same_for_everybody_and_says_nothing_of_what_it_will_show(real: Application, path: str) -> None:
    one, other = ask(real, path), ask(real, path.replace("7", "8"), token=ADMIN)

    assert (one.status, one.body) == (200, other.body)
    assert path.split("/")[2] not in one.body.decode()


@pytest.mark.parametrize(("path", "listed"), [(VIEWS[0], "/runs"), (VIEWS[1], "/view/jobs")])
def test_from_the_page_of_a_log_one_can_go_on(real: Application, path: str, listed: str) -> None:
    html = ask(real, path).body.decode()

    assert [f'<a href="{each}">' in html for each in ("/", listed)] == [True, True]


@pytest.mark.parametrize("path", VIEWS)
def test_the_page_of_a_log_loads_files_from_here_alone_and_has_nothing_inline(real: Application, path: str) -> None:
    html = ask(real, path).body.decode()

    loaded, named = (re.findall(rf'<(?:{tags})[^>]* (?:src|href)="([^"#]+)"', html) for tags in ("link|script", "[a-z]+"))
    assert set(loaded) <= VIEW_PATHS
    assert [each for each in named if not each.startswith("/")] == []
    assert not re.search(r"<script(?![^>]*src=)|<style|style=|\son\w+=", html)
    assert "{" not in html


def test_the_scripts_of_the_log_pages_import_only_scripts_that_are_served(real: Application) -> None:
    imported = {
        f"{VIEW}/{name}" for path in VIEW_PATHS if path.endswith(".js")
        for name in re.findall(r'from "\./([^"]+)"', ask(real, path).body.decode())}

    assert "/view/terminal.js" in imported
    assert imported <= VIEW_PATHS


@pytest.mark.parametrize("path", [*VIEWS, *sorted(path for path in VIEW_PATHS if path.startswith(VIEW))])
def test_all_that_belongs_to_a_page_of_a_log_is_under_its_policy_and_comes_once(real: Application, path: str) -> None:
    first = ask(real, path)
    head = ask(real, path, method="HEAD")
    again = ask(real, path, headers=[("If-None-Match", first.header("etag") or "")])

    assert first.header("content-security-policy") == VIEW_POLICY.decode()
    assert first.header("x-content-type-options") == "nosniff"
    assert (head.status, head.body, head.header("etag")) == (200, b"", first.header("etag"))
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize("word", [
    "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "localStorage", "sessionStorage", "cookie"])
def test_no_script_of_the_log_pages_makes_markup_of_text_or_keeps_anything(real: Application, word: str) -> None:
    scripts = [ask(real, path).body.decode() for path in VIEW_PATHS if path.endswith(".js")]

    assert [script for script in scripts if word in script] == []
