"""What a project declares to be installed for its tests: found in its files, in a fixed order."""
from __future__ import annotations

import ast
import configparser
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from api.domain.jobs.poetry_requirements import poetry_requirements

PYPROJECT, SETUP_CFG, SETUP_PY, TOX_INI = "pyproject.toml", "setup.cfg", "setup.py", "tox.ini"
REQUIREMENTS, CONSTRAINTS, LOCK = "requirements.txt", "constraints.txt", "uv.lock"
TEST_NAMES = ("test", "tests", "testing")
DEVELOPMENT_NAMES = ("dev", "develop", "development")
_PATTERNS = ("requirements-{}.txt", "requirements_{}.txt", "{}-requirements.txt", "{}_requirements.txt", "requirements/{}.txt")
TEST_FILES = (*(pattern.format(name) for name in TEST_NAMES for pattern in _PATTERNS), "tests/requirements.txt", "test/requirements.txt")
DEVELOPMENT_FILES = tuple(pattern.format(name) for name in DEVELOPMENT_NAMES for pattern in _PATTERNS)
# The files that are read, and the most that is read of each, in bytes. A longer one counts as one that cannot be read.
FILES = (PYPROJECT, SETUP_CFG, SETUP_PY, TOX_INI, REQUIREMENTS, *TEST_FILES, *DEVELOPMENT_FILES, CONSTRAINTS, LOCK)
MAX_BYTES = 256 << 10
# Those of which counts only that they are there.
UNREAD = (LOCK,)

