"""`ci-api`: the server's command line."""
from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from api.commands.failure import CommandFailed
from api.config import ConfigurationError, Settings, unknown_variables
from api.domain.errors import Refusal
from api.system import RUNS_SERVERS
from api.version import package_version

COMMANDS = (
    "serve", "machine", "machines", "image", "migrate", "rejudge", "users", "tokens", "files", "library", "settings", "demo",
) if RUNS_SERVERS else ("machine",)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0 done, 1 refused or failed, 2 called wrongly or configured wrongly."""
    try:
        try:
            return _run(sys.argv[1:] if arguments is None else arguments)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output has gone; what is left in the buffer has nowhere to go when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(words: Sequence[str]) -> int:
    chosen = make_parser(words).parse_args(words)
    for warning in unknown_variables():
        print(f"ci-api: {warning}", file=sys.stderr)
    try:
        status: int = chosen.run(chosen, Settings.from_environment())
    except ConfigurationError as wrong:
        print(f"ci-api: {wrong}", file=sys.stderr)
        return 2
    except Refusal as refused:
        print(f"ci-api: {refused.message}" + (f" {refused.remedy}" if refused.remedy else ""), file=sys.stderr)
        return 1
    except CommandFailed as failed:
        print(f"ci-api: {failed}", file=sys.stderr)
        return 1
    return status


def make_parser(words: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The parser with all commands, or with the one that the words begin with: a server need not carry what the others need."""
    parser = argparse.ArgumentParser(prog="ci-api", description=__doc__, epilog="The environment configures it; see `ci-api settings`.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {package_version()}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in words[:1] if words[:1] and words[0] in COMMANDS else COMMANDS:
        importlib.import_module(f"api.commands.{command}").add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
