"""The page of a run in a real browser, with a server that runs, ends and comes back."""
from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
from selenium.webdriver.remote.webdriver import WebDriver

from api.domain.auth.access import Role, Scope
from api.domain.runs.run import Phase
from tests.builders import (
    Output,
    add_event,
    add_passed_result,
    add_regression_test,
    add_result_with_output,
    add_run,
    add_sample,
    add_token,
    add_user,
    digest_of,
)
from tests.databases import opened
from tests.e2e.chromium import asked, awaited, console, elsewhere, find
from tests.e2e.installation import Installation
from tests.e2e.log_page import Reader

HOSTILE = (
    "<script>document.title = 'taken'</script>", "<img src=http://elsewhere.example/x onerror=\"document.title='taken'\">",
    "\x1b]8;;javascript:document.title='taken'\x1b\\click\x1b]8;;\x1b\\", "\x1b]0;taken\x07", "\x1b[38;2;1;2;3m" * 3000 + "tide",
    "<style>body{display:none}</style>", "\u202eright to left", "</div></main><iframe src=http://elsewhere.example></iframe>")


@pytest.fixture
def reader(browser: WebDriver, served: Installation) -> Reader:
    """Somebody at the pages of the server that the module's tests share."""
    return Reader(browser, served.url)


def _path(run_id: int) -> str:
    return f"/runs/{run_id}/view"


def _log(installation: Installation, run_id: int) -> Path:
    path = installation.files / "LogFiles" / f"{run_id}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _append(path: Path, *lines: str) -> None:
    with path.open("a") as file:
        file.write("".join(f"{line}\n" for line in lines))


def _do(installation: Installation, work: Callable[[], int]) -> int:
    """What some work on the database returns; the server sees what it wrote."""
    with opened(installation.database_url, migrated=False):
        return work()


def _start_run() -> int:
    run_id = add_run()
    add_event(run_id, Phase.PREPARATION, "Preparing", at=datetime.now(UTC))
    add_event(run_id, Phase.TESTING, "Testing", at=datetime.now(UTC))
    return run_id


def _end_run(run_id: int) -> int:
    add_event(run_id, Phase.COMPLETED, "Done", at=datetime.now(UTC))
    return run_id


def test_the_page_asks_for_a_token_keeps_it_to_itself_and_says_when_it_is_wrong(reader: Reader, served: Installation) -> None:
    run_id = _do(served, _start_run)

    reader.go(_path(run_id))
    before = [request["url"] for request in asked(reader.browser) if "/api/" in request["url"]]
    reader.show("wrong")
    reader.sees("#door-wrong", "does not know this token")
    reader.show(served.token)
    reader.sees("#counts", "to come")

    requests = asked(reader.browser)
    assert before == []
    assert not any(served.token in request["url"] for request in requests)
    shown = [request["headers"].get("Authorization") for request in requests if request["url"].endswith("/summary")]
    assert set(shown) == {f"Bearer {served.token}"}
    assert served.token not in reader.kept()
    assert find(reader.browser, "#token").get_attribute("value") == ""


def test_what_is_not_there_and_what_the_token_may_not_see_is_said(reader: Reader, served: Installation) -> None:
    run_id = _do(served, _start_run)
    with opened(served.database_url, migrated=False):
        narrow = add_token(add_user(role=Role.USER), Scope.RUNS_READ, now=datetime.now(UTC))

    reader.go(_path(99_999))
    reader.show(served.token)
    reader.sees("#door-wrong", "There is no such thing here")
    reader.go(_path(run_id))
    reader.show(narrow)

    reader.sees("#notice", "it lacks the scope")
    assert reader.text("#badge") == "running"


