"""What the README says is so: its table of settings, its commands, its links."""
from __future__ import annotations

import re
from pathlib import Path

import pytest

from api.cli import make_parser
from api.commands.settings import tables, usual_table
from api.demo.prepare import builds

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/security.md")


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def test_the_readme_has_every_setting_with_its_meaning_and_default() -> None:
    assert f"\n{usual_table()}\n" in text_of("README.md"), "put in README.md the output of `ci-api settings --table --usual`"
    assert f"\n{tables()}\n" in text_of("README.md"), "put in README.md the output of `ci-api settings --table`"


def test_the_readme_names_every_command() -> None:
    known = set(re.findall(r"^    ([a-z]+) ", make_parser().format_help(), re.MULTILINE))

    named = set(re.findall(r"^\| `ci-api ([a-z]+)", text_of("README.md"), re.MULTILINE))

    assert named == known


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_that_are_there(page: str) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text_of(page)) if "://" not in link]

    assert [link for link in links if not ((ROOT / page).parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_are_there(page: str) -> None:
    named = re.findall(r"`((?:api|contract|tests|benchmarks|\.ci)/[A-Za-z0-9_./-]+)`", text_of(page))

    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_tour_shows_the_commits_of_the_demo() -> None:
    made = builds()

    for number, build in enumerate((made.good, made.regressed, made.unbuilt), 1):
        assert f"\nRun {number}  {build.commit[:12]}  {build.message}\n" in text_of("README.md")
