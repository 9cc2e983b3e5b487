"""`ci`: submit a project to the job service, watch its tests run, and come back to them."""
from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ci_client.client import (
    CiError,
    RetryPolicy,
    cancel_job,
    download_artifacts,
    follow,
    list_jobs,
    submit_tests_async,
    submit_tests_streaming,
)
from ci_client.environment import server_of
from ci_client.errors import printable
from ci_client.events import Event
from ci_client.job_id import checked_id
from ci_client.listing import table_of
from ci_client.progress import upload_bar

SUCCESS, FAILURE, INTERRUPTED = 0, 1, 130
STATUSES = ("queued", "running", "completed", "failed", "cancelled")
EPILOG = """CI_TOKEN holds the token, CI_SERVER the server's address. Ends with 0 on success, 1 on failure, 2 when called wrongly and
130 on Ctrl-C, which never stops a job."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Terminals may lack characters of a log.
        sys.stdout.reconfigure(errors="replace")
    parser = make_parser()
    chosen = parser.parse_args(arguments)
    if chosen.run is None:
        parser.print_help()
        return FAILURE
    try:
        status: int = chosen.run(chosen)
    except CiError as wrong:
        say(f"Error: {wrong}")
        return FAILURE
    except KeyboardInterrupt:
        say("\nStopped.")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of the output has closed the pipe; without this, Python would fail to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILURE
    return status


def package_version() -> str:
    """The version, or `unknown` where the package is not installed."""
    try:
        return version("sample-platform-ci-client")
    except PackageNotFoundError:
        return "unknown"


def make_parser() -> argparse.ArgumentParser:
    """The parser with all commands."""
    parser = argparse.ArgumentParser(prog="ci", description=__doc__, epilog=EPILOG)
    parser.add_argument("--version", action="version", version=f"%(prog)s {package_version()}")
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(metavar="COMMAND")
    _add(commands, "submit", run_submit, "zip a project without what version control ignores, and run its tests", _submit_options)
    _add(commands, "wait", run_wait, "follow a job's log until the job is over", _wait_options)
    _add(commands, "list", run_list, "list jobs, newest first", _list_options)
    _add(commands, "cancel", run_cancel, "cancel a job", _job_option)
    _add(commands, "artifacts", run_artifacts, "fetch the files that a job left", _artifacts_options)
    return parser


def _add(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int], text: str, options: Callable[[argparse.ArgumentParser], None],
) -> None:
    parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", epilog=EPILOG)
    options(parser)
    parser.add_argument("--server", metavar="URL", help="the server's address; else CI_SERVER, else http://localhost:8000")
    parser.add_argument("--token-file", metavar="FILE", type=Path, help="a file that holds the token; else CI_TOKEN")
    parser.add_argument("--give-up-after", metavar="SECONDS", type=float, default=RetryPolicy.give_up_after,
                        help="how long to wait for a server that is away (default: %(default).0f)")
    parser.set_defaults(run=run)


def _submit_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", nargs="?", default=".", help="the project's folder (default: this one, which the word test means as well)")
    parser.add_argument("--async", dest="is_async", action="store_true", help="do not wait; print the job's id")
    parser.add_argument("--priority", metavar="N", type=int, help="from -10 to 10; the higher the sooner")
    parser.add_argument("--web-hook", metavar="URL", help="where the server tells of the job's end")


def _wait_options(parser: argparse.ArgumentParser) -> None:
    _job_option(parser)
    parser.add_argument(
        "--all", dest="from_beginning", action="store_true", help="show the log from its beginning (default: only what is new)")


def _list_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", dest="as_json", action="store_true", help="print JSON")
    parser.add_argument("--status", choices=STATUSES, help="only jobs that stand so")
    parser.add_argument("--limit", metavar="N", type=int, help="only so many")


def _job_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job_id", metavar="ID", help="the job's id")


def _artifacts_options(parser: argparse.ArgumentParser) -> None:
    _job_option(parser)
    parser.add_argument("--out", metavar="DIR", type=Path, help="the folder for them (default: ci-artifacts-ID)")


def run_submit(chosen: argparse.Namespace) -> int:
    """Submit a project; wait for its outcome unless told otherwise."""
    # Earlier clients were called as `ci submit test`, for the project in the current folder.
    folder = Path("." if chosen.path == "test" else chosen.path)
    job_id = None
    with upload_bar() as progress:
        options = {**_options(chosen), "priority": chosen.priority, "web_hook": chosen.web_hook, "progress": progress}
        try:
            if chosen.is_async:
                print(f"Job submitted: {submit_tests_async(folder, **options)}")
                return SUCCESS
            events = submit_tests_streaming(folder, **options)
            event = next(events)
            job_id = checked_id(str(event.get("job_id")))
            say(f"Job ID: {job_id}\nYou can reconnect from another terminal with: {_resume_command('wait', job_id, chosen)}\n")
            return show(events)
        except KeyboardInterrupt:
            say(_print_end(job_id, chosen))
            return INTERRUPTED


def run_wait(chosen: argparse.Namespace) -> int:
    """Follow a job's log; its outcome is the exit status."""
    try:
        return show(follow(chosen.job_id, from_beginning=chosen.from_beginning, **_options(chosen)))
    except KeyboardInterrupt:
        say(f"\nStopped waiting for job {printable(chosen.job_id)}.\n"
            f"The job continues to run on the server. Reconnect with: {_resume_command('wait', printable(chosen.job_id), chosen)}")
        return INTERRUPTED


def run_list(chosen: argparse.Namespace) -> int:
    """List jobs."""
    jobs = list_jobs(status=chosen.status, limit=chosen.limit, **_options(chosen))
    print(json.dumps(jobs, indent=2) if chosen.as_json else table_of(jobs), flush=True)
    return SUCCESS


def run_cancel(chosen: argparse.Namespace) -> int:
    """Cancel a job."""
    job = cancel_job(chosen.job_id, **_options(chosen))
    status = printable(str(job.get("status")))
    print(f"Job {printable(str(job.get('job_id')))}: {'is asked to stop' if status == 'running' else status}", flush=True)
    return SUCCESS


def run_artifacts(chosen: argparse.Namespace) -> int:
    """Download a job's artifacts."""
    folder = chosen.out or Path(f"ci-artifacts-{checked_id(chosen.job_id)}")
    places = download_artifacts(chosen.job_id, folder, **_options(chosen))
    print("\n".join(printable(str(place)) for place in places) or "The job left no files.", flush=True)
    return SUCCESS


def show(events: Iterator[Event]) -> int:
    """Write a job's log to standard output as it arrives; returns the exit status."""
    for event in events:
        if event["type"] == "log":
            sys.stdout.write(str(event.get("data", "")))
            sys.stdout.flush()
        elif event["type"] == "complete":
            return SUCCESS if event.get("success") is True else FAILURE
    raise CiError("The stream ended before the job did.")


def say(text: str) -> None:
    """Write a message to standard error."""
    print(text, file=sys.stderr, flush=True)


def _print_end(job_id: str | None, chosen: argparse.Namespace) -> str:
    if job_id is None:
        return "\nStopped before the server told the job's id. `ci list` shows whether there is one."
    return (f"\nThe job goes on. Come back to it with: {_resume_command('wait', job_id, chosen)}\n"
            f"Cancel it with: {_resume_command('cancel', job_id, chosen)}")


def _resume_command(command: str, job_id: str, chosen: argparse.Namespace) -> str:
    """A command for the same server."""
    return f"ci {command} {job_id}" + (f" --server {printable(chosen.server)}" if chosen.server else "")


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


if __name__ == "__main__":
    sys.exit(main())