def test_lines_appear_while_the_log_grows_until_the_run_is_over(reader: Reader, served: Installation) -> None:
    run_id = _do(served, _start_run)
    log = _log(served, run_id)

    _append(log, "[2026-11-21T11:00:00Z] [INFO] [worker] one", "two")
    reader.go(_path(run_id))
    reader.show(served.token)
    reader.reads(["[INFO] [worker] one", "two"])
    _append(log, "three \x1b[32mgreen\x1b[0m")
    reader.reads(["[INFO] [worker] one", "two", "three green"])
    _do(served, lambda: _end_run(run_id))

    awaited(reader.browser, lambda: reader.text("#badge") not in ("", "running"), "the run's end")
    assert reader.numbers() == [1, 2, 3]
    assert find(reader.browser, "#log [data-fg]").text == "green"
    assert console(reader.browser) == []


def test_a_hostile_log_is_text_and_nothing_else(reader: Reader, served: Installation) -> None:
    run_id = _do(served, _start_run)
    _append(_log(served, run_id), *HOSTILE)

    reader.go(_path(run_id))
    reader.show(served.token)
    awaited(reader.browser, lambda: len(reader.lines()) == len(HOSTILE), "all lines")

    lines = reader.lines()
    assert lines[0] == HOSTILE[0]
    assert lines[2:5] == ["click", "", "tide"]
    assert reader.count("#log :is(img, script, style, iframe, .text a)") == 0
    assert "taken" not in str(reader.browser.title)
    assert elsewhere(asked(reader.browser), served.url) == []
    assert console(reader.browser) == []


def test_the_policy_forbids_markup_scripts_and_other_servers_even_to_the_page_itself(reader: Reader, served: Installation) -> None:
    reader.go(_path(1))

    refused = reader.browser.execute_async_script("""
        const done = arguments[arguments.length - 1];
        const refused = [];
        document.addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
        try { document.body.innerHTML = "<b>x</b>"; } catch { refused.push("markup"); }
        document.body.append(Object.assign(new Image(), { src: "http://127.0.0.1:9/x.png" }));
        document.body.setAttribute("style", "color: red");
        fetch("http://127.0.0.1:9/").catch(() => setTimeout(() => done(refused), 100));
    """)

    assert {"markup", "img-src", "style-src-attr", "connect-src"} <= set(refused)


def test_the_page_follows_until_the_reader_scrolls_up_and_again_when_asked(reader: Reader, served: Installation) -> None:
    run_id = _do(served, _start_run)
    log = _log(served, run_id)
    _append(log, *(f"line {number}" for number in range(1, 1001)))
    reader.go(_path(run_id))
    reader.show(served.token)
    awaited(reader.browser, lambda: len(reader.lines()) == 1000 and reader.behind() < 40, "the end of the log")

    origin = ScrollOrigin.from_element(find(reader.browser, "#log"))
    ActionChains(reader.browser).scroll_from_origin(origin, 0, -400).perform()
    awaited(reader.browser, lambda: not reader.is_following, "the end of following")
    _append(log, *(f"line {number}" for number in range(1001, 1201)))
    awaited(reader.browser, lambda: len(reader.lines()) == 1200, "more lines")
    behind = reader.behind()
    reader.press("#follow")

    assert behind > 400
    awaited(reader.browser, lambda: reader.behind() < 40, "the newest line")
    assert reader.is_following


def test_a_line_has_an_address(reader: Reader, served: Installation) -> None:
    run_id = _do(served, _start_run)
    _append(_log(served, run_id), *(f"line {number}" for number in range(1, 1001)))

    reader.go(f"{_path(run_id)}#L321")
    reader.show(served.token)

    awaited(reader.browser, lambda: reader.count(".row.target") == 1, "the line")
    assert reader.text(".row.target .text") == "line 321"
    assert not reader.is_following


def test_the_log_is_searched(reader: Reader, served: Installation) -> None:
    run_id = _do(served, _start_run)
    _append(_log(served, run_id), *(f"line {number}" for number in range(1, 1001)))
    reader.go(_path(run_id))
    reader.show(served.token)
    awaited(reader.browser, lambda: len(reader.lines()) == 1000, "all lines")

    find(reader.browser, "#query").send_keys("LINE 77")
    reader.sees("#found", "11")
    find(reader.browser, "#next").click()
    reader.sees("#found", "1 of 11")
    find(reader.browser, "#next").click()
    reader.sees("#found", "2 of 11")
    current = reader.text(".row.current .text")
    find(reader.browser, "#only").click()

    assert current == "line 770"
    shown = "return [...document.querySelectorAll('#log .row')].filter((each) => each.getClientRects().length).length"
    awaited(reader.browser, lambda: reader.browser.execute_script(shown) == 11, "the matches alone")


