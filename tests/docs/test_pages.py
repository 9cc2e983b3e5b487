"""What the pages say is so: settings, commands, links, names of files, the demo's commits."""
from __future__ import annotations

import re
import tempfile
from configparser import ConfigParser
from urllib.parse import urlsplit

import pytest

from api.cli import make_parser
from api.commands.settings import tables, usual_table
from api.config import file_variables
from api.demo.prepare import builds
from tests.docs.pages import PAGES, ROOT, text_of

PUNCTUATION, GAP = re.compile(r"[^\w\s-]"), re.compile(r"\s+")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
NAMED = re.compile(r"`((?:api|ci_server|contract|tests|benchmarks|deploy|docs|\.ci)/[A-Za-z0-9_./@-]+)`")
COMMAND = re.compile(r"^    ([a-z]+) ", re.MULTILINE)
DESCRIBED = re.compile(r"^\| `ci-api ([a-z]+)", re.MULTILINE)
SETTING = re.compile(r"^\| `([A-Z_]+)`", re.MULTILINE)
VARIABLE = re.compile(r"`(CI_[A-Z_]+|SAMPLE_REPOSITORY)[=`]")
NAVIGATED = re.compile(r": (\S+\.md)$", re.MULTILINE)
ROW = re.compile(r"^\| `.*$", re.MULTILINE)
LAYER = re.compile(r"`([a-z_]+)`")
CONNEXION = re.compile(r"^from connexion[a-z_.]* import (.*)$", re.MULTILINE)
WORD = re.compile(r"^\| (?!word )([^|-][^|]*?) \|", re.MULTILINE)
NO_SETTINGS = frozenset({"CI_TOKEN", "CI_SERVER", "CI_TEST_IMAGE_BASE", "CI_TEST_NO_SKIP"})


def slug(heading: str) -> str:
    """A heading's anchor, as MkDocs and GitHub make it."""
    return GAP.sub("-", PUNCTUATION.sub("", heading.lower()).strip())


def as_shown(text: str) -> str:
    """Tables as they are where temporary files lie in /tmp; those of tests may lie elsewhere."""
    return text.replace(f"`{tempfile.gettempdir()}/", "`/tmp/")


def test_the_page_about_the_configuration_has_every_setting_with_its_meaning_and_default() -> None:
    page = "docs/configuration.md"

    assert f"\n{as_shown(usual_table())}\n" in text_of(page), f"put into {page} the output of `ci-api settings --table --usual`"
    assert text_of(page).endswith(f"\n{as_shown(tables())}\n"), f"put into {page} the output of `ci-api settings --table`"


def test_the_readme_names_the_settings_of_a_normal_installation() -> None:
    start = text_of("README.md").partition("\n## A tour\n")[0]

    assert set(VARIABLE.findall(start)) == set(SETTING.findall(usual_table()))


@pytest.mark.parametrize("page", [page for page in PAGES if page != "CHANGELOG.md"])
def test_settings_that_are_named_are_there(page: str) -> None:
    known = set(SETTING.findall(tables())) | file_variables()

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
    named = NAVIGATED.findall((ROOT / "mkdocs.yml").read_text())

    assert sorted(named) == sorted(path.name for path in (ROOT / "docs").glob("*.md"))


def test_every_file_for_deployment_is_shown() -> None:
    shown = "".join(text_of(page) for page in PAGES)

    files = [path for path in (ROOT / "deploy").iterdir() if path.is_file()]
    assert [path.name for path in files if path.read_text() not in shown] == []



def test_the_tour_shows_the_commits_of_the_demo() -> None:
    made = builds()

    for number, build in enumerate((made.good, made.regressed, made.unbuilt), 1):
        assert f"\nRun {number}  {build.commit[:12]}  {build.message}\n" in text_of("README.md")


def test_the_words_of_the_glossary_stand_in_alphabetical_order() -> None:
    words = WORD.findall(text_of("docs/glossary.md"))

    assert len(words) > 50
    assert words == sorted(words, key=str.casefold)


def test_the_page_about_the_architecture_has_the_layers_that_are_enforced() -> None:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    enforced = config["importlinter:contract:layers"]["layers"].split("\n")[1:]

    section = text_of("docs/architecture.md").partition("\n## Layers\n")[2].partition("\n## ")[0]
    shown = [LAYER.findall(row.split("|")[1]) for row in ROW.findall(section)]

    assert shown == [layer.split(" | ") for layer in enforced]


def test_the_page_about_connexion_names_all_that_is_imported_of_it() -> None:
    imports = [found for path in (ROOT / "api").rglob("*.py") for found in CONNEXION.findall(path.read_text())]
    names = {name for line in imports for name in line.split(", ")}

    assert len(names) > 10
    assert [name for name in sorted(names) if name not in text_of("docs/connexion.md")] == []
