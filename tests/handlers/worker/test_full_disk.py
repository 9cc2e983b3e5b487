"""Files that the disk does not take: the worker is told to come back, and nothing is half kept."""
from __future__ import annotations

import errno
import os
from typing import Any

import pytest
from sqlalchemy import select

from api.domain.runs.run import Phase
from api.storage.platform_tables import ResultFileRow
from tests.builders import BuiltTest, add_event, add_regression_test, add_run
from tests.handlers.site import Site


@pytest.fixture
def test(site: Site) -> BuiltTest:
    return add_regression_test()


@pytest.fixture
def run_id(test: BuiltTest) -> int:
    made = add_run()
    add_event(made, Phase.TESTING)
    return made


def full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(("kind", "failing"), [("upload", "fsync"), ("upload", "link"), ("logupload", "fsync"), ("logupload", "replace")])
def test_a_file_that_the_disk_does_not_take_is_answered_with_503_and_leaves_nothing(
    site: Site, test: BuiltTest, run_id: int, monkeypatch: pytest.MonkeyPatch, failing: str, kind: str,
) -> None:
    fields = {"test_id": test.regression_id, "test_file_id": test.output_id} if kind == "upload" else {}
    monkeypatch.setattr(os, failing, full)

    answer = site.send(run_id, b"content", type=kind, **fields)

    assert (answer.status_code, answer.text) == (503, "FAIL: The file store's disk is full.")
    assert int(answer.headers["Retry-After"]) > 0
    assert [path for path in site.files.rglob("*") if path.is_file()] == []
    assert site.rows(select(ResultFileRow)) == []


def test_once_there_is_room_the_same_file_is_taken(
    site: Site, test: BuiltTest, run_id: int, monkeypatch: pytest.MonkeyPatch,
) -> None:
    def send() -> str:
        return str(site.send(run_id, b"content", type="upload", test_id=test.regression_id, test_file_id=test.output_id).text)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        send()

    assert send() == "OK"
    assert len(site.rows(select(ResultFileRow))) == 1
