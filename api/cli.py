"""`ci-api`: the server's command line."""
from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from api.commands import demo, files, migrate, serve, settings, tokens, users, worker
from api.commands.failure import CommandFailed
from api.config import ConfigurationError, Settings
from api.domain.refusal import Refusal

COMMANDS = (serve, worker, migrate, users, tokens, files, settings, demo)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0 done, 1 refused or failed, 2 called wrongly or configured wrongly."""
    chosen = make_parser().parse_args(arguments)
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


def make_parser() -> argparse.ArgumentParser:
    """The parser with all commands; configuration comes from the environment, see `ci-api settings`."""
    parser = argparse.ArgumentParser(prog="ci-api", description=__doc__, epilog="The environment configures it; see `ci-api settings`.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
