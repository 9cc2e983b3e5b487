"""What each command of `ci` does; returns its exit status."""
from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from ci_client.accounts import keep_token, log_in, log_out
from ci_client.client import (
    CiError,
    RetryPolicy,
    cancel_job,
    download_artifacts,
    follow,
    get_job,
    list_jobs,
    rerun_job,
    submit_tests_async,
    submit_tests_streaming,
)
from ci_client.credentials import credentials_file
from ci_client.environment import server_of
from ci_client.errors import ExitStatus, printable
from ci_client.events import Event
from ci_client.identity import Identity, find_identity
from ci_client.job_id import checked_id
from ci_client.listing import table_of
from ci_client.output import description, print_json, say, show, unproven
from ci_client.progress import upload_bar


def run_login(chosen: argparse.Namespace) -> ExitStatus:
    """Get a token for an e-mail address and a password, or take one, and keep it."""
    server, file = chosen.server or server_of(), credentials_file()
    if chosen.with_token:
        account = keep_token(server, sys.stdin.readline(1 << 16).strip(), file)
    else:
        email = chosen.email or _ask("E-mail: ")
        # Without a terminal the password is the next line of the input.
        password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline(1 << 16).rstrip("\n")
        account = log_in(server, email, password, file)
    if chosen.as_json:
        print_json({"server": server, "email": account.email, "expires_at": account.expires_at, "file": str(file)})
    else:
        until = "" if account.expires_at is None else f", until {printable(account.expires_at)}"
        print(f"Logged in to {printable(server)} as {printable(account.email)}{until}.", flush=True)
    return ExitStatus.PASSED


def run_logout(chosen: argparse.Namespace) -> ExitStatus:
    """End the token that was kept, and forget it."""
    server = chosen.server or server_of()
    log_out(server, credentials_file())
    if chosen.as_json:
        print_json({"server": server})
    else:
        print(f"Logged out of {printable(server)}.", flush=True)
    return ExitStatus.PASSED


def run_submit(chosen: argparse.Namespace) -> ExitStatus:
    """Submit a project; wait for its outcome unless told otherwise."""
    # Earlier clients were called as `ci submit test`, for the project in the current folder.
    folder = Path("." if chosen.path == "test" else chosen.path)
    job_id = None
    with upload_bar() as progress:
        options = {
            **_options(chosen), "priority": chosen.priority, "web_hook": chosen.web_hook, "orders": _orders(chosen), "progress": progress,
            "identity": find_identity(folder).with_stated(_stated(chosen))}
        try:
            if chosen.is_async:
                job_id = submit_tests_async(folder, **options)
                if chosen.as_json:
                    print_json({"job_id": job_id})
                else:
                    print(f"Job submitted: {job_id}")
                return ExitStatus.PASSED
            events = submit_tests_streaming(folder, **options)
            event = next(events)
            job_id = checked_id(str(event.get("job_id")))
            say(f"Job ID: {job_id}\nYou can reconnect from another terminal with: {_resume_command('wait', job_id, chosen)}\n")
            return _show(chain((event,), events), job_id, chosen)
        except KeyboardInterrupt:
            say(_print_end(job_id, chosen))
            return ExitStatus.INTERRUPTED


def run_wait(chosen: argparse.Namespace) -> ExitStatus:
    """Follow a job's log; its outcome is the exit status."""
    try:
        return _show(follow(chosen.job_id, from_beginning=chosen.from_beginning, **_options(chosen)), chosen.job_id, chosen)
    except KeyboardInterrupt:
        say(f"\nStopped waiting for job {printable(chosen.job_id)}.\n"
            f"The job continues to run on the server. Reconnect with: {_resume_command('wait', printable(chosen.job_id), chosen)}")
        return ExitStatus.INTERRUPTED


def run_status(chosen: argparse.Namespace) -> ExitStatus:
    """Show how a job stands, the newest one where none is named."""
    if chosen.job_id is None:
        newest = list_jobs(limit=1, **_options(chosen))
        if not newest:
            raise CiError("You have no jobs yet. Submit a project with: ci submit")
        job = newest[0]
    else:
        job = get_job(chosen.job_id, **_options(chosen))
    if chosen.as_json:
        print_json(job)
    else:
        print(description(job), flush=True)
        if (words := unproven(job)) is not None:
            say(words)
    return ExitStatus.PASSED