_VERSIONS = re.compile(r"[0-9.*,<>=!~ ]{1,100}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_DEPENDENCIES_OF_FACTORS = re.compile(r"[A-Za-z0-9_.,{}!-]+: ")
_PYTEST = re.compile(r"pytest(?![A-Za-z0-9._-])")
_SEPARATORS = re.compile(r"[\s,]+")
_TOX_FOLDER = "{toxinidir}/"
Table = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Declaration:
    """Arguments for the installer, and where in the project they were found."""

    words: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Declared:
    """What is to be installed, in this order. `python` is the project's own range of versions, as packaging writes one."""

    items: tuple[Declaration, ...] = ()
    python: str | None = None


def find_declarations(files: Mapping[str, str]) -> Declared:
    """What a project with these files declares. What cannot be read declares nothing; the installer says why.

    The order: the project itself, editable, with what it has for tests; requirements; what else is there for tests. What is there
    for tests is the extras, groups and files named so; only where there are none, tox's dependencies; only where there are none either,
    what is there for development; and only where there is none of that, the extras and groups that have pytest.
    """
    project = _toml(files.get(PYPROJECT, ""))
    setup = _ini(files.get(SETUP_CFG, ""))
    script = _keywords_of_setup(files.get(SETUP_PY, ""))
    extras = sorted({*_table(project, "project", "optional-dependencies"), *_table(project, "tool", "poetry", "extras"),
                     *_section(setup, "options.extras_require"), *_names_of(script)})
    found = _Found(files, project, setup, script, extras)
    for_tests = found.named(TEST_NAMES, TEST_FILES)
    rest = for_tests or found.tox() or found.named(DEVELOPMENT_NAMES, DEVELOPMENT_FILES) or found.with_pytest()
    wanted = [extra for item in rest for extra in item.extras]
    packaged = _packaged(files, project, setup, wanted)
    items = [
        *([packaged] if packaged is not None else []),
        *([Declaration(("-r", REQUIREMENTS), REQUIREMENTS)] if REQUIREMENTS in files else []),
        *(item.declaration for item in rest if item.declaration is not None),
        *([Declaration(("-c", CONSTRAINTS), CONSTRAINTS)] if CONSTRAINTS in files else []),
        *([Declaration(("-c", LOCK), f"{LOCK}: the versions that it names")] if LOCK in files and packaged is not None else [])]
    return Declared(tuple(items), _python(project, setup))


@dataclass(frozen=True, slots=True)
class _Item:
    """A declaration, or extras of the project."""

    declaration: Declaration | None = None
    extras: tuple[str, ...] = ()


class _Found:
    """The parts of a project's files that declare something."""

    def __init__(
        self, files: Mapping[str, str], project: Table, setup: configparser.ConfigParser, script: Table, extras: Sequence[str],
    ) -> None:
        self._files, self._project, self._setup, self._script, self._extras = files, project, setup, script, extras

    def named(self, names: Sequence[str], files: Sequence[str]) -> list[_Item]:
        """All that has one of these names."""
        extras = tuple(each for each in self._extras if each.lower() in names)
        items = [_Item(extras=extras)] if extras else []
        items += [_Item(each) for name in names for each in self._groups(name)]
        items += [_Item(Declaration(("-r", file), file)) for file in files if file in self._files]
        if names == TEST_NAMES:
            items += [_Item(each) for each in self._tests_require()]
        return items

    def _groups(self, name: str) -> Iterator[Declaration]:
        if name in _table(self._project, "dependency-groups"):
            yield Declaration(("--group", name), f"{PYPROJECT}: dependency group {name}")
        hatch = _table(self._project, "tool", "hatch", "envs", *(("hatch-test",) if name == "test" else (name,)))
        tables = {
            f"tool.uv.{name}-dependencies": _table(self._project, "tool", "uv").get(f"{name}-dependencies"),
            f"tool.pdm.dev-dependencies.{name}": _table(self._project, "tool", "pdm", "dev-dependencies").get(name),
            "tool.hatch.envs": [*_words(hatch.get("dependencies")), *_words(hatch.get("extra-dependencies"))],
            f"tool.poetry.group.{name}": poetry_requirements(_table(self._project, "tool", "poetry", "group", name, "dependencies")),
            f"tool.poetry.{name}-dependencies": poetry_requirements(_table(self._project, "tool", "poetry", f"{name}-dependencies"))}
        for source, words in tables.items():
            if requirements := _words(words):
                yield Declaration(requirements, f"{PYPROJECT}: {source}")
        if name == "test" and (environment := _words(_table(self._project, "tool", "hatch", "envs", "test").get("dependencies"))):
            yield Declaration(environment, f"{PYPROJECT}: tool.hatch.envs.test")

    def _tests_require(self) -> Iterator[Declaration]:
        if lines := _lines(self._setup.get("options", "tests_require", fallback="")):
            yield Declaration(lines, f"{SETUP_CFG}: tests_require")
        if words := _words(self._script.get("tests_require")):
            yield Declaration(words, f"{SETUP_PY}: tests_require")

    def with_pytest(self) -> list[_Item]:
        """The extras and dependency groups that pytest is one of."""
        lists = {name: _words(words) for name, words in _table(self._project, "project", "optional-dependencies").items()}
        lists |= {name: _lines(text) for name, text in _section(self._setup, "options.extras_require").items()}
        extras = tuple(name for name in self._extras if any(map(_PYTEST.match, lists.get(name, ()))))
        groups = [name for name, words in _table(self._project, "dependency-groups").items() if any(map(_PYTEST.match, _words(words)))]
        items = [_Item(extras=extras)] if extras else []
        return items + [
            _Item(Declaration(("--group", name), f"{PYPROJECT}: dependency group {name}")) for name in groups if _NAME.fullmatch(name)]

    def tox(self) -> list[_Item]:
        """What tox installs for tests. Lines with conditions or variables are left out, since only tox can read them."""
        places = ((TOX_INI, _ini(self._files.get(TOX_INI, "")), "testenv"), (SETUP_CFG, self._setup, "testenv"))
        for file, parsed, section in places:
            environment = _section(parsed, section)
            extras = tuple(name for name in _SEPARATORS.split(environment.get("extras", "")) if name in self._extras)
            lines = [each for line in _lines(environment.get("deps", "")) if (each := line.replace(_TOX_FOLDER, ""))]
            words = [word for line in lines if _is_plain(line) for word in _installer_words(line)]
            items = ([_Item(extras=extras)] if extras else []) + (
                [_Item(Declaration(tuple(words), f"{file}: deps of {section}"))] if words else [])
            if items:
                return items
        return self._tox_tables()

    def _tox_tables(self) -> list[_Item]:
        settings = _table(self._project, "tool", "tox", "env_run_base")
        words = [word for line in _strings(settings.get("deps")) if _is_plain(line) for word in _installer_words(line)]
        extras = tuple(name for name in _words(settings.get("extras")) if name in self._extras)
        items = [_Item(extras=extras)] if extras else []
        return items + ([_Item(Declaration(tuple(words), f"{PYPROJECT}: tool.tox.env_run_base.deps"))] if words else [])


def _packaged(
    files: Mapping[str, str], project: Table, setup: configparser.ConfigParser, extras: Sequence[str],
) -> Declaration | None:
    """The project itself, where something says how it is built."""
    by = next((file for file, is_there in (
        (PYPROJECT, "project" in project or "build-system" in project or _table(project, "tool", "poetry")), (SETUP_PY, SETUP_PY in files),
        (SETUP_CFG, setup.has_option("metadata", "name"))) if is_there), None)
    if by is None:
        return None
    named = [extra for extra in extras if _NAME.fullmatch(extra)]
    told = f", with the extra {' and '.join(named)}" if named else ""
    return Declaration(("-e", f".[{','.join(named)}]" if named else "."), f"{by}: the project itself, editable{told}")


def _python(project: Table, setup: configparser.ConfigParser) -> str | None:
    """The range of versions, but for what no range of numbers can say."""
    said = _table(project, "project").get("requires-python") or setup.get("options", "python_requires", fallback=None)
    return said.strip() if isinstance(said, str) and _VERSIONS.fullmatch(said.strip()) else None


def _toml(text: str) -> Table:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}


