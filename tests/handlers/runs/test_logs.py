"""Logs over HTTP: pages, filters, cursors, the log of one test."""
from __future__ import annotations

from typing import Any

import pytest

from api.domain.auth.access import Role, Scope
from api.domain.runs.run import Phase
from api.storage.files.stored_file import Source
from tests.builders import BuiltTest, add_event, add_finished_run, add_regression_test, add_run, add_sample
from tests.handlers.site import Client, Site

LOG = (
    b"[2026-11-21T11:00:00Z] [INFO] [worker] Run 1: started\n"
    b"[2026-11-21T11:00:01Z] [ERROR] [build] linking caf\xe9 failed\r\n"
    b"no time of its own\n")


@pytest.fixture
def reader(site: Site) -> Client:
    return site.as_role(Role.USER, Scope.SYSTEM_READ)


def write_log(site: Site, run_id: int, content: bytes, *parts: str) -> None:
    path = site.files.joinpath("LogFiles", *parts or (f"{run_id}.txt",))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def all_messages(client: Client, path: str, **parameters: Any) -> list[str]:
    found: list[str] = []
    for _ in range(100):
        page = client.get(path, params=parameters).json()
        found += [line["message"] for line in page["data"]]
        if page["pagination"]["next_cursor"] is None:
            return found
        parameters["cursor"] = page["pagination"]["next_cursor"]
    raise AssertionError("the pages do not come to an end")


def test_a_runs_log_is_shown_line_by_line_with_what_each_says_of_itself(site: Site, reader: Client) -> None:
    run_id = add_run()
    write_log(site, run_id, LOG)

    page = reader.get(f"/api/v1/runs/{run_id}/logs").json()

    assert page == {
        "data": [
            {"timestamp": "2026-11-21T11:00:00Z", "level": "info", "source": "worker", "run_id": run_id,
             "message": "[2026-11-21T11:00:00Z] [INFO] [worker] Run 1: started"},
            {"timestamp": "2026-11-21T11:00:01Z", "level": "error", "source": "build", "run_id": run_id,
             "message": "[2026-11-21T11:00:01Z] [ERROR] [build] linking café failed"},
            {"timestamp": "2026-11-21T11:00:01Z", "level": "info", "source": "worker", "run_id": run_id,
             "message": "no time of its own"}],
        "pagination": {"limit": 50, "next_cursor": None}}


def test_cursors_lead_through_the_whole_log(site: Site, reader: Client) -> None:
    run_id = add_run()
    lines = [f"line {number}" for number in range(25)]
    write_log(site, run_id, "\n".join(lines).encode())

    assert all_messages(reader, f"/api/v1/runs/{run_id}/logs", limit=7) == lines


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_log_in_utf_16_is_shown_and_searched_like_any_other(site: Site, reader: Client, encoding: str) -> None:
    run_id = add_run()
    text = LOG.decode("cp1252")
    write_log(site, run_id, text.encode(encoding))

    assert all_messages(reader, f"/api/v1/runs/{run_id}/logs", limit=1) == text.splitlines()
    assert all_messages(reader, f"/api/v1/runs/{run_id}/logs", contains="café") == text.splitlines()[1:2]


@pytest.mark.parametrize(("parameters", "messages"), [
    ({"level": "error"}, ["[2026-11-21T11:00:01Z] [ERROR] [build] linking café failed"]),
    ({"source": "build"}, ["[2026-11-21T11:00:01Z] [ERROR] [build] linking café failed"]),
    ({"contains": "café"}, ["[2026-11-21T11:00:01Z] [ERROR] [build] linking café failed"]),
    ({"contains": "CAFÉ"}, []),
    ({"level": "info", "contains": "time"}, ["no time of its own"]),
])
def test_filters_narrow_the_log(site: Site, reader: Client, parameters: dict[str, str], messages: list[str]) -> None:
    run_id = add_run()
    write_log(site, run_id, LOG)

    assert all_messages(reader, f"/api/v1/runs/{run_id}/logs", **parameters) == messages


def test_a_log_that_is_nowhere_is_not_found_and_says_where_was_looked(site: Site, reader: Client) -> None:
    run_id = add_run()

    answer = reader.get(f"/api/v1/runs/{run_id}/logs")

    assert answer.status_code == 404
    assert answer.json()["code"] == "log_not_found"
    assert answer.json()["details"]["run_id"] == run_id
    assert answer.json()["details"]["checked"] == ["local"]


def test_the_log_of_no_run_is_another_404(reader: Client) -> None:
    answer = reader.get("/api/v1/runs/4711/logs")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("cursor", ["x", "AAAA", "\0", "😀" * 50])
def test_a_forged_cursor_is_refused(site: Site, reader: Client, cursor: str) -> None:
    run_id = add_run()
    write_log(site, run_id, LOG)

    answer = reader.get(f"/api/v1/runs/{run_id}/logs", params={"cursor": cursor})

    assert answer.status_code == 400
    assert set(answer.json()["details"]["fields"]) == {"cursor"}


