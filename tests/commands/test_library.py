"""`ci-api library`: what it says, and how it ends."""
from __future__ import annotations

from pathlib import Path

from tests.commands.conftest import Call

LIBRARY = """
categories: [{name: DVB}]
samples: [{file: news.ts}]
regression_tests: [{sample: news.ts, command: -out=srt, categories: [DVB], outputs: [{extension: .srt, baseline: news.srt}]}]
"""


def write(folder: Path, text: str = LIBRARY) -> str:
    """A library's folder, by its path."""
    folder.mkdir()
    (folder / "library.yaml").write_text(text)
    (folder / "news.ts").write_bytes(b"media")
    (folder / "news.srt").write_bytes(b"1\nNews\n")
    return str(folder)


def test_a_folder_is_imported_once_and_exported(call: Call, tmp_path: Path) -> None:
    folder = write(tmp_path / "library")

    dry, first, second = (call("library", "import", folder, *options) for options in (["--dry-run"], [], []))
    exported = call("library", "export", str(tmp_path / "exported"))

    added = "added\tcategory DVB\nadded\tsample news.ts\nadded\tregression test news.ts -out=srt\n"
    assert (dry.status, dry.output) == (0, f"{added}would be added: 3, would be changed: 0, kept as it is: 0\n")
    assert (first.status, first.output) == (0, f"{added}added: 3, changed: 0, kept as it is: 0\n")
    assert second.output == "added: 0, changed: 0, kept as it is: 0\n"
    assert (exported.status, exported.output) == (0, "1 samples, 1 regression tests\n")
    assert {path.name for path in (tmp_path / "exported").iterdir()} == {"library.yaml", "samples", "baselines"}


def test_with_anything_wrong_nothing_is_imported_and_all_of_it_is_told(call: Call, tmp_path: Path) -> None:
    folder = write(tmp_path / "library", LIBRARY.replace("[DVB]", "[None such]").replace("-out=srt", "'''open'"))

    said = call("library", "import", folder)

    assert said.status == 1
    assert "'None such' is defined nowhere" in said.errors
    assert "regression_tests[0].command" in said.errors


def test_a_file_that_is_in_no_store_is_named_by_the_export(call: Call, tmp_path: Path) -> None:
    call("library", "import", write(tmp_path / "library"))
    [baseline] = (tmp_path / "files" / "TestResults").iterdir()
    baseline.unlink()

    said = call("library", "export", str(tmp_path / "exported"))

    assert (said.status, said.output.splitlines()[0]) == (1, f"in no store\tTestResults/{baseline.name}")
