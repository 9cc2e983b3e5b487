"""`ci-api settings`: lists every environment variable with its meaning and its value."""
from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import Field, fields
from itertools import groupby
from typing import Any

from api.config import Settings
from api.config_values import written


def add(commands: Any) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "settings", help="show the configuration", description="Show every variable and its value; secrets stay hidden.")
    parser.add_argument("--usual", action="store_true", help="only those that a normal installation looks at")
    parser.add_argument("--table", action="store_true", help="print variables, meanings and defaults as Markdown tables")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print all variables."""
    if arguments.table:
        print(usual_table() if arguments.usual else tables())
        return 0
    for each in fields(settings):
        if each.metadata["usual"] or not arguments.usual:
            value = getattr(settings, each.name)
            hidden = each.metadata["secret"] and value != each.default
            print(f"{each.metadata['variable']}={'(hidden)' if hidden else written(value)}\n    {each.metadata['about']}")
    return 0


def usual_table() -> str:
    """The variables that most installations set, as a Markdown table with their defaults."""
    return _table(each for each in fields(Settings) if each.metadata["usual"])


def tables() -> str:
    """All variables, as one Markdown table per group."""
    groups = groupby(fields(Settings), lambda each: each.metadata["group"])
    return "\n\n".join(f"**{group.capitalize()}**\n\n{_table(settings)}" for group, settings in groups)


def _table(settings: Iterable[Field[Any]]) -> str:
    rows = [
        f"| `{each.metadata['variable']}` | {_default(each.default)} | {each.metadata['about'].replace('|', '/')} |" for each in settings]
    return "\n".join(["| variable | default | what it is |", "| --- | --- | --- |", *rows])


def _default(value: Any) -> str:
    text = written(value)
    return f"`{text}`" if text else ""
