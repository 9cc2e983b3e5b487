"""The pages' scripts, each in a real browser: what they make of sequences, events, refusals and names."""
from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn
from selenium.webdriver.remote.webdriver import WebDriver

from tests.specfirst.conftest import make_application

Script = Callable[..., Any]
RED, GREEN, RESET = "\x1b[31m", "\x1b[32m", "\x1b[0m"
IMPORT = """
const [body, given, done] = arguments;
const names = ["asking", "failed-tests", "following", "frames", "line", "terminal", "view", "words"];
Promise.all(names.map((name) => import(`/view/${name}.js`)))
  .then((modules) => run(Object.assign({}, ...modules), given))
  .then((value) => done({ value }), (failure) => done({ failure: String(failure) }));
async function run(page, given) {
  const { Terminal, PLAIN, Frames, Problem, problemOf, pauseAfter, lineOf, lineOfTest, row, duration, size, count } = page;
  %s
}
"""


@pytest.fixture(scope="module")
def script(browser: WebDriver) -> Iterator[Script]:
    """Runs a function's body in a page, with all that the scripts export and what is given; returns what it returns."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(make_application(), lifespan="on", log_config=None, access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.05)
        browser.get(f"http://127.0.0.1:{listener.getsockname()[1]}/jobs/550e8400-e29b-41d4-a716-446655440000/view")

        def run(body: str, given: Any = None) -> Any:
            answer = browser.execute_async_script(IMPORT % body, body, given)
            assert "failure" not in answer, answer
            return json.loads(json.dumps(answer["value"]))

        yield run
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def printed(script: Script) -> Callable[..., list[list[list[Any]]]]:
    """What is to be seen of pieces of output: for each line its texts, each with what its style differs in from the plain one."""
    def lines(*pieces: str) -> list[list[list[Any]]]:
        return script(PRINTED, list(pieces))  # type: ignore[no-any-return]

    return lines


PRINTED = """
const terminal = new Terminal();
const lines = given.flatMap((piece) => terminal.feed(piece));
if (terminal.open) lines.push(terminal.open);
return lines.map(({ spans }) => spans.map(({ text, style }) =>
  [text, Object.fromEntries(Object.entries(style).filter(([name, value]) => value !== PLAIN[name]))]));