def test_a_cursor_of_another_run_or_of_a_log_that_was_replaced_is_refused(site: Site, reader: Client) -> None:
    first, second = add_run(), add_run()
    write_log(site, first, LOG)
    write_log(site, second, LOG)
    path = f"/api/v1/runs/{first}/logs"
    cursor = reader.get(path, params={"limit": 1}).json()["pagination"]["next_cursor"]

    foreign = reader.get(f"/api/v1/runs/{second}/logs", params={"cursor": cursor})
    write_log(site, first, b"another log\n" + LOG)
    stale = reader.get(path, params={"cursor": cursor})

    assert (foreign.status_code, stale.status_code) == (400, 400)


def test_a_cursor_goes_on_in_a_log_that_has_grown(site: Site, reader: Client) -> None:
    run_id = add_run()
    write_log(site, run_id, LOG)
    path = f"/api/v1/runs/{run_id}/logs"
    cursor = reader.get(path, params={"limit": 1}).json()["pagination"]["next_cursor"]
    write_log(site, run_id, LOG + b"one more\n")

    assert len(all_messages(reader, path, cursor=cursor)) == 3


def add_running_run() -> int:
    run_id = add_run()
    add_event(run_id, Phase.TESTING)
    return run_id


@pytest.mark.parametrize("parameters", [{}, {"contains": "of"}, {"level": "info"}])
def test_pages_of_a_running_runs_log_leave_half_a_line_for_later_and_lead_on(
    site: Site, reader: Client, parameters: dict[str, str],
) -> None:
    run_id = add_running_run()
    path, found, cursor = f"/api/v1/runs/{run_id}/logs", list[list[str]](), dict[str, str]()

    for content in (b"", b"one of", b"one of them\nhalf of a li", b"one of them\nhalf of a line\n", b"one of them\nhalf of a line\n"):
        write_log(site, run_id, content)
        page = reader.get(path, params=parameters | cursor).json()
        cursor = {"cursor": page["pagination"]["next_cursor"]}
        found.append([line["message"] for line in page["data"]])

    assert found == [[], [], ["one of them"], ["half of a line"], []]


def test_the_part_of_a_running_runs_log_that_is_a_tests_leads_on_until_the_next_test_begins(site: Site, reader: Client) -> None:
    first, second = finished(site), finished(site)
    run_id = add_running_run()
    mark = "[2026-11-21T11:00:00Z] [INFO] [worker] Regression test {} (DVB): --out=srt\n"
    begun = mark.format(first.regression_id) + "one\nhal"
    path, found, cursor = f"/api/v1/runs/{run_id}/samples/{first.sample_id}/logs", list[str](), dict[str, str]()

    for content in (begun, begun + "f\n", begun + "f\n" + mark.format(second.regression_id) + "of the second\n"):
        write_log(site, run_id, content.encode())
        page = reader.get(path, params=cursor).json()
        cursor = {"cursor": page["pagination"]["next_cursor"]}
        found += [line["message"] for line in page["data"]]

    assert found == [mark.format(first.regression_id).rstrip(), "one", "half"]
    assert cursor == {"cursor": None}


@pytest.mark.parametrize("parameters", [{"level": "error"}, {"contains": "line", "level": "error"}, {"limit": 100}])
def test_a_page_is_of_one_version_of_a_log_that_is_sent_anew_while_it_is_read(
    site: Site, reader: Client, monkeypatch: pytest.MonkeyPatch, parameters: dict[str, Any],
) -> None:
    run_id = add_run()
    log = b"[2026-11-21T11:00:00Z] [INFO] [worker] a line\n" * 20_000
    write_log(site, run_id, log)
    read = Source.read

    def read_and_replace(source: Source, start: int, length: int) -> bytes:
        found = read(source, start, length)
        newer = site.files / "newer"
        newer.write_bytes(log + b"one more\n")
        newer.rename(site.files / "LogFiles" / f"{run_id}.txt")
        return found

    monkeypatch.setattr(Source, "read", read_and_replace)

    answer = reader.get(f"/api/v1/runs/{run_id}/logs", params=parameters)

    assert answer.status_code == 200


def test_a_tests_own_log_is_shown_where_its_worker_sent_one(site: Site, reader: Client) -> None:
    test = finished(site)
    run_id = add_finished_run(test)
    write_log(site, run_id, b"what the test printed\n", str(run_id), f"{test.regression_id}.txt")

    page = reader.get(f"/api/v1/runs/{run_id}/samples/{test.sample_id}/logs").json()

    assert [(line["message"], line["sample_id"], line["regression_id"]) for line in page["data"]] == [
        ("what the test printed", test.sample_id, test.regression_id)]