def _failed_run(installation: Installation, wanted: str, written: str) -> int:
    """A run of two tests, of which one wrote something else than it was to write."""
    for text in (wanted, written):
        (installation.files / "TestResults" / f"{digest_of(text)}.srt").write_text(text)

    def failed_run() -> int:
        outputs = [Output(baseline=digest_of(wanted))]
        passing, failing = (add_regression_test(sample_id=add_sample(), outputs=outputs, categories=["DVB"]) for _ in range(2))
        run_id = _start_run()
        add_passed_result(run_id, passing, expected=digest_of(wanted))
        add_result_with_output(run_id, failing, got=digest_of(written), expected=digest_of(wanted))
        return _end_run(run_id)

    return _do(installation, failed_run)


def test_a_failing_sample_leads_to_its_difference(reader: Reader, served: Installation) -> None:
    run_id = _failed_run(served, "one\ntwo\nthree\n", "one\nTWO <b>\nthree\n")

    reader.go(_path(run_id))
    reader.show(served.token)
    reader.sees("#failures-title", "1 test did not pass")
    reader.press("#failures-list a")
    reader.sees("#sheet-text", "TWO <b>")

    assert reader.text("#sheet .removed") == "-two"
    assert reader.text("#sheet .added") == "+TWO <b>"
    assert "1 failed" in reader.text("#counts")


def test_a_difference_begins_with_what_is_different_in_words(reader: Reader, served: Installation) -> None:
    cue = "1\n00:00:01,000 --> 00:00:02,000\nfoo\n"
    run_id = _failed_run(served, cue, cue.replace("02,000", "01,960"))

    reader.go(_path(run_id))
    reader.show(served.token)
    reader.sees("#failures-title", "1 test did not pass")
    reader.press("#failures-list a")
    reader.sees("#sheet-text", "01,960")

    assert reader.text("#sheet .fact") == "# every cue ends 40 ms earlier"


@pytest.mark.parametrize(("wanted", "written", "told"), [
    ("one\ntwo\n", "one\ntwo", "line 2: no newline after two"), ("two", "two\n", "line 1: a newline after two"),
    ("one\ntwo\n", "one\n", "line 2: (end) instead of two")])
def test_a_failing_sample_says_where_its_output_first_differs(
    reader: Reader, served: Installation, wanted: str, written: str, told: str,
) -> None:
    run_id = _failed_run(served, wanted, written)

    def is_shown() -> bool:
        reader.go(_path(run_id))
        reader.show(served.token)
        awaited(reader.browser, lambda: reader.text("#failures-list"), "the failures")
        return told in reader.text("#failures-list")

    # A busy machine may not have compared the outputs yet when the page asks.
    awaited(reader.browser, is_shown, told)


@pytest.mark.verify
def test_a_connection_that_broke_is_made_again_without_a_line_lost_or_doubled(browser: WebDriver, installation: Installation) -> None:
    run_id = _do(installation, _start_run)
    log = _log(installation, run_id)
    reader = Reader(browser, installation.url)
    lines = [f"line {number}" for number in range(1, 31)]

    with installation.server() as server:
        _append(log, *lines[:10])
        reader.go(_path(run_id))
        reader.show(installation.token)
        reader.reads(lines[:10])
        server.kill()
    reader.sees("#notice", "Reconnecting")
    _append(log, *lines[10:20])
    with installation.server():
        reader.reads(lines[:20])
        _append(log, *lines[20:])
        reader.reads(lines)
        awaited(browser, lambda: reader.text("#notice") == "", "that all is well")

    assert reader.numbers() == list(range(1, 31))