def _ini(text: str) -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(interpolation=None, strict=False)
    with suppress(configparser.Error):
        parsed.read_string(text)
    return parsed


def _section(parsed: configparser.ConfigParser, name: str) -> Mapping[str, str]:
    return parsed[name] if parsed.has_section(name) else {}


def _keywords_of_setup(text: str) -> Table:
    """The keywords of the call of `setup` whose values are written down in the file; nothing is run."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    assigned = [node for node in tree.body if isinstance(node, ast.Assign)]
    values = {target.id: node.value for node in assigned for target in node.targets if isinstance(target, ast.Name)}
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node.func) == "setup":
            for keyword in node.keywords:
                value = values.get(keyword.value.id) if isinstance(keyword.value, ast.Name) else keyword.value
                found[keyword.arg or ""] = _literal(value)
    return found


def _called(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""


def _literal(value: ast.expr | None) -> Any:
    """A value that is written down; of a dictionary its keys, whatever their values are."""
    if isinstance(value, ast.Dict):
        return {key.value: None for key in value.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}
    with suppress(ValueError, RecursionError):
        return None if value is None else ast.literal_eval(value)
    return None


def _names_of(script: Table) -> Sequence[str]:
    extras = script.get("extras_require")
    return list(extras) if isinstance(extras, dict) else []


def _table(values: Table, *names: str) -> Table:
    """The table of this name, empty where there is none."""
    found: Any = values
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _words(value: Any) -> tuple[str, ...]:
    """The requirements of a list; no option of the installer is one."""
    found = [each.strip() for each in value if isinstance(each, str)] if isinstance(value, list | tuple) else []
    return tuple(each for each in found if each and not each.startswith("-"))


def _strings(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _lines(text: str) -> tuple[str, ...]:
    return tuple(stripped for line in text.splitlines() if (stripped := line.split(" #")[0].strip()) and not stripped.startswith("#"))


def _is_plain(line: str) -> bool:
    return "{" not in line and not _DEPENDENCIES_OF_FACTORS.match(line)


def _installer_words(line: str) -> list[str]:
    """A line of tox's dependencies as arguments: `-rfile` and `-r file` are two words, a requirement is one."""
    if line.startswith(("-r", "-c")):
        return [line[:2], line[2:].strip()]
    return [] if line.startswith("-") else [line]
