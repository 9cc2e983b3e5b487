"""The documentation page in a real browser: it authorizes, executes, obeys its policy and asks no other server."""
from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver

from tests.e2e.chromium import asked, awaited, console, elsewhere, find, press
from tests.specfirst.conftest import ADMIN, make_application

WHO = "[id$='-who']"


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


def test_the_page_authorizes_executes_and_shows_the_answer_within_its_policy(browser: WebDriver, address: str, tmp_path: Path) -> None:
    browser.get(f"{address}/api/v1/ui")
    press(browser, ".auth-wrapper .authorize")
    find(browser, ".auth-container input").send_keys(ADMIN)
    press(browser, ".auth-container button.authorize")
    press(browser, ".auth-container button.btn-done")
    press(browser, f"{WHO} .opblock-summary-control")
    press(browser, f"{WHO} button.execute")
    shown = find(browser, ".live-responses-table .response-col_description .highlight-code").text

    browser.save_screenshot(str(tmp_path / "page.png"))
    complaints, requests = console(browser), asked(browser)
    assert '"user_id": 101' in shown
    assert f"{address}/api/v1/who" in [request["url"] for request in requests]
    assert elsewhere(requests, address) == []
    assert complaints == []


def test_the_page_offers_every_document(browser: WebDriver, address: str) -> None:
    browser.get(f"{address}/api/v1/ui")
    find(browser, ".opblock")

    offered = [option.text for option in browser.find_elements(By.CSS_SELECTOR, "#select option")]
    find(browser, "#select option:nth-child(2)").click()
    awaited(browser, lambda: find(browser, ".info .title").text.startswith("Workers"), "the second document")

    assert offered == ["Things", "Workers", "Jobs"]
    assert console(browser) == []


INTRUSION = """
const base = document.createElement("base");
base.href = "http://elsewhere.test/";
document.head.append(base);
const form = document.createElement("form");
form.action = arguments[0] + "/llms.txt";
document.body.append(form);
form.submit();
const frame = document.createElement("iframe");
frame.src = location.href;
document.body.append(frame);
return new URL("x", document.baseURI).origin;
"""


def test_markup_that_gets_into_the_page_moves_no_address_sends_no_form_and_frames_nothing(browser: WebDriver, address: str) -> None:
    browser.get(f"{address}/api/v1/ui")
    find(browser, ".opblock")
    console(browser)

    origin = browser.execute_script(INTRUSION, address)
    told: list[str] = []
    words = ("base-uri", "form-action", "fram")
    awaited(browser, lambda: told.extend(console(browser)) or all(any(word in line for line in told) for word in words), "the refusals")

    assert origin == address
    assert browser.current_url == f"{address}/api/v1/ui"
