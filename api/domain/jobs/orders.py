"""How a project wants its job run: said at submission, or in `[tool.ci]` of its pyproject.toml."""
from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

MAX_SECONDS = 86_400
MAX_ITEMS, MAX_LENGTH, MAX_PATTERNS = 100, 4096, 10
_PROJECT_FOLDER = re.compile(r"(?!/)(?!.*(?:^|/)\.\.?(?:/|$))[^\x00-\x1f\\]{1,500}")
_PYTHON = re.compile(r"[0-9]{1,2}(?:\.[0-9]{1,3}){0,2}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_SECONDS = re.compile(r"[0-9]{1,5}")
# The installer's options that a project may give, each with a value: files and folders of the project, and dependency groups.
_OPTIONS = frozenset({"-r", "-c", "-e", "--group"})


@dataclass(frozen=True, slots=True)
class Orders:
    """What was said; None where nothing was, and the server's settings hold.

    `folder` is the working folder, from the project's own; `time_limit` is in seconds; `install` has the installer's arguments in
    place of what would be found.
    """

    command: tuple[str, ...] | None = None
    folder: str | None = None
    python: str | None = None
    environment: Mapping[str, str] | None = None
    install: tuple[str, ...] | None = None
    artifacts: tuple[str, ...] | None = None
    time_limit: int | None = None

    def over(self, other: Orders) -> Orders:
        """These orders, and where they say nothing, the other ones."""
        return Orders.from_json({**other.as_json(), **self.as_json()})

    def as_json(self) -> dict[str, Any]:
        """What was said, as it is stored."""
        return {each.name: value for each in ORDERS if (value := getattr(self, each.name)) is not None}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Orders:
        """The reverse of `as_json`."""
        stored: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        return cls(**stored)


ORDERS = fields(Orders)
NAMES = frozenset(each.name for each in ORDERS)


def read_form(form: Mapping[str, str]) -> tuple[Orders, dict[str, str]]:
    """The orders in a form, whose lists have one item a line; and what is wrong, by field."""
    values: dict[str, Any] = {}
    for name in NAMES & form.keys():
        text = form[name]
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if name == "environment":
            values[name] = {variable: value if is_set else None for variable, is_set, value in (line.partition("=") for line in lines)}
        elif name == "time_limit":
            values[name] = int(text) if _SECONDS.fullmatch(text) else text
        else:
            values[name] = lines if name in ("install", "artifacts") else text
    return _read(values)


def read_project(pyproject: str) -> tuple[Orders, dict[str, str]]:
    """The orders in a pyproject.toml; and what is wrong, by key. A file that cannot be read has none; the installer says why."""
    try:
        settings = tomllib.loads(pyproject).get("tool", {})
    except (ValueError, RecursionError):
        return Orders(), {}
    table = settings.get("ci", {}) if isinstance(settings, dict) else {}
    if not isinstance(table, dict):
        return Orders(), {"tool.ci": "Must be a table."}
    orders, errors = _read(table)
    return orders, {f"tool.ci.{name}": wrong for name, wrong in errors.items()}


def _read(values: Mapping[str, Any]) -> tuple[Orders, dict[str, str]]:
    found: dict[str, Any] = {}
    errors = {str(name)[:100]: "Is not known." for name in values if name not in NAMES}
    for name in sorted(NAMES & values.keys()):
        try:
            found[name] = READERS[name](values[name])
        except ValueError as wrong:
            errors[name] = str(wrong)
    return Orders(**found), errors


def _command(value: Any) -> tuple[str, ...]:
    words = value if isinstance(value, list) else []
    if isinstance(value, str):
        try:
            words = shlex.split(value)
        except ValueError:
            words = []
    if not words or not all(isinstance(word, str) and "\0" not in word for word in words) or len(" ".join(words)) > MAX_LENGTH:
        raise ValueError("Must be a command as one writes it for a shell, or a list of its words.")
    return tuple(words)


def _folder(value: Any) -> str:
    if not isinstance(value, str) or not _PROJECT_FOLDER.fullmatch(value):
        raise ValueError("Must be the path of a folder of the project.")
    return value.rstrip("/")


def _python(value: Any) -> str:
    if not isinstance(value, str) or not _PYTHON.fullmatch(value):
        raise ValueError("Must be a version of Python, such as 3.12.")
    return value


def _environment(value: Any) -> dict[str, str]:
    is_good = isinstance(value, dict) and len(value) <= MAX_ITEMS and all(
        _VARIABLE.fullmatch(name) and isinstance(text, str) and "\0" not in text and len(text) <= MAX_LENGTH
        for name, text in value.items())
    if not is_good:
        raise ValueError(f"Must be at most {MAX_ITEMS} variables, each with a name and a text.")
    return dict(value)


def _install(value: Any) -> tuple[str, ...]:
    words = []
    for line in _lines(value):
        option, _, rest = line.partition(" ")
        if not line.startswith("-"):
            words.append(line)
        elif option in _OPTIONS and rest.strip() and not rest.strip().startswith("-"):
            words += [option, rest.strip()]
        else:
            raise ValueError(f"Must be requirements, or one of {', '.join(sorted(_OPTIONS))} with its value.")
    return tuple(words)


def install_lines(words: Sequence[str]) -> list[str]:
    """The installer's arguments as they are written, one item a line."""
    lines: list[str] = []
    for word in words:
        if lines and lines[-1] in _OPTIONS:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _lines(value: Any) -> tuple[str, ...]:
    is_good = isinstance(value, list) and len(value) <= MAX_ITEMS and all(
        isinstance(line, str) and line.strip() and line.isprintable() and len(line) <= 500 for line in value)
    if not is_good:
        raise ValueError(f"Must be a list of at most {MAX_ITEMS} texts.")
    return tuple(line.strip() for line in value)


def _artifacts(value: Any) -> tuple[str, ...]:
    # Each more of these would multiply the time that a long name takes.
    patterns = _lines(value)
    if len(patterns) > MAX_PATTERNS or any(each.count("**") > 1 or each.replace("**", "").count("*") > 1 for each in patterns):
        raise ValueError(f"Must be at most {MAX_PATTERNS} patterns, each with at most one * and one **.")
    return patterns


def _time_limit(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_SECONDS:
        raise ValueError(f"Must be a whole number of seconds from 1 to {MAX_SECONDS}.")
    return value


READERS: Mapping[str, Callable[[Any], Any]] = {
    "command": _command, "folder": _folder, "python": _python, "environment": _environment, "install": _install, "artifacts": _artifacts,
    "time_limit": _time_limit}
