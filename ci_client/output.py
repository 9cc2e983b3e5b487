"""What the command `ci` prints: a job's log, its outcome, and JSON for programs."""
from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ci_client.errors import CiError, ExitStatus, Refused, Unreachable, printable
from ci_client.events import Event
from ci_client.terminal import ColoursOnly

NO_REPORT = "The job succeeded, but left no test report: nothing shows that a test was run."
NO_TESTS = "The job succeeded, but its test report has no tests."
Job = Mapping[str, Any]


def say(text: str) -> None:
    """Write a message to standard error."""
    print(text, file=sys.stderr, flush=True)


def print_json(value: object) -> None:
    """Write JSON to standard output."""
    print(json.dumps(value, indent=2), flush=True)


def print_error(wrong: CiError, *, as_json: bool) -> None:
    """Say what went wrong, to programs too where they read JSON."""
    say(f"Error: {wrong}")
    if as_json:
        code = wrong.code if isinstance(wrong, Refused) else ""
        print_json({"error": {"code": code, "message": str(wrong), "exit_status": int(wrong.exit_status)}})


def show(events: Iterator[Event], load_job: Callable[[], Job], *, as_json: bool) -> ExitStatus:
    """Write a job's log to standard output as it arrives, or its events as one JSON object a line; returns how the job ended."""
    colours = ColoursOnly()
    for event in events:
        if as_json:
            print(json.dumps(event), flush=True)
        elif event["type"] == "log":
            sys.stdout.write(colours.filter(str(event.get("data", ""))))
            sys.stdout.flush()
        if event["type"] == "complete":
            sys.stdout.write("" if as_json else colours.end())
            sys.stdout.flush()
            return _outcome(event.get("success") is True, load_job, as_json=as_json)
    raise Unreachable("The stream ended before the job did.")


def _outcome(success: bool, load_job: Callable[[], Job], *, as_json: bool) -> ExitStatus:
    """How a job ended. The stream tells whether it succeeded; the job itself, why not, and what its report counted."""
    try:
        job: Job = load_job()
    except CiError:
        return ExitStatus.PASSED if success else ExitStatus.TESTS_FAILED
    if as_json:
        print(json.dumps({"type": "job", "job": job}), flush=True)
    if success:
        if (words := unproven(job)) is not None:
            say(words)
        return ExitStatus.PASSED
    # A server that does not say how a job stands says no more than that it failed.
    return ExitStatus.NOT_EXECUTED if job.get("status") in ("failed", "cancelled") else ExitStatus.TESTS_FAILED


def unproven(job: Job) -> str | None:
    """What is to be said of a success that no test stands behind; None of any other job."""
    if job.get("success") is not True or "tests" not in job:
        return None
    return NO_REPORT if job["tests"] is None else NO_TESTS if job["tests"] == 0 else None


def description(job: Job) -> str:
    """A job's members, one a line."""
    shown = [(name, value) for name, value in job.items() if value is not None]
    width = max((len(name) for name, _ in shown), default=0)
    return "\n".join(f"{printable(name.replace('_', ' ')):<{width}}  {printable(str(value))}" for name, value in shown)
