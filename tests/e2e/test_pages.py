"""The pages for people in a real browser: each can be read by everybody, asks nobody else, and takes nothing for markup."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import Select

from tests.builders import add_run
from tests.databases import opened
from tests.e2e.chromium import asked, awaited, console, elsewhere, find, press
from tests.e2e.installation import Installation
from tests.e2e.page_reader import Person
from tests.e2e.page_scene import EMAIL, PASSWORD, Scene, make_scene
from tests.parts import lacking

AXE = Path(__file__).parents[2] / "contract/generated_clients/node_modules/axe-core/axe.min.js"
WIDTHS, SCHEMES = (390, 1280), ("light", "dark")
LARGEST = 150_000
# Lets no time pass between the looks that a page takes at itself, and counts them.
HURRIED = """
  window.looks = 0;
  const wait = window.setTimeout;
  window.setTimeout = (act, _, ...rest) => wait(() => { window.looks += 1; act(...rest); }, 20);
"""
OVERFLOW = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
# The words that each page must have for somebody without scripts.
READABLE = {
    "front": "every cue ends 40 ms earlier", "runs": "2 of 2 failed", "grid": "windows", "run": "every cue ends 40 ms earlier",
    "run-by-category": "output_diff", "run-tests": "uncategorized", "test": "end -40 ms", "test-flaky": "flaky", "log": "building",
    "pull-request": "every cue ends 40 ms earlier", "sample": "1 regression test", "regression-test": "flaky", "review": "colour is lost",
    "jobs": "sea", "job": "of 100,000", "job-search": "FAILED", "job-line": "FAILED", "missing": "not found", "login": "password"}


@pytest.fixture(scope="module")
def scene(served: Installation) -> Scene:
    """What there is to see."""
    return make_scene(served)


@pytest.fixture
def reader(browser: WebDriver, scene: Scene) -> Iterator[WebDriver]:
    """A reviewer who has logged in, once the causes are known."""
    person = Person(browser, scene.address, by_keyboard=False)
    person.log_in(EMAIL, PASSWORD)
    person.go(f"/runs/{scene.red}")
    person.sees("every cue ends 40 ms earlier")
    asked(browser), console(browser)
    yield browser
    browser.delete_all_cookies()


def _see(browser: WebDriver, width: int, scheme: str) -> None:
    """Have a window of that width and a reader of that taste."""
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})


def _complaints(browser: WebDriver) -> list[str]:
    """What axe-core finds wrong with the page."""
    if not AXE.exists():
        lacking("axe-core is not installed: run `npm ci` in contract/generated_clients")
    # Run beside the page's own scripts, so that the page's policy stands.
    browser.execute_cdp_cmd("Page.setBypassCSP", {"enabled": False})
    browser.execute_script(AXE.read_text())
    found = browser.execute_async_script(
        "const done = arguments[arguments.length - 1]; axe.run().then((all) => done(all.violations.map("
        "(each) => each.id + ': ' + each.nodes.map((node) => node.target.join(' ')).slice(0, 3).join(', '))))")
    return [str(each) for each in found]


@pytest.mark.parametrize(("width", "scheme"), [
    # All of them take long.
    pytest.param(width, scheme, marks=[] if (width, scheme) == (WIDTHS[0], SCHEMES[-1]) else pytest.mark.verify, id=f"{width}-{scheme}")
    for width in WIDTHS for scheme in SCHEMES])
def test_every_page_can_be_read_by_everybody_within_its_policy(
    reader: WebDriver, scene: Scene, width: int, scheme: str, tmp_path: Path,
) -> None:
    _see(reader, width, scheme)
    wrong: dict[str, object] = {}
    for name, path in scene.pages.items():
        reader.get(scene.address + path)
        find(reader, "h1")
        reader.save_screenshot(str(tmp_path / f"{name}-{width}-{scheme}.png"))
        faults, overflow, size = _complaints(reader), reader.execute_script(OVERFLOW), len(reader.page_source.encode())
        if faults or overflow > 0 or size > LARGEST or reader.title == "taken":
            wrong[name] = faults, overflow, size, reader.title

    assert wrong == {}
    assert elsewhere(asked(reader), scene.address) == []
    assert [line for line in console(reader) if "404" not in line and "400" not in line] == []


def test_pages_can_be_read_without_scripts(reader: WebDriver, scene: Scene) -> None:
    reader.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        seen = {}
        for name in READABLE:
            reader.get(scene.address + scene.pages[name])
            seen[name] = find(reader, "main").text
    finally:
        reader.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})

    assert [name for name, words in READABLE.items() if words.lower() not in seen[name].lower()] == []


def test_a_page_that_moves_by_itself_takes_no_choice_away(reader: WebDriver, scene: Scene, served: Installation) -> None:
    hurried = reader.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": HURRIED})
    reader.get(f"{scene.address}/runs?branch=tides")
    Select(find(reader, "select[name=status]")).select_by_visible_text("fail")
    reader.execute_script("document.activeElement.blur()")
    with opened(served.database_url, migrated=False):
        add_run(branch="tides")

    looks = reader.execute_script("return looks")
    awaited(reader, lambda: reader.execute_script("return looks") > looks + 5, "some more looks")
    kept, shown = find(reader, "select[name=status]").get_attribute("value"), find(reader, "main").text
    Select(find(reader, "select[name=status]")).select_by_index(0)
    reader.execute_script("document.activeElement.blur()")
    awaited(reader, lambda: "1 run\n" in find(reader, "main").text, "the run")
    reader.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", hurried)

    assert kept == "fail" and "No run is like that." in shown


def test_an_address_that_names_a_line_survives_the_login(browser: WebDriver, scene: Scene) -> None:
    browser.get("about:blank")
    browser.get(f"{scene.address}/runs/{scene.red}/log#L900")
    awaited(browser, lambda: "%23L900" in str(find(browser, "#github").get_attribute("href")), "the line in the address of GitHub's way in")
    for password in ("wrong", PASSWORD):
        awaited(browser, lambda: find(browser, "#email").get_attribute("value") == "", "an empty form")
        find(browser, "#email").send_keys(EMAIL)
        find(browser, "#password").send_keys(password, Keys.ENTER)

    awaited(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#L900:target"), "the line")
    browser.delete_all_cookies()


def test_the_session_is_out_of_reach_of_scripts_and_ends_with_the_logout(reader: WebDriver, scene: Scene) -> None:
    reader.get(scene.address + "/")
    readable = reader.execute_script("return document.cookie")

    press(reader, ".who button")
    awaited(reader, lambda: find(reader, "h1").text == "Log in", "the way in")

    assert readable == ""
    assert reader.find_elements(By.CSS_SELECTOR, ".who form") == []
