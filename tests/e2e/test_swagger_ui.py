"""The documentation page in a real browser: it authorizes, executes, obeys its policy and asks no other server."""
from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.middleware.conftest import ADMIN, make_application
from tests.parts import need

PATIENCE = 30
WHO = "[id$='operations\\\\.who']"
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1280,1600")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address of a server of this test's own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(make_application(public_url=address), lifespan="on", log_config=None, access_log=False, proxy_headers=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.05)
        yield address
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    """A fresh browser that notes what it asks for and what it is forbidden."""
    options = webdriver.ChromeOptions()
    options.binary_location, driver_path = need("chromium"), need("chromedriver")
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(driver_path))
    yield driver
    driver.quit()


def _find(browser: WebDriver, selector: str) -> WebElement:
    found: WebElement = WebDriverWait(browser, PATIENCE).until(lambda driver: driver.find_element(By.CSS_SELECTOR, selector))
    return found


def _press(browser: WebDriver, selector: str) -> None:
    element = _find(browser, selector)
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    WebDriverWait(browser, PATIENCE).until(lambda _: element.is_displayed() and element.is_enabled())
    element.click()


def _asked(browser: WebDriver) -> list[str]:
    messages: list[dict[str, Any]] = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"]


def test_the_page_authorizes_executes_and_shows_the_answer_within_its_policy(browser: WebDriver, address: str, tmp_path: Path) -> None:
    browser.get(f"{address}/api/v1/ui")
    _press(browser, ".auth-wrapper .authorize")
    _find(browser, ".auth-container input").send_keys(ADMIN)
    _press(browser, ".auth-container button.authorize")
    _press(browser, ".auth-container button.btn-done")
    _press(browser, f"{WHO} .opblock-summary-control")
    _press(browser, f"{WHO} button.execute")
    shown = _find(browser, ".live-responses-table .response-col_description .highlight-code").text

    browser.save_screenshot(str(tmp_path / "page.png"))
    console = [entry["message"] for entry in browser.get_log("browser")]
    asked = _asked(browser)
    assert '"user_id": 101' in shown
    assert f"{address}/api/v1/who" in asked
    assert [url for url in asked if urlsplit(url).scheme in ("http", "https") and not url.startswith(address)] == []
    assert console == []


def test_the_page_offers_every_document(browser: WebDriver, address: str) -> None:
    browser.get(f"{address}/api/v1/ui")
    _find(browser, ".opblock")

    offered = [option.text for option in browser.find_elements(By.CSS_SELECTOR, "#select option")]
    _find(browser, "#select option:nth-child(2)").click()
    WebDriverWait(browser, PATIENCE).until(lambda driver: _find(driver, ".info .title").text.startswith("Workers"))

    assert offered == ["Things", "Workers", "Jobs"]
    assert [entry["message"] for entry in browser.get_log("browser")] == []
