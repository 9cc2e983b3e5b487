"""`ci`: submit a project to the job service, watch its tests run, and come back to them."""
from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ci_client.actions import run_artifacts, run_cancel, run_list, run_login, run_logout, run_rerun, run_status, run_submit, run_wait
from ci_client.client import CiError, RetryPolicy
from ci_client.errors import ExitStatus
from ci_client.output import print_error, say

STATUSES = ("queued", "running", "completed", "failed", "cancelled")
EPILOG = """`ci login` keeps a token; CI_TOKEN goes before it. CI_SERVER holds the server's address. Ends with 0 when the job passed, 1 when
its tests failed, 2 when called wrongly, 3 when the job could not be executed, 4 when the server refused, 5 when it is away, and 130 on
Ctrl-C, which never stops a job."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns its exit status, as `ExitStatus` has them."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Terminals may lack characters of a log.
        sys.stdout.reconfigure(errors="replace")
    parser = make_parser()
    chosen = parser.parse_args(arguments)
    if chosen.run is None:
        parser.print_help()
        return ExitStatus.CALLED_WRONGLY
    try:
        status: ExitStatus = chosen.run(chosen)
    except CiError as wrong:
        print_error(wrong, as_json=chosen.as_json)
        return wrong.exit_status
    except KeyboardInterrupt:
        say("\nStopped.")
        return ExitStatus.INTERRUPTED
    except BrokenPipeError:
        # The reader of the output has closed the pipe; without this, Python would fail to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitStatus.NOT_READ
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
    _add(commands, "login", run_login, "log in, and keep a token for the other commands", _login_options)
    _add(commands, "logout", run_logout, "end the token that was kept, and forget it", _no_options)
    _add(commands, "submit", run_submit, "zip a project without what version control ignores, and run its tests", _submit_options)
    _add(commands, "wait", run_wait, "follow a job's log until the job is over", _wait_options)
    _add(commands, "status", run_status, "show how a job stands", _status_options)
    _add(commands, "list", run_list, "list jobs, newest first", _list_options)
    _add(commands, "cancel", run_cancel, "cancel a job", _job_option)
    _add(commands, "rerun", run_rerun, "run a job's project once more", _rerun_options)
    _add(commands, "artifacts", run_artifacts, "fetch the files that a job left", _artifacts_options)
    return parser


def _add(
    commands: Any, name: str, run: Callable[[argparse.Namespace], ExitStatus], text: str,
    options: Callable[[argparse.ArgumentParser], None],
) -> None:
    parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", epilog=EPILOG)
    options(parser)
    parser.add_argument("--server", metavar="URL", help="the server's address; else CI_SERVER, else http://localhost:8000")
    parser.add_argument("--json", dest="as_json", action="store_true", help="print JSON")
    parser.add_argument("--token-file", metavar="FILE", type=Path,
                        help="a file that holds the token; else CI_TOKEN, else that of `ci login`")
    parser.add_argument("--give-up-after", metavar="SECONDS", type=float, default=RetryPolicy.give_up_after,
                        help="how long to wait for a server that is away (default: %(default).0f)")
    parser.set_defaults(run=run)


def _no_options(parser: argparse.ArgumentParser) -> None:
    """This command has none of its own."""


def _login_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--email", metavar="ADDRESS", help="the account's e-mail address; else you are asked")
    parser.add_argument("--with-token", action="store_true", help="read a token from standard input instead of asking for a password")


def _status_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job_id", metavar="ID", nargs="?", help="the job's id (default: your newest job)")


def _submit_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", nargs="?", default=".", help="the project's folder (default: this one, which the word test means as well)")
    parser.add_argument("--async", dest="is_async", action="store_true", help="do not wait; print the job's id")
    parser.add_argument("--priority", metavar="N", type=int, help="from -10 to 10; the higher the sooner")
    parser.add_argument("--web-hook", metavar="URL", help="where the server tells of the job's end")
    _identity_options(parser, " (default: what git knows)")
    parser.add_argument("--command", metavar="LINE", help="what is run, as one writes it for a shell")
    parser.add_argument("--folder", metavar="DIR", help="where in the project it is run")
    parser.add_argument("--python", metavar="VERSION", help="the version of Python, such as 3.12")
    for option, name, metavar, text in (
        ("--env", "environment", "NAME=VALUE", "a variable of its environment; may be given several times"),
        ("--install", "install", "WORDS",
         "what to install in place of what is found: a requirement, or -e, -r, -c or --group with its value; may be given several times"),
        ("--artifact", "artifacts", "PATTERN", "files that are kept; may be given several times"),
    ):
        parser.add_argument(option, dest=name, metavar=metavar, action="append", help=text)
    parser.add_argument("--time-limit", metavar="SECONDS", help="how long it may run, within the server's limit")


def _rerun_options(parser: argparse.ArgumentParser) -> None:
    _job_option(parser)
    parser.add_argument("--async", dest="is_async", action="store_true", help="do not wait; print the new job's id")


def _identity_options(parser: argparse.ArgumentParser, text: str) -> None:
    for name in ("project", "commit", "branch"):
        parser.add_argument(f"--{name}", metavar=name.upper(), help=f"the {name}{text}")
    parser.add_argument("--label", metavar="LABEL", help="a word of your own, to find the job by")


def _wait_options(parser: argparse.ArgumentParser) -> None:
    _job_option(parser)
    parser.add_argument(
        "--all", dest="from_beginning", action="store_true", help="show the log from its beginning (default: only what is new)")


def _list_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--status", choices=STATUSES, help="only jobs that stand so")
    parser.add_argument("--limit", metavar="N", type=int, help="only so many")
    _identity_options(parser, " that the jobs are of")


def _job_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job_id", metavar="ID", help="the job's id")


def _artifacts_options(parser: argparse.ArgumentParser) -> None:
    _job_option(parser)
    parser.add_argument("--out", metavar="DIR", type=Path, help="the folder for them (default: ci-artifacts-ID)")


if __name__ == "__main__":
    sys.exit(main())
