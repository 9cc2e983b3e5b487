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
from contract.platform_differences import REASONS, Difference, find_reason
from contract.platform_replay import Recorded, differences, read_recording, replay

BASE = "/platform/api/v1"
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
    assert len(reasons) == 3


def test_every_member_that_differs_is_found() -> None:
    recorded = Recorded("GET", "/x", None, 200, {"a": [{"b": 1, "c": None}], "d": [1]})

    found = differences(recorded, 200, {"a": [{"b": 2, "e": 3}], "d": [1, 2]})

    assert {each.place for each in found} == {"a[].b", "a[].c", "a[].e", "d"}


def test_another_status_is_a_difference_by_itself() -> None:
    assert [each.place for each in differences(Recorded("GET", "/x", None, 200, {"a": 1}), 404, {"code": "no"})] == ["status"]


def test_what_the_table_does_not_name_has_no_reason() -> None:
    assert find_reason(Difference("GET", "/runs/1/summary", "pass_count", 1, 2)) is None
    assert find_reason(Difference("GET", "/runs/1/summary", "duration_ms", 1, 2)) is not None


def test_each_reason_says_why_in_words_of_its_own() -> None:
    reasons = [reason.why for reason in REASONS]

    assert len(set(reasons)) == len(reasons) and all(len(why) > 20 for why in reasons)


def test_a_recording_of_commands_has_each_read_once(tmp_path: Path) -> None:
    read = {"method": "GET", "path": "/a", "status": 200, "answer": {}}
    changed = {"method": "POST", "path": "/a", "body": {}, "status": 201, "answer": {}}
    (tmp_path / "recording.json").write_text(json.dumps([{"command": "one", "requests": [read, read]}, changed, read]))

    found = read_recording(tmp_path / "recording.json")

    assert [each.method for each in found] == ["GET", "POST", "GET"]
