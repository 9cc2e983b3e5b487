"""The page of proposed baselines in a real browser, by the keyboard alone."""
from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from hashlib import sha256

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver

from api.domain.auth.access import Role
from api.domain.results.approval import BaselineProposal, Proposal
from api.storage.database import transact
from api.storage.results.approvals import record_proposal
from tests.builders import NOW, Output, add_regression_test, add_user
from tests.databases import opened
from tests.e2e.chromium import awaited, find
from tests.e2e.installation import Installation
from tests.handlers.site import PASSWORD, quick_hash

OLD, NEW = (sha256(content).hexdigest() for content in (b"old", b"new"))


@pytest.fixture(scope="module")
def address(served: Installation) -> str:
    """A server with two proposals of others, of which nobody has decided about any."""
    (served.files / "TestResults").mkdir(exist_ok=True)
    for content in (b"old", b"new"):
        (served.files / "TestResults" / f"{sha256(content).hexdigest()}.srt").write_bytes(content)
    with opened(served.database_url, migrated=False):
        add_user("judge", role=Role.ADMIN, email="judge@example.test", password_hash=quick_hash(PASSWORD))
        asker = add_user("asker", role=Role.CONTRIBUTOR)
        for run_id in (71, 72):
            test = add_regression_test(outputs=[Output(OLD)])
            wish = BaselineProposal(test.regression_id, test.output_id, f"The new timing of run {run_id} is right.")
            proposal = Proposal(run_id, test.sample_id, wish, OLD, NEW, ".srt")
            transact(partial(record_proposal, proposal, asker, "asker@example.test", NOW))
    return served.url


@pytest.fixture
def reviewer(browser: WebDriver, address: str) -> Iterator[WebDriver]:
    """An admin on the page of proposals."""
    browser.get(address + "/login?next=/review")
    find(browser, "#email").send_keys("judge@example.test")
    find(browser, "#password").send_keys(PASSWORD, Keys.ENTER)
    awaited(browser, lambda: find(browser, "h1").text == "Review", "the page of proposals")
    yield browser
    browser.delete_all_cookies()


def press_key(browser: WebDriver, key: str) -> None:
    """Press a key wherever the focus is."""
    browser.switch_to.active_element.send_keys(key)


def deeds(browser: WebDriver) -> list[str]:
    """What was decided lately, in short."""
    return [each.text.split(" by ")[0] for each in browser.find_elements(By.CSS_SELECTOR, "section[aria-labelledby=decided] > ol > li")]


def test_a_key_in_a_field_is_a_letter_and_the_question_mark_shows_the_keys(reviewer: WebDriver) -> None:
    find(reviewer, "input[name=reason]").send_keys("a far better output")
    press_key(reviewer, Keys.TAB)
    press_key(reviewer, "?")

    assert find(reviewer, "input[name=reason]").get_attribute("value") == "a far better output"
    assert reviewer.execute_script("return document.getElementById('keys').open")
    assert deeds(reviewer) == []


def test_proposals_are_gone_through_approved_and_taken_back_by_the_keyboard(reviewer: WebDriver) -> None:
    press_key(reviewer, "j")
    press_key(reviewer, "j")
    press_key(reviewer, "k")
    focused = reviewer.switch_to.active_element.text
    press_key(reviewer, "a")
    awaited(reviewer, lambda: deeds(reviewer) == ["Approved"], "the approval")
    awaited(reviewer, lambda: reviewer.switch_to.active_element.get_attribute("id") == "proposal-1", "what comes next in its place")
    press_key(reviewer, "u")
    awaited(reviewer, lambda: deeds(reviewer) == ["Taken back", "Approved"], "the reversal")
    press_key(reviewer, "j")
    press_key(reviewer, "r")
    awaited(reviewer, lambda: deeds(reviewer) == ["Rejected", "Taken back", "Approved"], "the rejection")

    assert "run 72" in focused
    assert "Nothing waits for a decision." in find(reviewer, "main").text
