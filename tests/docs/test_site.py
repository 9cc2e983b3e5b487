"""`make docs`: it builds without a warning, loads nothing from elsewhere, and shows every block that is checked."""
from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, blocks_of

LOADED = re.compile(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"([^\"]+)\"|<link\b[^>]*\bhref=\"([^\"]+)\"|url\(['\"]?([^)'\"]+)")
MAIN = re.compile(r'<div role="main".*?<footer>', re.DOTALL)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (built.returncode, built.stderr) == (0, "")
    return folder


def test_a_page_loads_nothing_from_elsewhere(site: Path) -> None:
    texts = [path.read_text() for path in (*site.glob("*.html"), *site.rglob("*.css"))]
    loaded = ["".join(found) for text in texts for found in LOADED.findall(text)]

    assert len(loaded) > 20
    assert [each for each in loaded if "//" in each and not each.startswith("data:")] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("docs/")])
def test_no_block_of_a_page_escapes_the_checks(site: Path, page: str) -> None:
    [main] = MAIN.findall((site / f"{Path(page).stem}.html").read_text())

    assert main.count("<pre>") == len(blocks_of(page))
