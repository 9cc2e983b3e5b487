"""`ci-api settings`: every variable, what it means, and what it is now."""
from __future__ import annotations

import argparse
from dataclasses import fields
from typing import Any

from api.config import Settings
from api.config_values import written


def add(commands: Any) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "settings", help="show the configuration", description="Show every variable and its value; secrets stay hidden.")
    parser.add_argument("--table", action="store_true", help="print variables, meanings and defaults as a Markdown table")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print one variable after the other."""
    if arguments.table:
        print(table())
        return 0
    for each in fields(settings):
        value = getattr(settings, each.name)
        hidden = each.metadata["secret"] and value != each.default
        print(f"{each.metadata['variable']}={'(hidden)' if hidden else written(value)}\n    {each.metadata['about']}")
    return 0


def table() -> str:
    """All variables as a Markdown table, with their defaults."""
    rows = [
        f"| `{each.metadata['variable']}` | {_default(each.default)} | {each.metadata['about'].replace('|', '/')} |"
        for each in fields(Settings)]
    return "\n".join(["| variable | default | what it is |", "| --- | --- | --- |", *rows])


def _default(value: Any) -> str:
    text = written(value)
    return f"`{text}`" if text else ""
