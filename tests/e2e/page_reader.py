"""Somebody who reads the pages, by the mouse or by the keyboard alone."""
from __future__ import annotations

from dataclasses import dataclass

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver

from tests.e2e.chromium import awaited, find, press

# So many stops of the Tab key, no page has more.
STOPS = 400


@dataclass(frozen=True)
class Person:
    """A reader, whose browser is on a page."""

    browser: WebDriver
    address: str
    by_keyboard: bool

    def go(self, path: str) -> None:
        """Open a page by its address."""
        self.browser.get(self.address + path)

    def log_in(self, email: str, password: str) -> None:
        """Begin a session, which leads to the front page."""
        self.go("/login")
        find(self.browser, "#email").send_keys(email)
        find(self.browser, "#password").send_keys(password, Keys.ENTER)
        awaited(self.browser, lambda: self.browser.find_elements(By.CSS_SELECTOR, ".who form"), "the name of who is logged in")

    def follow(self, selector: str) -> None:
        """Use a link or a button, and wait for the page behind it."""
        before = find(self.browser, "main")
        if self.by_keyboard:
            self.reach(selector)
            self.browser.switch_to.active_element.send_keys(Keys.ENTER)
        else:
            press(self.browser, selector)
        awaited(self.browser, lambda: self._is_gone(before), f"what is behind {selector}")

    def reach(self, selector: str) -> None:
        """Go there by the Tab key, from wherever the focus is."""
        find(self.browser, selector)
        for _ in range(STOPS):
            self.browser.switch_to.active_element.send_keys(Keys.TAB)
            if self.browser.execute_script("return document.activeElement.matches(arguments[0])", selector):
                return
        raise AssertionError(f"{selector} cannot be reached by the keyboard")

    def sees(self, words: str, selector: str = "main") -> None:
        """Wait until the page says something."""
        awaited(self.browser, lambda: words.lower() in find(self.browser, selector).text.lower(), f"{words!r} in {selector}")

    def _is_gone(self, element: object) -> bool:
        return bool(find(self.browser, "main") != element)
