"""No regular expression of the code or of the documents takes more than linear time, whatever text it is given."""
from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from api.app import DOCUMENTS
from api.config import Settings
from api.jobs.project import collecting
from api.specfirst.binding.documents import load, operations
from api.specfirst.binding.routing import Routes, routes_of
from api.specfirst.validation.engines import compiled
from api.specfirst.validation.patterns import expression
from tests.adversaries import worst_growth

HERE = Path(__file__).parent.parent
FILES = {
    ".".join(file.relative_to(HERE).with_suffix("").parts).removesuffix(".__init__"): file
    for package in ("api", "ci_client") for file in sorted((HERE / package).rglob("*.py"))}
# These make patterns from what is only known at run time: globs of settings, patterns and paths of documents.
MADE_AT_RUN_TIME = {"api.jobs.project.collecting", "api.specfirst.validation.patterns", "api.specfirst.binding.routing"}
ANCHORED = frozenset({"match", "fullmatch"})
METHODS = ANCHORED | {"search", "sub", "subn", "split", "findall", "finditer"}


@dataclass(frozen=True)
class Use:
    """A pattern, where it stands, and how a text is held against it."""

    where: str
    pattern: re.Pattern[Any]
    method: str

    def scan(self, text: Any) -> object:
        """What the code does with the pattern, at its most thorough."""
        if self.method in ANCHORED:
            return getattr(self.pattern, self.method)(text)
        return sum(1 for _ in self.pattern.finditer(text))


def _uses(where: str, pattern: re.Pattern[Any], methods: frozenset[str]) -> Iterator[Use]:
    for method in sorted({method if method in ANCHORED else "search" for method in methods}):
        yield Use(f"{where} {method}", pattern, method)


def _uses_of_the_code() -> Iterator[Use]:
    for module, tree in _trees().items():
        if any(_is_of_re(node) for node in ast.walk(tree)):
            for name, value in vars(importlib.import_module(module)).items():
                for number, pattern in enumerate(_patterns_in(value)):
                    yield from _uses(f"{module}.{name}.{number}", pattern, _methods_of(module, name, value))


def _is_of_re(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re" and node.func.attr in METHODS | {"compile"})


def _patterns_in(value: Any) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, tuple | list | frozenset):
        for each in value:
            yield from _patterns_in(each)
    elif isinstance(value, dict):
        yield from _patterns_in([*value.values()])


@cache
def _trees() -> Mapping[str, ast.Module]:
    return {module: ast.parse(file.read_text(encoding="utf-8")) for module, file in FILES.items()}


def _methods_of(module: str, name: str, value: Any) -> frozenset[str]:
    """The methods that are called of a pattern of that name; of patterns in a table, what the module calls of other names."""
    if isinstance(value, re.Pattern):
        return frozenset({method for methods in _methods().values() for method in methods.get(name, ())}) or frozenset({"search"})
    known = vars(importlib.import_module(module))
    called = [methods for owner, methods in _methods()[module].items() if not isinstance(known.get(owner), re.Pattern)]
    return frozenset(method for methods in called for method in methods) or frozenset({"search"})


@cache
def _methods() -> Mapping[str, Mapping[str, frozenset[str]]]:
    """By module and the name that something has there, which methods of a pattern are called of it."""
    found: dict[str, dict[str, frozenset[str]]] = {}
    for module, tree in _trees().items():
        names = found.setdefault(module, {})
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in METHODS and isinstance(node.value, ast.Name | ast.Attribute):
                name = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
                names[name] = names.get(name, frozenset()) | {node.attr}
    return found


def _uses_of_the_documents() -> Iterator[Use]:
    contents = {document: load(document) for document in DOCUMENTS}
    for document, content in contents.items():
        for pattern in sorted(set(_written(content))):
            yield Use(f"{document.name} {pattern}", expression(pattern), "search")
    texts = [text for document, content in contents.items() for text in operations(document, content)]
    for route in _routes(routes_of(texts, {document.name: content for document, content in contents.items()}, [])):
        if route.pattern is not None:
            yield Use(f"route {route.template}", route.pattern, "fullmatch")


def _routes(routes: Routes) -> Iterator[Any]:
    yield from routes._open
    for found in routes._patterns.values():
        yield from found


def _written(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("pattern"), str):
            yield node["pattern"]
        node = list(node.values())
    for each in node if isinstance(node, list) else ():
        yield from _written(each)


def _uses_of_the_settings() -> Iterator[Use]:
    for glob in Settings().job_artifacts:
        yield Use(f"glob {glob}", collecting._expression(glob), "fullmatch")


@cache
def _all_uses() -> tuple[Use, ...]:
    return (*_uses_of_the_code(), *_uses_of_the_documents(), *_uses_of_the_settings())


def test_no_pattern_takes_more_than_linear_time() -> None:
    # A pattern that stands in several places is tried once.
    uses = {(use.pattern.pattern, use.pattern.flags, use.method): use for use in _all_uses()}.values()

    growing = {
        use.where: growth for use in uses
        if (growth := worst_growth(use.pattern.pattern, use.pattern.flags, use.scan)) is not None}

    assert growing == {}


def test_the_patterns_of_code_documents_routes_and_settings_are_all_among_them() -> None:
    kinds = [use.where.split(" ")[0].split(".")[0] for use in _all_uses()]

    assert {kind for kind in kinds if kinds.count(kind) > 3} == {"api", "ci", "ci_client", "glob", "machines", "pages", "platform", "route"}


def test_nobody_takes_functions_out_of_the_module_of_expressions() -> None:
    taken = [
        module for module, tree in _trees().items() for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "re"]

    assert taken == []


def test_every_pattern_is_a_name_at_the_top_of_its_module_so_that_none_is_missed_here() -> None:
    elsewhere = {
        f"{module}:{call.lineno}" for module, tree in _trees().items() if module not in MADE_AT_RUN_TIME
        for function in ast.walk(tree) if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for call in ast.walk(function) if _is_of_re(call)}

    assert elsewhere == set()


@pytest.mark.parametrize(("pattern", "method"), [
    (r"(a+)+$", "match"), (r"^(a|a)*$", "search"), (r"(a|aa)+$", "match"), (r"([a-z]+)*\d", "match"), (r"(.*,){6}P", "match"),
    (r"(.+T.+) ([0-9]{2}:[0-9]{2})", "search"), (r"\s+$", "search"), (r"\s*-?\s*\Z", "match"), (r"x*x*y", "match"), (r"<.*>", "search"),
    (r'"(?:[^"\\]|\\.)*"', "search"), (r"^(\w+\.?)+@", "match"), (r"a.*b.*c", "match"), (r"/\*.*?\*/", "search"),
    (rb"\d+(,\d+)*;", "search"),
    (r"(?:[^/]*a)*b", "match"), (r"(?P<key>[^=]+)=(?P<value>[^=]*);", "search"), (r"(?i)(?:ab?)+(?:a?b)+c", "match")])
def test_a_pattern_that_takes_more_is_found_out(pattern: str | bytes, method: str) -> None:
    use = Use("here", re.compile(pattern), method)

    assert worst_growth(pattern, use.pattern.flags, use.scan) is not None


@pytest.mark.parametrize("pattern", [r"^(?=a)b$", r"^(a)\1$", r"^(?<!a)b$"])
def test_a_document_with_a_pattern_that_is_not_linear_by_nature_stops_the_start(pattern: str) -> None:
    schema = {"type": "string", "maxLength": 9, "pattern": pattern}

    with pytest.raises(ValueError, match="regex"):
        compiled(schema)


