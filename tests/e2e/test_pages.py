"""The pages for people in a real browser: from the front page to the changed cue, by mouse and by keyboard, for every reader."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver

from api.domain.auth.access import Role
from api.domain.runs.run import Phase
from tests.builders import Output, add_event, add_regression_test, add_result_with_output, add_run, add_user
from tests.databases import opened
from tests.e2e.chromium import asked, awaited, console, elsewhere, find, press
from tests.e2e.installation import Installation
from tests.handlers.site import quick_hash
from tests.parts import lacking

AXE = Path(__file__).parents[2] / "contract/generated_clients/node_modules/axe-core/axe.min.js"
EXPECTED = b"1\n00:00:01,000 --> 00:00:02,000\nThe tide is out.\n"
ACTUAL = b"1\n00:00:01,000 --> 00:00:01,960\nThe tide is out.\n"
HOSTILE = "<script>document.title = 'taken'</script><img src=http://elsewhere.example/x>"
EMAIL, PASSWORD = "reviewer@example.test", "correct horse battery staple"
WIDTHS, SCHEMES = (390, 1280), ("light", "dark")
LARGEST = 150_000


@dataclass(frozen=True)
class Scene:
    """A main that passes on Linux and fails on Windows, and a pull request that ends its cues earlier."""

    address: str
    main: int
    windows: int
    red: int
    regression_id: int

    @property
    def pages(self) -> dict[str, str]:
        """Every page, by name."""
        return {
            "front": "/", "runs": "/runs", "grid": "/runs?view=grid", "nothing": "/runs?status=queued&branch=none",
            "run": f"/runs/{self.red}",
            "tests": f"/runs/{self.red}?only=all", "test": f"/runs/{self.red}/tests/{self.regression_id}",
            "pull-request": "/pull-requests/7", "missing": "/runs/99999", "login": "/login", "review": "/review"}


@pytest.fixture(scope="module")
def scene(served: Installation) -> Scene:
    """What there is to see."""
    results = served.files / "TestResults"
    results.mkdir(exist_ok=True)
    for content in (EXPECTED, ACTUAL, HOSTILE.encode()):
        (results / f"{sha256(content).hexdigest()}.srt").write_bytes(content)
    with opened(served.database_url, migrated=False):
        add_user("reviewer", role=Role.ADMIN, email=EMAIL, password_hash=quick_hash(PASSWORD))
        outputs = [Output(baseline=sha256(EXPECTED).hexdigest())]
        timed, hostile = add_regression_test(outputs=outputs), add_regression_test(outputs=outputs, command=HOSTILE)
        main = _run([(timed.regression_id, timed, EXPECTED)])
        windows = _run([(hostile.regression_id, hostile, HOSTILE.encode())], platform="windows")
        red = _run([(timed.regression_id, timed, ACTUAL), (hostile.regression_id, hostile, HOSTILE.encode())], pull_request=7)
    return Scene(served.url, main, windows, red, timed.regression_id)


def _run(results: list[tuple[int, object, bytes]], **options: object) -> int:
    run_id = add_run(tests=[regression_id for regression_id, _, _ in results], **options)
    add_event(run_id, Phase.TESTING)
    for _, test, content in results:
        got = None if content == EXPECTED else sha256(content).hexdigest()
        add_result_with_output(run_id, test, got=got, expected=sha256(EXPECTED).hexdigest())
    add_event(run_id, Phase.COMPLETED)
    return run_id


@pytest.fixture
def reader(browser: WebDriver, scene: Scene) -> Iterator[WebDriver]:
    """A reviewer who has logged in."""
    browser.get(scene.address + "/login")
    find(browser, "#email").send_keys(EMAIL)
    find(browser, "#password").send_keys(PASSWORD, Keys.ENTER)
    awaited(browser, lambda: browser.find_elements(By.CSS_SELECTOR, ".who form"), "the name of who is logged in")
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


def _has_causes(browser: WebDriver) -> bool:
    """Whether the page tells of the cause by now; it is loaded again for the next look."""
    found = "every cue ends 40 ms earlier" in find(browser, "main").text.lower()
    if not found:
        browser.refresh()
    return found


def _follow(browser: WebDriver, words: str) -> None:
    """Go to a link by the keyboard alone: Tab until it has the focus, then Enter."""
    body = browser.find_element(By.TAG_NAME, "body")
    before = browser.current_url
    for _ in range(80):
        body.send_keys(Keys.TAB) if browser.switch_to.active_element == body else browser.switch_to.active_element.send_keys(Keys.TAB)
        if words in browser.switch_to.active_element.text:
            browser.switch_to.active_element.send_keys(Keys.ENTER)
            awaited(browser, lambda: browser.current_url != before, f"what is behind {words!r}")
            return
    raise AssertionError(f"no link with {words!r} can be reached by the keyboard")


def test_the_causes_of_a_pull_requests_run_and_the_changed_cue_are_found_by_mouse(reader: WebDriver, scene: Scene) -> None:
    reader.get(scene.address + "/")
    press(reader, "a[href='/pull-requests/7']")
    awaited(reader, lambda: _has_causes(reader), "the causes")
    press(reader, f"a[href='/runs/{scene.red}/tests/{scene.regression_id}']")

    shown = find(reader, "main").text

    assert "every cue ends 40 ms earlier" in shown
    assert "end -40 ms" in shown and "00:00:01,960" in shown


def test_the_changed_cue_is_found_by_the_keyboard_alone(reader: WebDriver, scene: Scene) -> None:
    reader.get(scene.address + "/")
    _follow(reader, "#7")
    _follow(reader, str(scene.regression_id))

    assert "every cue ends 40 ms earlier" in find(reader, "main").text


def test_since_when_main_fails_on_windows_is_two_clicks_away(reader: WebDriver, scene: Scene) -> None:
    reader.get(scene.address + "/")
    press(reader, f"a.tile[href='/runs/{scene.windows}']")

    assert "this run" in find(reader, ".failures").text


def test_a_wrong_run_is_canceled_and_started_again(reader: WebDriver, scene: Scene, served: Installation) -> None:
    with opened(served.database_url, migrated=False):
        run_id = add_run()

    reader.get(f"{scene.address}/runs/{run_id}")
    press(reader, f"form[action='/runs/{run_id}/cancel'] button")
    awaited(reader, lambda: "canceled" in find(reader, "h1").text, "the run as canceled")
    press(reader, f"form[action='/runs/{run_id}/retry'] button")
    awaited(reader, lambda: not reader.current_url.endswith(f"/runs/{run_id}"), "the new run")

    assert f"run {run_id}" in find(reader, ".facts").text


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_can_be_read_by_everybody_within_its_policy(
    reader: WebDriver, scene: Scene, width: int, scheme: str, tmp_path: Path,
) -> None:
    _see(reader, width, scheme)
    wrong: dict[str, object] = {}
    for name, path in scene.pages.items():
        reader.get(scene.address + path)
        find(reader, "h1")
        reader.save_screenshot(str(tmp_path / f"{name}-{width}-{scheme}.png"))
        faults = _complaints(reader)
        overflow = reader.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
        size = len(reader.page_source)
        if faults or overflow > 0 or size > LARGEST:
            wrong[name] = faults, overflow, size

    assert wrong == {}
    assert elsewhere(asked(reader), scene.address) == []
    assert [line for line in console(reader) if "404" not in line] == []
    assert reader.title != "taken"


def test_pages_can_be_read_without_scripts(reader: WebDriver, scene: Scene) -> None:
    reader.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        reader.get(f"{scene.address}/runs/{scene.red}/tests/{scene.regression_id}")

        assert "every cue ends 40 ms earlier" in find(reader, "main").text
    finally:
        reader.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_the_session_is_out_of_reach_of_scripts_and_ends_with_the_logout(reader: WebDriver, scene: Scene) -> None:
    reader.get(scene.address + "/")
    readable = reader.execute_script("return document.cookie")

    press(reader, ".who button")
    awaited(reader, lambda: find(reader, "h1").text == "Log in", "the way in")

    assert readable == ""