def run_list(chosen: argparse.Namespace) -> ExitStatus:
    """List jobs."""
    jobs = list_jobs(status=chosen.status, limit=chosen.limit, identity=Identity().with_stated(_stated(chosen)), **_options(chosen))
    if chosen.as_json:
        print_json(jobs)
    else:
        print(table_of(jobs), flush=True)
    return ExitStatus.PASSED


def run_cancel(chosen: argparse.Namespace) -> ExitStatus:
    """Cancel a job."""
    job = cancel_job(chosen.job_id, **_options(chosen))
    status = printable(str(job.get("status")))
    if chosen.as_json:
        print_json(job)
    else:
        print(f"Job {printable(str(job.get('job_id')))}: {'is asked to stop' if status == 'running' else status}", flush=True)
    return ExitStatus.PASSED


def run_rerun(chosen: argparse.Namespace) -> ExitStatus:
    """Run a job's project once more; wait for its outcome unless told otherwise."""
    job = rerun_job(chosen.job_id, **_options(chosen))
    chosen.job_id, chosen.from_beginning = checked_id(str(job.get("job_id"))), True
    if not chosen.is_async:
        say(f"Job ID: {chosen.job_id}\n")
        return run_wait(chosen)
    if chosen.as_json:
        print_json(job)
    else:
        print(f"Job submitted: {chosen.job_id}", flush=True)
    return ExitStatus.PASSED


def run_artifacts(chosen: argparse.Namespace) -> ExitStatus:
    """Download a job's artifacts."""
    folder = chosen.out or Path(f"ci-artifacts-{checked_id(chosen.job_id)}")
    places = download_artifacts(chosen.job_id, folder, **_options(chosen))
    if chosen.as_json:
        print_json({"files": [str(place) for place in places]})
    else:
        print("\n".join(printable(str(place)) for place in places) or "The job left no files.", flush=True)
    return ExitStatus.PASSED


def _show(events: Iterator[Event], job_id: str, chosen: argparse.Namespace) -> ExitStatus:
    return show(events, lambda: get_job(job_id, **_options(chosen)), as_json=chosen.as_json)


def _stated(chosen: argparse.Namespace) -> dict[str, str | None]:
    return {"project": chosen.project, "commit": chosen.commit, "branch": chosen.branch, "label": chosen.label}


def _ask(question: str) -> str:
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline(1 << 16).strip()


def _print_end(job_id: str | None, chosen: argparse.Namespace) -> str:
    if job_id is None:
        return "\nStopped before the server told the job's id. `ci list` shows whether there is one."
    return (f"\nThe job goes on. Come back to it with: {_resume_command('wait', job_id, chosen)}\n"
            f"Cancel it with: {_resume_command('cancel', job_id, chosen)}")


def _resume_command(command: str, job_id: str, chosen: argparse.Namespace) -> str:
    """A command for the same server."""
    return f"ci {command} {job_id}" + (f" --server {printable(chosen.server)}" if chosen.server else "")


def _orders(chosen: argparse.Namespace) -> dict[str, str]:
    """What was said of how the job is to be run, as fields of the form."""
    lists = {"environment": chosen.environment, "install": chosen.install, "artifacts": chosen.artifacts}
    texts = {"command": chosen.command, "folder": chosen.folder, "python": chosen.python, "time_limit": chosen.time_limit}
    said = {**texts, **{name: None if items is None else "\n".join(items) for name, items in lists.items()}}
    return {name: value for name, value in said.items() if value is not None}


def _options(chosen: argparse.Namespace) -> dict[str, Any]:
    return {
        "server_url": chosen.server or server_of(), "token": _token(chosen.token_file), "notice": say,
        "retries": RetryPolicy(chosen.give_up_after)}


def _token(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as wrong:
        raise CiError(f"The token's file {printable(str(file))} cannot be read.") from wrong
    if not token:
        raise CiError(f"The token's file {printable(str(file))} is empty.")
    return token
