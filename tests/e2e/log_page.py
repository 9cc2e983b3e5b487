"""Somebody who looks at the page of a log."""
from __future__ import annotations

from dataclasses import dataclass

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver

from tests.e2e.chromium import asked, awaited, console, find, press

TEXTS = "return [...document.querySelectorAll('#log .row .text')].map((each) => each.textContent)"
NUMBERS = "return [...document.querySelectorAll('#log .number')].map((each) => Number(each.textContent))"
BEHIND = "const log = document.getElementById('log'); return log.scrollHeight - log.scrollTop - log.clientHeight"


@dataclass(frozen=True)
class Reader:
    """A person at a browser, whose page is some server's."""

    browser: WebDriver
    address: str

    def go(self, path: str) -> None:
        """Open a page, and forget what was asked for and complained of before."""
        self.browser.get("about:blank")
        asked(self.browser), console(self.browser)
        self.browser.get(self.address + path)
        find(self.browser, "#token")

    def show(self, token: str) -> None:
        """Give the page a token."""
        awaited(self.browser, lambda: find(self.browser, "#token").is_displayed(), "the question for a token")
        find(self.browser, "#token").send_keys(token, Keys.ENTER)

    def text(self, selector: str) -> str:
        """The text of an element; empty while it is hidden."""
        return find(self.browser, selector).text

    def sees(self, selector: str, words: str) -> None:
        """Wait until an element says something."""
        awaited(self.browser, lambda: words in self.text(selector), f"{words!r} in {selector}")

    def lines(self) -> list[str]:
        """The lines of the log that are here."""
        found: list[str] = self.browser.execute_script(TEXTS)
        return found

    def numbers(self) -> list[int]:
        """Their numbers; a line that has not ended has none."""
        found: list[int] = self.browser.execute_script(NUMBERS)
        return found

    def reads(self, lines: list[str]) -> None:
        """Wait until these are the lines of the log."""
        awaited(self.browser, lambda: self.lines() == lines, f"{len(lines)} lines")

    def press(self, selector: str) -> None:
        """Click on something."""
        press(self.browser, selector)

    def behind(self) -> int:
        """How far the log's end is from being seen, in pixels."""
        found: float = self.browser.execute_script(BEHIND)
        return round(found)

    @property
    def is_following(self) -> bool:
        """Whether the page stays at the newest line."""
        return find(self.browser, "#follow").get_attribute("aria-pressed") == "true"

    def kept(self) -> str:
        """All that the page left in the browser and in its address."""
        stored: str = self.browser.execute_script(
            "return JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href, history.state])")
        return stored

    def count(self, selector: str) -> int:
        """How many such elements there are."""
        return len(self.browser.find_elements(By.CSS_SELECTOR, selector))
