"""A browser in the hands of a test: it notes what it asks for and what it is forbidden."""
from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.parts import need

T = TypeVar("T")

TIMEOUT = 180
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1280,1600")


@contextmanager
def chromium(profile: Path, flags: Sequence[str] = ()) -> Iterator[WebDriver]:
    """A fresh browser, whose profile is kept in this folder."""
    options = webdriver.ChromeOptions()
    options.binary_location, driver_path = need("chromium"), need("chromedriver")
    for flag in (*FLAGS, *flags, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(driver_path))
    try:
        driver.set_script_timeout(TIMEOUT)
        yield driver
    finally:
        driver.quit()


def awaited(browser: WebDriver, look: Callable[[], T], what: str) -> T:
    """Look again and again until there is something to be seen; return it."""
    waiting = WebDriverWait(browser, TIMEOUT, ignored_exceptions=[StaleElementReferenceException])
    seen: T = waiting.until(lambda _: look(), f"not seen: {what}")
    return seen


def find(browser: WebDriver, selector: str) -> WebElement:
    """The first element of a selector, once there is one."""
    found: WebElement = WebDriverWait(browser, TIMEOUT).until(lambda driver: driver.find_element(By.CSS_SELECTOR, selector))
    return found


def press(browser: WebDriver, selector: str) -> None:
    """Click on an element, once it is there and can be clicked."""
    element = find(browser, selector)
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    WebDriverWait(browser, TIMEOUT).until(lambda _: element.is_displayed() and element.is_enabled())
    element.click()


def asked(browser: WebDriver) -> list[dict[str, Any]]:
    """The requests that the browser made since this was asked last."""
    messages: list[dict[str, Any]] = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [message["params"]["request"] for message in messages if message["method"] == "Network.requestWillBeSent"]


def elsewhere(requests: Sequence[dict[str, Any]], address: str) -> list[str]:
    """Those of the requests' addresses that are another server's."""
    urls = [str(request["url"]) for request in requests]
    return [url for url in urls if urlsplit(url).scheme in ("http", "https", "ws", "wss") and not url.startswith(address)]


def console(browser: WebDriver) -> list[str]:
    """What the browser complained of since this was asked last."""
    return [str(entry["message"]) for entry in browser.get_log("browser")]
