"""A server below a path of its host, as people, programs, workers and clients meet it; the proxy leaves the path on."""
from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from selenium.webdriver.remote.webdriver import WebDriver

from ci_client.client import list_jobs
from tests.e2e.chromium import asked, console, find, press
from tests.e2e.installation import Installation
from tests.e2e.log_page import Reader

PATH = "/ci"


@pytest.fixture(scope="module")
def placed(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A filled installation with a running server, whose public address has a path."""
    folder = tmp_path_factory.mktemp("placed")
    made = Installation(folder, f"sqlite:///{shutil.copy(sqlite_template, folder / 'ci.db')}")
    made.changes["CI_PUBLIC_URL"] = made.url + PATH
    made.fill()
    with made.server():
        yield made


@pytest.fixture(scope="module")
def run_id(placed: Installation) -> int:
    """A run that a worker executed and reported on at the public address."""
    run_id = placed.api.trigger()
    with placed.worker("below", "--once") as worker:
        assert worker.ended() == 0
    return run_id


def _elsewhere(browser: WebDriver, base: str) -> list[str]:
    """The addresses that the browser asked and that are not below the server's."""
    urls = [str(request["url"]) for request in asked(browser)]
    return [url for url in urls if url.startswith("http") and not url.startswith(base + "/")]


@pytest.mark.verify
def test_a_worker_reports_there_and_a_client_finds_its_jobs(placed: Installation, run_id: int) -> None:
    assert placed.api.ended(run_id)["status"] == "pass"
    assert list_jobs(placed.url + PATH, token=placed.token) == []


def test_the_documentation_page_works_there(browser: WebDriver, placed: Installation) -> None:
    base = placed.url + PATH
    browser.get("about:blank")
    asked(browser), console(browser)

    browser.get(f"{base}/api/v1/ui")
    press(browser, "[id$='get_health'] .opblock-summary-control")
    press(browser, "[id$='get_health'] button.execute")
    shown = find(browser, ".live-responses-table .response-col_description .highlight-code").text
    requested = find(browser, ".request-url pre").text

    assert '"status"' in shown
    assert requested == f"{base}/api/v1/system/health"
    assert _elsewhere(browser, base) == []
    assert console(browser) == []


def test_the_page_of_a_run_works_there(browser: WebDriver, placed: Installation, run_id: int) -> None:
    base = placed.url + PATH
    reader = Reader(browser, base)

    reader.go(f"/runs/{run_id}/view")
    reader.show(placed.token)
    reader.sees("#badge", "pass")

    assert _elsewhere(browser, base) == []
    assert console(browser) == []


def test_a_file_can_be_fetched_from_the_address_that_an_answer_has(placed: Installation, run_id: int) -> None:
    files = placed.api.get(f"/runs/{run_id}/artifacts")["data"]
    address = next(file["download_url"] for file in files if file["download_url"])

    answer = httpx.get(address, trust_env=False)

    assert address.startswith(f"{placed.url}{PATH}/api/v1/downloads/")
    assert answer.status_code == 200