def test_without_a_log_of_its_own_a_test_has_its_part_of_the_runs_log(site: Site, reader: Client) -> None:
    first, second = finished(site), finished(site)
    run_id = add_finished_run(first, second)
    mark = "[2026-11-21T11:00:00Z] [INFO] [worker] Regression test {} (DVB): --out=srt\n"
    said = ["before\n", mark.format(first.regression_id), "of the first\n", mark.format(second.regression_id), "of the second\n"]
    write_log(site, run_id, "".join(said).encode())

    of_first = all_messages(reader, f"/api/v1/runs/{run_id}/samples/{first.sample_id}/logs", limit=1)
    of_second = all_messages(reader, f"/api/v1/runs/{run_id}/samples/{second.sample_id}/logs", limit=1)

    assert [line + "\n" for line in of_first] == said[1:3]
    assert [line + "\n" for line in of_second] == said[3:]


def test_further_pages_of_a_tests_part_of_the_log_do_not_look_for_it_again(
    site: Site, reader: Client, monkeypatch: pytest.MonkeyPatch,
) -> None:
    test = finished(site)
    run_id = add_finished_run(test)
    mark = f"[2026-11-21T11:00:00Z] [INFO] [worker] Regression test {test.regression_id} (DVB): --out=srt\n".encode()
    write_log(site, run_id, b"[2026-11-21T11:00:00Z] [INFO] [worker] before\n" * 50_000 + mark + b"of the test\n" * 50)
    path, read, lengths = f"/api/v1/runs/{run_id}/samples/{test.sample_id}/logs", Source.read, list[int]()

    def read_and_count(source: Source, start: int, length: int) -> bytes:
        found = read(source, start, length)
        lengths.append(len(found))
        return found

    cursor = reader.get(path, params={"limit": 10}).json()["pagination"]["next_cursor"]
    monkeypatch.setattr(Source, "read", read_and_count)
    page = reader.get(path, params={"limit": 10, "cursor": cursor}).json()

    assert [line["message"] for line in page["data"]] == ["of the test"] * 10
    assert sum(lengths) < 5000


def test_a_test_that_no_log_speaks_of_has_none(site: Site, reader: Client) -> None:
    test = finished(site)
    run_id = add_finished_run(test)
    write_log(site, run_id, LOG)

    answer = reader.get(f"/api/v1/runs/{run_id}/samples/{test.sample_id}/logs")

    assert (answer.status_code, answer.json()["code"]) == (404, "log_not_found")


def test_a_log_needs_its_scope(site: Site) -> None:
    run_id = add_run()

    answer = site.as_role(Role.ADMIN, Scope.RUNS_READ).get(f"/api/v1/runs/{run_id}/logs")

    assert answer.status_code == 403


def test_the_stream_of_a_finished_run_sends_its_log_and_how_it_ended(site: Site, reader: Client) -> None:
    test = finished(site)
    run_id = add_finished_run(test)
    write_log(site, run_id, LOG)

    events = parse_events(reader.get(f"/api/v1/runs/{run_id}/logs/stream").text)

    assert [event["event"] for event in events] == ["line", "line", "line", "end"]
    assert '"status":"pass"' in events[-1]["data"]


def test_a_stream_is_resumed_behind_the_last_event(site: Site, reader: Client) -> None:
    test = finished(site)
    run_id = add_finished_run(test)
    write_log(site, run_id, LOG)
    path = f"/api/v1/runs/{run_id}/logs/stream"
    first = parse_events(reader.get(path).text)

    by_header = reader.with_headers(Last_Event_ID=first[1]["id"]).get(path)
    by_query = reader.get(path, params={"last_event_id": first[1]["id"]})
    behind_all = reader.get(path, params={"last_event_id": first[2]["id"]})

    assert parse_events(by_header.text) == parse_events(by_query.text) == first[2:]
    assert behind_all.status_code == 204


def test_the_stream_of_a_run_that_goes_on_ends_with_its_time_and_without_an_end(site: Site, reader: Client) -> None:
    run_id = add_run()
    write_log(site, run_id, LOG + b"half a li")

    events = parse_events(reader.get(f"/api/v1/runs/{run_id}/logs/stream", params={"timeout": 1}).text)

    assert [event["event"] for event in events] == ["line", "line", "line"]


def test_a_forged_place_in_a_stream_is_refused(site: Site, reader: Client) -> None:
    run_id = add_run()

    path = f"/api/v1/runs/{run_id}/logs/stream"
    answers = [reader.get(path, params={"last_event_id": "made up"}), reader.with_headers(Last_Event_ID="made up").get(path)]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert [set(answer.json()["details"]["fields"]) for answer in answers] == [{"last_event_id"}] * 2


def finished(site: Site) -> BuiltTest:
    return add_regression_test(sample_id=add_sample())


def parse_events(text: str) -> list[dict[str, str]]:
    blocks = [block for block in text.split("\n\n") if block and not block.startswith((":", "retry:"))]
    return [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]