"""
Printed = Callable[..., list[list[list[Any]]]]


@pytest.mark.parametrize(("sequence", "style"), [
    ("1", {"bold": True}), ("2;3", {"dim": True, "italic": True}), ("4", {"underline": True}), ("7", {"inverse": True}),
    ("31", {"fg": 1}), ("97", {"fg": 15}), ("42", {"bg": 2}), ("104", {"bg": 12}), ("38;5;9", {"fg": 9}),
    ("38;5;196", {"fg": "rgb(255, 0, 0)"}), ("48;5;244", {"bg": "rgb(128, 128, 128)"}), ("38;2;1;2;3", {"fg": "rgb(1, 2, 3)"}),
    ("38:2::1:2:3", {"fg": "rgb(1, 2, 3)"}), ("38:5:196", {"fg": "rgb(255, 0, 0)"}), ("1;31;22;39", {}), ("1;31;0", {}), ("31;", {}),
    ("38;2;999;2;3", {}), ("38;5;256", {}), ("38;5", {}), ("38", {}), ("8", {}), ("5", {}), ("123456789", {})])
def test_a_sequence_of_colours_says_how_what_follows_looks(printed: Printed, sequence: str, style: dict[str, Any]) -> None:
    assert printed(f"\x1b[{sequence}mtide\n") == [[["tide", style]]]


def test_a_style_lasts_over_the_end_of_a_line(printed: Printed) -> None:
    assert printed(f"{RED}one\ntwo{RESET} three\n") == [[["one", {"fg": 1}]], [["two", {"fg": 1}], [" three", {}]]]


@pytest.mark.parametrize("cut", range(1, 24))
def test_pieces_may_end_anywhere(printed: Printed, cut: int) -> None:
    text = f"a{RED}b\r\n\x1b]0;t\x1b\\c\x1b[1mé\n"

    assert printed(text[:cut], text[cut:]) == printed(text)


@pytest.mark.parametrize(("text", "seen"), [
    ("10%\r 50%\r100%\n", "100%"), ("Downloading\rDone\n", "Doneloading"), ("Downloading\r\x1b[KDone\n", "Done"),
    ("Downloading\x1b[2K\x1b[1GDone\n", "Done"), ("windows\r\n", "windows"), ("\r\r\n", ""), ("a\tb\n", "a\tb")])
def test_a_return_to_the_lines_beginning_writes_over_it(printed: Printed, text: str, seen: str) -> None:
    assert ["".join(part for part, _ in line) for line in printed(text)] == [seen]


@pytest.mark.parametrize(("text", "seen"), [
    ("\x1b]8;;javascript:alert(1)\x1b\\click\x1b]8;;\x1b\\\n", "click"), ("\x1b]0;title\x07x\n", "x"), ("\x1b[2J\x1b[10;10Hx\n", "x"),
    ("\x1b(Bx\x1b7y\n", "xy"), ("\x1bP1$r0m\x1b\\x\n", "x"), ("a\x00\x07\x08\x7f\x9bb\n", "ab"),
    ("\x1b[?25lx\n", "x"), ("\x1b[>4;2mx\n", "x"), ("<b>x</b>\n", "<b>x</b>")])
def test_nothing_else_that_a_terminal_would_obey_is_obeyed(printed: Printed, text: str, seen: str) -> None:
    assert printed(text) == [[[seen, {}]]]


def test_a_sequence_that_never_ends_hides_nothing_of_what_follows(printed: Printed) -> None:
    assert printed("\x1b]8;;never ended\nnext\n") == [[["8;;never ended", {}]], [["next", {}]]]


def test_a_bomb_of_sequences_and_an_endless_line_stay_small(script: Script) -> None:
    sizes = script("""
        const terminal = new Terminal();
        const colours = Array.from({ length: 20000 }, (_, at) => `\\x1b[38;5;${at % 256}mx`).join("");
        const bomb = terminal.feed(`${colours}\\n`)[0];
        const endless = terminal.feed(`${"y".repeat(1000000)}\\n`)[0];
        terminal.feed("\\x1b]".repeat(30000) + "\\x1b[" + "1;".repeat(100000));
        terminal.feed(Array.from({ length: 30000 }, (_, at) => `z${at}\\r`).join(""));
        return [bomb.spans.length, endless.spans[0].text.length, endless.left, terminal.open.spans.length];
    """)

    assert sizes[0] <= 512
    assert sizes[1] + sizes[2] == 1_000_000
    assert sizes[1] <= 8192
    assert sizes[3] <= 1024


def test_a_lines_text_becomes_text_alone(script: Script) -> None:
    hostile = "<img src=x onerror=alert(1)><script>alert(1)</script>"

    html, text = script("""
        const [line] = new Terminal().feed(`\\x1b[31m${given}\\n`);
        const made = row(7, line);
        return [made.querySelectorAll("img, script").length, made.querySelector(".text").textContent];
    """, hostile)

    assert (html, text) == (0, hostile)


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_events_are_read_in_pieces_of_any_size(script: Script, size: int) -> None:
    stream = 'retry: 3000\n\n: ping\n\nid: 1-5\ndata: {"a":1}\n\nevent: end\r\ndata: x\r\ndata: y\r\n\r\nid: 1-9\ndata: not whole'

    told = script(f"""
        const frames = new Frames();
        const found = [];
        for (let at = 0; at < given.length; at += {size}) found.push(...frames.push(given.slice(at, at + {size})));
        return {{ retry: frames.retry, found }};
    """, stream)

    assert told == {"retry": 3000, "found": [
        {"id": "1-5", "event": "message", "data": '{"a":1}'}, {"id": None, "event": "end", "data": "x\ny"}]}


@pytest.mark.parametrize(("status", "details", "retry", "words"), [
    (401, {}, None, "The server does not know this token, or no longer."),
    (403, {"required_scope": "system:read"}, None, "This token may not see this: it lacks the scope system:read."),
    (404, {}, None, "There is no such thing here, or it is not yours."),
    (429, {}, "30", "Too many questions were asked with this token. It asks to come back in 30 s."),
    (503, {}, "5", "The server cannot answer at the moment. It asks to come back in 5 s."),
    (500, {}, None, "The server failed to answer (500).")])
def test_a_refusal_is_told_in_words(script: Script, status: int, details: dict[str, str], retry: str | None, words: str) -> None:
    told = script("""
        const [status, details, retry] = given;
        const headers = retry === null ? {} : { "Retry-After": retry };
        const problem = await problemOf(new Response(JSON.stringify({ code: "x", message: "y", details }), { status, headers }));
        return [problem.message, problem.passes, problem.retryAfter];
    """, [status, details, retry])

    assert told == [words, status in (429, 500, 503), None if retry is None else int(retry)]


def test_pauses_between_tries_grow_to_half_a_minute(script: Script) -> None:
    pauses = script("return [1, 2, 3, 4, 5, 6, 60].map((failures) => pauseAfter(failures, 3000, 1));")

    assert pauses == [3000, 6000, 12_000, 24_000, 30_000, 30_000, 30_000]


LOG = [
    "test_sums.py::test_two PASSED", "test_sums.py::test_two_and_two FAILED", "test_sums.py::TestHalf::test_up FAILED",
    "______ test_two_and_two ______", "E  assert 5 == 4", "______ TestHalf.test_up ______", "FAILED test_sums.py::test_two_and_two",
    "ERROR test_broken.py - ImportError", "____ ERROR at setup of test_fixture ____", "FAILED test_fixture"]


@pytest.mark.parametrize(("name", "classname", "line"), [
    ("test_two_and_two", "test_sums", 4), ("test_up", "test_sums.TestHalf", 6), ("test_fixture", "test_sums", 9),
    ("test_broken.py", "", 8), ("test_two", "test_sums", 1), ("test_away", "test_sums", None)])
def test_a_failed_test_is_found_in_the_log(script: Script, name: str, classname: str, line: int | None) -> None:
    found = script(
        "return lineOfTest(given.lines.map((text, at) => ({ number: at + 1, text })), given);",
        {"lines": LOG, "name": name, "classname": classname})

    assert found == line


def test_durations_sizes_and_addresses_of_lines_are_written_as_people_do(script: Script) -> None:
    written = script("""
        return [duration(4200), duration(75000), duration(3720000), duration(-5), size(812), size(48211), size(104857600),
          count(1, "line"), count(1234, "line"), lineOf("#L12"), lineOf("#L0"), lineOf("#x")];
    """)

    assert written == ["4 s", "1 min 15 s", "1 h 2 min", "0 s", "812 bytes", "48.2 KB", "105 MB", "1 line", "1,234 lines", 12, None, None]
