"""What people come for, from the front page on, in a real browser: each by the mouse, and by the keyboard alone."""
from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver

from api.domain.runs.run import Phase
from tests.builders import add_event, add_run
from tests.databases import opened
from tests.e2e.chromium import asked, awaited, console, elsewhere, find
from tests.e2e.installation import Installation
from tests.e2e.page_reader import Person
from tests.e2e.page_scene import EMAIL, FAILED_LINE, FAILED_TEST, PASSWORD, Scene, make_scene


@pytest.fixture(scope="module")
def scene(served: Installation) -> Scene:
    """What there is to see."""
    return make_scene(served)


@pytest.fixture(params=["mouse", "keyboard"])
def person(request: pytest.FixtureRequest, browser: WebDriver, scene: Scene) -> Iterator[Person]:
    """A reviewer on the front page, whose browser complains of nothing, and asks nobody else."""
    found = Person(browser, scene.address, by_keyboard=request.param == "keyboard")
    found.log_in(EMAIL, PASSWORD)
    asked(browser), console(browser)
    yield found
    complaints, strangers = console(browser), elsewhere(asked(browser), scene.address)
    browser.delete_all_cookies()
    assert (complaints, strangers) == ([], [])


def test_which_causes_the_newest_red_run_of_a_pull_request_brought_and_which_cue_changed_how(person: Person, scene: Scene) -> None:
    person.follow("a[href='/pull-requests/7']")
    person.sees("every cue ends 40 ms earlier")
    person.follow(f"a[href='/runs/{scene.red}/tests/{scene.timed}']")

    person.sees("every cue ends 40 ms earlier")
    person.sees("end -40 ms")
    assert find(person.browser, "figure svg").is_displayed()


def test_since_which_commit_main_fails_on_windows(person: Person, scene: Scene) -> None:
    person.follow(f"a.tile[href='/runs/{scene.broken}']")

    person.sees(f"since run {scene.broke} (bbbbbbbb)")


def test_the_cluster_whose_colours_are_gone_is_approved_and_that_is_taken_back(person: Person) -> None:
    deeds = "section[aria-labelledby=decided] > ol > li"

    person.follow("a[href='/review']")
    before = len(person.browser.find_elements(By.CSS_SELECTOR, deeds))
    person.sees("colour")
    if person.by_keyboard:
        find(person.browser, "body").send_keys("j")
        person.browser.switch_to.active_element.send_keys("a")
    else:
        person.follow("button[formaction^='/review/approve']")
    awaited(person.browser, lambda: len(person.browser.find_elements(By.CSS_SELECTOR, deeds)) == before + 1, "the approval")
    person.sees("Approved", deeds)
    if person.by_keyboard:
        find(person.browser, "body").send_keys("u")
    else:
        person.follow("form[action='/review/revert'] button")

    awaited(person.browser, lambda: len(person.browser.find_elements(By.CSS_SELECTOR, deeds)) == before + 2, "what was taken back")
    person.sees("Taken back", deeds)


def test_whether_a_test_is_flaky(person: Person, scene: Scene) -> None:
    person.follow(f"a[href='/runs/{scene.main}']")
    person.follow(f"a[href='/runs/{scene.main}/tests/{scene.flaky}']")

    person.sees("Flaky: the same commit came to something else")


def test_a_wrong_run_is_canceled_and_started_again(person: Person, served: Installation) -> None:
    with opened(served.database_url, migrated=False):
        run_id = add_run(platform="windows")
        add_event(run_id, Phase.TESTING)
    person.go("/")

    person.follow(f"a[href='/runs/{run_id}']")
    person.follow(f"form[action='/runs/{run_id}/cancel'] button")
    person.sees("canceled", "h1")
    person.follow(f"form[action='/runs/{run_id}/retry'] button")

    person.sees(f"run {run_id}", ".facts")
    assert not person.browser.current_url.endswith(f"/runs/{run_id}")


def test_the_first_failure_of_a_job_is_found_in_a_hundred_thousand_lines(person: Person, scene: Scene) -> None:
    person.follow(f"a[href='/view/jobs/{scene.job_id}']")
    person.sees("of 100,000")
    person.follow(f"a[href*='?q={FAILED_TEST}']")
    person.follow(".found a")

    line = find(person.browser, f"#L{FAILED_LINE}")
    assert FAILED_TEST in line.text and "FAILED" in line.text
    assert person.browser.execute_script("return document.querySelector(':target')") == line
    above, below = person.browser.execute_script(
        "const box = arguments[0].getBoundingClientRect(); return [box.top, innerHeight - box.bottom]", line)
    assert above >= 0 and below >= 0


def test_an_address_that_names_a_line_opens_there(person: Person, scene: Scene) -> None:
    person.go(f"/view/jobs/{scene.job_id}#L{FAILED_LINE}")

    awaited(person.browser, lambda: person.browser.find_elements(By.ID, f"L{FAILED_LINE}"), "the line")
    person.go(f"/runs/{scene.red}/log#L900")
    awaited(person.browser, lambda: person.browser.find_elements(By.ID, "L900"), "the line")


def test_a_run_moves_by_itself_and_the_focus_stays(person: Person, served: Installation) -> None:
    with opened(served.database_url, migrated=False):
        run_id = add_run(platform="windows")
        add_event(run_id, Phase.TESTING)
    person.go(f"/runs/{run_id}")
    person.reach(f"a[href='/runs/{run_id}?by=category#failures']")

    with opened(served.database_url, migrated=False):
        add_event(run_id, Phase.CANCELED, "Canceled by ada: superseded")

    person.sees("canceled", "h1")
    assert person.browser.switch_to.active_element.get_attribute("href").endswith(f"/runs/{run_id}?by=category#failures")
