"""Holding answers against those of a recording: every difference is found, and only those that the table names are meant."""
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.server import make_server
from contract.application import make_token, prepare, settings_for
from contract.client import ValidatingClient
from contract.platform_differences import ABSENT, REASONS, Difference, find_reason
from contract.platform_replay import Recorded, differences, read_recording, replay

BASE, NOON = "/platform/api/v1", "2026-11-21T12:00:00Z"
OUTPUT = "/runs/9420/samples/137/regression-tests/42/outputs/81"
# What a platform would answer on the same database, written by hand.
EXAMPLES = [
    Recorded("GET", "/runs/9420/summary", None, 200, {
        "run_id": 9420, "status": "fail", "total_samples": 3, "pass_count": 0, "fail_count": 3, "skipped_count": 0,
        "missing_output_count": 0, "error_count": 4, "duration_ms": 12}),
    Recorded("GET", "/runs/9420/config", None, 200, {
        "run_id": 9420, "platform": "linux", "branch": "master", "commit_sha": "0632bff4e382d5f86eff9073b9ddd37f03f9778c",
        "regression_test_ids": [42, 43, 44]}),
    Recorded("GET", f"{OUTPUT}/diff?format=unified", None, 200, {
        "run_id": 9420, "sample_id": 137, "regression_id": 42, "output_id": 81, "format": "unified",
        "content": "--- expected\n+++ actual\n@@ -1,2 +1,2 @@\n 1\n-Hello\n+Hullo"}),
    Recorded("GET", "/samples/32000", None, 404, {"code": "not_found", "message": "Gone.", "details": {}}),
    Recorded("POST", "/runs/9420/restart", None, 202, {"run_id": 9420}),
    Recorded(
        "POST", "/regression-tests/42/outputs/81/variants", {"hash": "aa"}, 201, {"hash": "aa", "id": 138}),
    Recorded("PATCH", "/system/maintenance/linux", {"disabled": True}, 200, {"platform": "linux", "disabled": True}),
    Recorded("GET", "/system/maintenance", None, 200, {
        "platforms": [{"platform": "linux", "disabled": True}, {"platform": "windows", "disabled": False}]})]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValidatingClient]:
    """A client of an admin, on a server that has something to show."""
    settings = settings_for(tmp_path_factory.mktemp("replayed"))
    prepare(settings)
    with ValidatingClient(make_server(settings), token=make_token().value) as made:
        yield made


def test_answers_differ_from_the_platforms_only_where_they_are_meant_to(client: ValidatingClient) -> None:
    def send(method: str, path: str, body: Any) -> tuple[int, Any]:
        answer = client.request(method, BASE + path, **({} if body is None else {"json": body}))
        return answer.status_code, answer.json()

    unexplained, reasons = replay(EXAMPLES, send)

    assert [str(each) for each in unexplained] == []
    assert len(reasons) == 6


def told(method: str, path: str, body: Any) -> tuple[int, Any]:
    """What a server says of run 1, which is over, and run 2, which is not and has told of one test of sample 1."""
    if path in ("/runs/1", "/runs/2"):
        return 200, {"status": "fail" if path == "/runs/1" else "running"}
    tests = [{"sample_id": 1, "status": "pass"}, {"sample_id": 1, "status": "not_started"}, {"sample_id": 3, "status": "pass"}]
    data = [{"run_id": 2}] if path.startswith("/runs?status=running") else tests
    return 200, {"data": data, "pagination": {"next_offset": None}}


def test_every_member_that_differs_is_found() -> None:
    recorded = Recorded("GET", "/x", None, 200, {"a": [{"b": 1, "c": None}], "d": [1]})

    found = differences(recorded, 200, {"a": [{"b": 2, "e": 3}], "d": [1, 2]})

    assert {each.place for each in found} == {"a[].b", "a[].c", "a[].e", "d"}


def test_another_status_is_a_difference_by_itself() -> None:
    assert [each.place for each in differences(Recorded("GET", "/x", None, 200, {"a": 1}), 404, {"code": "no"})] == ["status"]


@pytest.mark.parametrize("found", [
    Difference("GET", "/runs/1/summary", "pass_count", 1, 2), Difference("GET", "/runs/1/summary", "duration_ms", 1, None),
    Difference("GET", "/runs/1", "created_at", NOON, None), Difference("GET", "/runs/1", "created_at", None, "yesterday"),
    Difference("GET", "/runs/1/samples", "data[].outputs[].status", "pass", "fail"),
    Difference("GET", "/samples/1", "status", 200, 404), Difference("POST", "/runs/1/restart", "status", 202, 500),
    Difference("GET", "/samples/1/history", "data[].status", "pass", "fail"),
    Difference("GET", "/samples/1/history", "data.order", [1, 2], [2, 1]),
    Difference("GET", "/samples/1/history", "data[-]", {"run_id": 1}, ABSENT),
    Difference("GET", "/samples/1/history", "data[+]", {"run_id": 1}, {"run_id": 2}),
    Difference("GET", "/samples/1/history", "pagination.total", 9, 7), Difference("GET", "/samples/1/history", "pagination.total", 7, 9)])
def test_what_the_table_does_not_mean_has_no_reason(found: Difference) -> None:
    assert find_reason(found, told) is None


@pytest.mark.parametrize("found", [
    Difference("GET", "/runs/1/summary", "duration_ms", 1, 2), Difference("GET", "/runs/1", "created_at", None, NOON),
    Difference("GET", "/runs/1/samples", "data[].outputs[].status", "fail", "pass"),
    Difference("POST", "/runs/1/restart", "status", 202, 409), Difference("GET", "/samples/1/history", "data[-]", {"run_id": 2}, ABSENT),
    Difference("GET", "/samples/1/history", "data[+]", {"run_id": 2}, {"run_id": 1}),
    Difference("GET", "/samples/1/history", "pagination.total", 9, 8)])
def test_what_the_table_means_has_a_reason(found: Difference) -> None:
    assert find_reason(found, told) is not None


def test_of_a_history_items_are_told_apart_by_what_they_are_of() -> None:
    entries = [{"run_id": run_id, "regression_test_id": 5, "status": "pass"} for run_id in (4, 3, 2, 1)]
    recorded = Recorded("GET", "/samples/1/history?limit=3", None, 200, {"data": entries[:3], "pagination": {"total": 4}})
    answer = {"data": [entries[1] | {"status": "fail"}, *entries[2:]], "pagination": {"total": 3}}

    found = {each.place: (each.theirs, each.ours) for each in differences(recorded, 200, answer)}

    assert found == {
        "data[-]": (entries[0], ABSENT), "data[+]": (entries[2], entries[3]), "data[].status": ("pass", "fail"), "pagination.total": (4, 3)}


def test_each_reason_says_why_in_words_of_its_own() -> None:
    reasons = [reason.why for reason in REASONS]

    assert len(set(reasons)) == len(reasons) and all(len(why) > 20 for why in reasons)


def test_a_recording_of_commands_has_each_read_once(tmp_path: Path) -> None:
    read = {"method": "GET", "path": "/a", "status": 200, "answer": {}}
    changed = {"method": "POST", "path": "/a", "body": {}, "status": 201, "answer": {}}
    (tmp_path / "recording.json").write_text(json.dumps([{"command": "one", "requests": [read, read]}, changed, read]))

    found = read_recording(tmp_path / "recording.json")

    assert [each.method for each in found] == ["GET", "POST", "GET"]
