"""What the pages say is so: settings, commands, links, names of files, the demo's commits."""
from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from api.cli import make_parser
from api.commands.settings import table
from api.demo.prepare import builds
from tests.docs.pages import PAGES, ROOT, text_of

LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
NAMED = re.compile(r"`((?:api|ci_server|contract|tests|benchmarks|deploy|docs|\.ci)/[A-Za-z0-9_./@-]+)`")
COMMAND = re.compile(r"^    ([a-z]+) ", re.MULTILINE)
DESCRIBED = re.compile(r"^\| `ci-api ([a-z]+)", re.MULTILINE)
VARIABLE = re.compile(r"`(CI_[A-Z_]+|SAMPLE_REPOSITORY)[=`]")
NO_SETTINGS = frozenset({"CI_TOKEN", "CI_SERVER", "CI_TEST_NO_SKIP"})


def slug(heading: str) -> str:
    """A heading's anchor, as MkDocs and GitHub make it."""
    return re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", heading.lower()).strip())


def test_the_page_about_the_configuration_has_every_setting_with_its_meaning_and_default() -> None:
    page = "docs/configuration.md"

    assert text_of(page).endswith(f"\n{table()}\n"), f"replace the table in {page} by the output of `ci-api settings --table`"


@pytest.mark.parametrize("page", [page for page in PAGES if page != "CHANGELOG.md"])
def test_settings_that_are_named_are_there(page: str) -> None:
    known = set(re.findall(r"^\| `([A-Z_]+)`", table(), re.MULTILINE))

    assert set(VARIABLE.findall(text_of(page))) - known - NO_SETTINGS == set()


def test_the_page_about_operations_describes_every_command() -> None:
    known = set(COMMAND.findall(make_parser().format_help()))

    assert set(DESCRIBED.findall(text_of("docs/operations.md"))) == known


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_places_that_are_there(page: str) -> None:
    links = [urlsplit(link) for link in LINK.findall(text_of(page))]

    for link in links:
        if link.scheme:
            assert (link.scheme, bool(link.hostname)) == ("https", True)
            continue
        target = (ROOT / page).parent / link.path if link.path else ROOT / page
        assert target.exists(), link.path
        if link.fragment:
            assert link.fragment in {slug(heading) for heading in HEADING.findall(target.read_text())}, link.geturl()


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_are_there(page: str) -> None:
    assert [name for name in NAMED.findall(text_of(page)) if not (ROOT / name).exists()] == []


def test_every_page_is_in_the_table_of_contents() -> None:
    named = re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)

    assert sorted(named) == sorted(path.name for path in (ROOT / "docs").glob("*.md"))


def test_every_file_for_deployment_is_shown() -> None:
    shown = "".join(text_of(page) for page in PAGES)

    assert [path.name for path in (ROOT / "deploy").iterdir() if path.read_text() not in shown] == []


def test_the_tour_shows_the_commits_of_the_demo() -> None:
    made = builds()

    for number, build in enumerate((made.good, made.regressed, made.unbuilt), 1):
        assert f"\nRun {number}  {build.commit[:12]}  {build.message}\n" in text_of("README.md")
