"""Where the audit log goes: JSON among the other lines, whatever they look like, or a file that nobody else reads."""
from __future__ import annotations

import io
import json
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.config import ConfigurationError, Settings
from api.installation import configure_server_logging
from api.specfirst.responses.access_log import configure_logging
from api.specfirst.responses.audit import AuditEvent, audited
from api.specfirst.responses.audit_log import close_audit_log
from tests.builders import NOW


@pytest.fixture(autouse=True)
def closed(restored_logging: None) -> Iterator[None]:
    """Leaves no file open."""
    yield
    close_audit_log()


def happen(subject: str = "user:1") -> None:
    with audited(AuditEvent.LOGIN, subject, at=NOW):
        pass


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_an_event_is_a_json_object_among_lines_of_either_kind(log_format: str) -> None:
    stream = io.StringIO()
    configure_logging(log_format, stream)

    happen()
    logging.getLogger("api.somewhere").warning("an ordinary line")

    event, other = stream.getvalue().splitlines()
    assert (json.loads(event)["event"], json.loads(event)["logger"]) == ("login", "api.audit")
    assert other.startswith("{") is (log_format == "json")


def test_a_file_has_all_events_and_the_other_lines_have_none(tmp_path: Path) -> None:
    stream, path = io.StringIO(), tmp_path / "audit.log"
    path.write_text('{"event": "older"}\n')

    configure_logging("text", stream, audit_log=path)
    happen("user:1")
    logging.getLogger("api.somewhere").warning("an ordinary line")
    happen("user:2")

    assert [json.loads(line).get("subject") for line in path.read_text().splitlines()] == [None, "user:1", "user:2"]
    assert "an ordinary line" in stream.getvalue() and "login" not in stream.getvalue()


def test_the_file_is_its_owners_alone_and_made_anew_when_it_was_moved_away(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    before = os.umask(0)
    try:
        configure_logging("text", io.StringIO(), audit_log=path)
        happen("user:1")
        path.rename(tmp_path / "audit.log.1")
        happen("user:2")
    finally:
        os.umask(before)

    assert [stat.S_IMODE(each.stat().st_mode) for each in (path, tmp_path / "audit.log.1")] == [0o600, 0o600]
    assert [len(each.read_text().splitlines()) for each in (path, tmp_path / "audit.log.1")] == [1, 1]


def test_a_file_that_cannot_be_written_ends_the_start(tmp_path: Path) -> None:
    settings = Settings(audit_log=tmp_path / "missing" / "audit.log")

    with pytest.raises(ConfigurationError, match=r"CI_AUDIT_LOG: the file cannot be written: No such file or directory\."):
        configure_server_logging(settings)
