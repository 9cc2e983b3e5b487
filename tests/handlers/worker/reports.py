"""What workers send over HTTP, and what a test looks at afterwards."""
from __future__ import annotations

from typing import Any

from sqlalchemy import select

from api.storage.platform_tables import ProgressRow, ResultFileRow, ResultRow
from tests.handlers.site import Site

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ROOTS = ["/ci", ""]
OK = (200, "OK")
FAIL = (200, "FAIL")


def told(answer: Any) -> tuple[int, str]:
    """What a worker gets to hear; always as text, with the limits' headers."""
    assert answer.headers["Content-Type"].startswith("text/plain")
    return answer.status_code, answer.text


def events(site: Site, run_id: int) -> list[tuple[str, str]]:
    """What a run went through, in the workers' own words."""
    query = select(ProgressRow.status, ProgressRow.message).where(ProgressRow.test_id == run_id).order_by(ProgressRow.id)
    return [(row.status, row.message) for row in site.rows(query)]


def results(site: Site) -> list[tuple[int, int, int, int]]:
    """The ends of regression tests."""
    return [tuple(row) for row in site.rows(select(
        ResultRow.regression_test_id, ResultRow.exit_code, ResultRow.expected_rc, ResultRow.runtime))]


def outputs(site: Site) -> list[tuple[int, str, str | None]]:
    """The outputs that were reported."""
    return [tuple(row) for row in site.rows(select(
        ResultFileRow.regression_test_output_id, ResultFileRow.expected,
        ResultFileRow.got).order_by(ResultFileRow.regression_test_output_id))]


def stored(site: Site) -> list[str]:
    """The files of the store."""
    return sorted(str(path.relative_to(site.files)) for path in site.files.rglob("[!.]*") if path.is_file())


def multipart(*parts: bytes, end: bytes = b"--", boundary: bytes = b"B") -> bytes:
    """A body whose last boundary has no line end, as the runner in use writes it."""
    return b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + boundary + end


TYPE = b'Content-Disposition: form-data; name="type"\r\n\r\nlogupload'
NAMED = b'Content-Disposition: form-data; name="f%d"\r\n\r\n'
FILE = b'Content-Disposition: form-data; name="file"; filename="log"\r\nContent-Type: application/octet-stream\r\n\r\n'
