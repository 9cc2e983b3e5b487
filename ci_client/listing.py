"""A table of jobs for a terminal."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ci_client.errors import printable

COLUMNS = ("JOB ID", "STATUS", "START TIME", "END TIME", "SUCCESS", "TESTS", "OF")
WIDTHS = (38, 12, 22, 22, 8, 16, 0)
MARKS = {True: "✓", False: "✗", None: "-"}


def table_of(jobs: Sequence[Mapping[str, Any]]) -> str:
    """The jobs, one a line below a head; times are UTC."""
    if not jobs:
        return "No jobs found."
    return "\n".join([_line(COLUMNS), "-" * (sum(WIDTHS) + len(WIDTHS) - 1), *(_line(_cells(job)) for job in jobs)])


def _line(cells: Sequence[str]) -> str:
    return " ".join(f"{cell:<{width}}" for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()


def _cells(job: Mapping[str, Any]) -> tuple[str, ...]:
    success = job.get("success")
    return (
        printable(str(job.get("job_id"))), printable(str(job.get("status"))), instant(job.get("start_time")),
        instant(job.get("end_time")), MARKS[success if isinstance(success, bool) else None], _tests(job), _identity(job))


def _tests(job: Mapping[str, Any]) -> str:
    """What the job's report counts; a success without tests is said to be one."""
    tests, failed = job.get("tests"), job.get("failed_tests")
    if not isinstance(tests, int):
        return "no report" if job.get("success") is True and "tests" in job else ""
    return f"{failed} of {tests} failed" if failed else f"{tests} tests" if tests else "no tests"


def _identity(job: Mapping[str, Any]) -> str:
    """The project, where it was checked out, and the label."""
    commit = job.get("commit")
    found = (job.get("project"), job.get("branch"), commit[:10] if isinstance(commit, str) else None, job.get("label"))
    return " ".join(printable(each) for each in found if isinstance(each, str))


def instant(text: object) -> str:
    """A time in UTC without its fraction; N/A where there is none."""
    if not isinstance(text, str) or not text:
        return "N/A"
    try:
        return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return printable(text)
