"""A library's folder is imported whole, again without effect, or not at all."""
from __future__ import annotations

import copy
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import select

from api.domain.catalog.change import Editor
from api.domain.catalog.definition import DefinitionEdit
from api.domain.errors import Conflict
from api.library_folder.importing import import_folder
from api.library_folder.reading import LibraryFaults
from api.services.catalog.library_tests import edit_test
from api.storage.catalog import labels
from api.storage.catalog.catalog import load_catalog
from api.storage.catalog.changes import list_changes
from api.storage.database import session, transaction
from api.storage.platform_tables import ForbiddenExtensionRow, RegressionOutputRow, SampleRow
from tests.builders import NOW, digest_of, save
from tests.library_folder.conftest import CONTENT, Library

BASELINE, VARIANT = digest_of("1\nNews\n"), digest_of("1\nNEWS\n")


def changed(change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """CONTENT after a change."""
    content = copy.deepcopy(dict(CONTENT))
    change(content)
    return content


def test_all_that_the_file_names_is_there_afterwards(library: Library) -> None:
    library.bring()

    catalog = load_catalog()
    news, film = catalog.samples
    first, second = catalog.tests
    assert (news.name, news.tags, news.notes, news.sha) == ("Evening news.ts", ("dvb",), "Off air.", digest_of("news"))
    assert (film.name, film.tags, film.notes) == ("film.mp4", (), None)
    assert (first.definition.categories, first.description, first.active) == (("DVB", "Text"), "The first", True)
    assert [(each.suffix, each.extension, each.ignored, each.baseline, each.acceptable) for each in first.definition.outputs] == [
        ("", ".srt", False, BASELINE, (VARIANT,)), ("_2", ".srt", True, "", ())]
    assert (second.definition.expected_exit_code, second.definition.output_type, second.active) == (10, "null", False)
    assert library.stored() == {
        f"TestFiles/{digest_of('news')}.ts", f"TestFiles/{digest_of('film')}.mp4", f"TestResults/{BASELINE}.srt",
        f"TestResults/{VARIANT}.srt"}


def test_a_second_import_changes_nothing(library: Library) -> None:
    library.bring()
    before, changes = load_catalog(), list_changes(None, None, limit=1, offset=0).total

    told = library.bring()

    assert (told, load_catalog(), list_changes(None, None, limit=1, offset=0).total) == ([], before, changes)


def test_a_dry_run_tells_the_same_and_changes_nothing(library: Library) -> None:
    told = library.bring(dry=True)
    present = load_catalog().samples, library.stored()

    assert present == ((), set())
    assert library.bring() == told


def test_what_people_may_edit_is_brought_to_what_the_file_says(library: Library) -> None:
    library.bring()
    regression_id = load_catalog().tests[0].definition.regression_id
    edit_test(regression_id, DefinitionEdit(active=False, description="Another"), None, Editor(None, "somebody"), NOW)

    told = library.bring()

    assert told == [("changed", "regression test samples/news.ts -out=srt")]
    assert (load_catalog().tests[0].active, load_catalog().tests[0].description) == (True, "The first")


def test_a_baseline_that_is_there_stays_and_one_that_lacks_is_added(library: Library) -> None:
    library.bring()
    output_id = load_catalog().tests[0].definition.outputs[0].output_id
    for baseline, verb in ((digest_of("approved"), "kept as it is"), ("", "added")):
        with transaction():
            session().get_one(RegressionOutputRow, output_id).correct = baseline

        told = library.bring()

        assert [what for what, _ in told] == [verb]
        assert load_catalog().tests[0].definition.outputs[0].baseline == (baseline or BASELINE)


@pytest.mark.parametrize(("content", "said"), [
    (changed(lambda c: c.update(colour="red")), "colour"),
    (changed(lambda c: c["samples"][0].update(colour="red")), "samples[0]"),
    (changed(lambda c: c["samples"].append({"file": "samples/news.ts"})), "'samples/news.ts' stands there twice"),
    (changed(lambda c: c["regression_tests"].append(c["regression_tests"][0])), "stands there twice"),
    (changed(lambda c: c["tags"].append({"name": "dvb"})), "'dvb' stands there twice"),
    (changed(lambda c: c["samples"][0].update(file="../news.ts")), "is no path of a file in the folder"),
    (changed(lambda c: c["samples"][0].update(file="/etc/passwd")), "is no path of a file in the folder"),
    (changed(lambda c: c["samples"][0].update(file="samples/link.ts")), "leads out of the folder"),
    (changed(lambda c: c["samples"][0].update(file="samples")), "is no file"),
    (changed(lambda c: c["samples"][0].update(file="samples/none.ts")), "No such file"),
    (changed(lambda c: c["samples"][0].update(name="..")), "is no name of a file"),
    (changed(lambda c: c["samples"][0].update(tags=["unheard of"])), "'unheard of' is defined nowhere"),
    (changed(lambda c: c["regression_tests"][0].update(categories=["unheard of"])), "'unheard of' is defined nowhere"),
    (changed(lambda c: c["regression_tests"][0].update(sample="film.mp4")), "is the file of no sample"),
    (changed(lambda c: c["regression_tests"][0].update(command="'open")), "regression_tests[0].command"),
    (changed(lambda c: c["regression_tests"][0].update(input_type="pipe")), "regression_tests[0].input_type"),
    (changed(lambda c: c["regression_tests"][0].update(outputs=[{"extension": ".srt"}] * 2)), "regression_tests[0].outputs"),
    (changed(lambda c: c["samples"][1].update(file="samples/same.mp4")), "has the same content"),
    (changed(lambda c: c["samples"][1].update(file="samples/empty.mp4")), "is empty"),
    (changed(lambda c: c["samples"][1].update(file="samples/setup.exe")), "are not taken"),
    (changed(lambda c: c["samples"][0].update(file="samples/loop.ts")), "leads to itself"),
    (changed(lambda c: c["samples"][0].update(name="../news.ts")), "is no name of a file"),
    (changed(lambda c: c["tags"].append({"name": "DVB"})), "'DVB' is the same name as 'dvb'"),
    (changed(lambda c: c["categories"].append({"name": "a\nb"})), "Must be printable characters"),
    ("regression_tests: [{expected_exit_code: 0x" + "f" * 20_000 + "}]", "more than 64 bits"),
    ("tags: [", "no plain YAML"), ("a: &a [1]\nb: *a", "aliases"), ("tags: []\ntags: []", "twice"), ("- 1", "is not of type 'object'"),
    ("\x00", "no plain YAML"), ("[" * 5000, "no plain YAML"), ("? [a]\n: b", "no plain word"), ("? {a: b}\n: c", "no plain word"),
    ('tags: [{name: "\\ud800"}]', "no plain YAML"), ("tags: [{name: 2026-13-45}]", "no plain YAML"),
    ("tags: [{name: 2026-11-30}]", "is not of type 'string'"), ("1: a", "1 was unexpected"),
    ("tags: !!python/object/apply:os.getcwd []", "no plain YAML"),
    (changed(lambda c: c["regression_tests"][0].update(command="-out=srt\n-x")), "regression_tests[0].command"),
    (changed(lambda c: c["regression_tests"][0].update(expected_exit_code=2**31)), "expected_exit_code"),
    (changed(lambda c: c["samples"][0].update(file="samples/news.ts\x00")), "is no path of a file in the folder"),
    (changed(lambda c: c["samples"][0].update(file="samples\\news.ts")), "is no path of a file in the folder"),
    (changed(lambda c: c["samples"][0].update(file="samples/pipe.ts")), "is no file"),
    (changed(lambda c: c["samples"][0].update(file="samples/" + "a" * 300)), "too long"),
    (changed(lambda c: c["regression_tests"][0]["outputs"][0].update(baseline="../../etc/passwd")), "is no path of a file in the folder"),
    (changed(lambda c: c["regression_tests"][0]["outputs"][0].update(extension="/../x")), "regression_tests[0].outputs"),
    (changed(lambda c: c["regression_tests"][0]["outputs"][0].update(suffix="/../x")), "regression_tests[0].outputs")])
def test_with_anything_wrong_nothing_is_imported(library: Library, content: Any, said: str) -> None:
    save(ForbiddenExtensionRow(extension="exe"))
    library.write(content)
    samples = library.folder / "samples"
    (samples / "same.mp4").write_bytes(b"news")
    (samples / "empty.mp4").touch()
    (samples / "setup.exe").write_bytes(b"anything")
    os.symlink("/etc/passwd", samples / "link.ts")
    os.symlink("loop.ts", samples / "loop.ts")
    os.mkfifo(samples / "pipe.ts")

    with pytest.raises(LibraryFaults) as wrong:
        library.bring()

    assert said in str(wrong.value)
    assert session().execute(select(SampleRow.id)).all() == []
    assert library.stored() == set()


def test_a_name_that_only_the_database_takes_for_another_leaves_no_file(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, description: str) -> None:
        raise Conflict("There is a tag of this name already.")

    monkeypatch.setattr(labels, "insert_tag", refuse)

    with pytest.raises(Conflict):
        library.bring()

    assert library.stored() == set()


def test_of_two_imports_at_once_the_second_adds_no_test_again(library: Library) -> None:
    heard: list[str] = []

    def import_in_between(what: str, about: str) -> None:
        if about.startswith("sample") and not heard:
            heard.append(about)
            library.bring()

    with pytest.raises(Conflict):
        import_folder(library.folder, library.archive, library.store, Editor(None, "a test"), NOW, import_in_between)

    assert len(load_catalog().tests) == 2


def test_an_output_accepts_each_variant_once_and_its_baseline_is_none(library: Library) -> None:
    library.write(changed(lambda c: c["regression_tests"][0]["outputs"][0].update(
        variants=["baselines/other.srt", "baselines/news.srt", "baselines/other.srt"])))

    library.bring()

    assert load_catalog().tests[0].definition.outputs[0].acceptable == (VARIANT,)
    assert library.bring() == []


def test_of_an_output_that_is_there_it_is_brought_whether_it_counts_and_told_what_lacks(library: Library) -> None:
    library.bring()
    library.write(changed(lambda c: (
        c["regression_tests"][0]["outputs"][0].update(variants=["samples/film.mp4"]),
        c["regression_tests"][0]["outputs"][1].update(ignored=False))))

    told = library.bring()

    assert [what for what, _ in told] == ["kept as it is", "changed"]
    assert [each.ignored for each in load_catalog().tests[0].definition.outputs] == [False, False]


def test_all_that_is_wrong_is_told_at_once(library: Library) -> None:
    library.write(changed(lambda c: (
        c["samples"][0].update(file="../news.ts"), c["regression_tests"][1].update(command="'open"), c["tags"].append({"name": "dvb"}))))

    with pytest.raises(LibraryFaults) as wrong:
        library.bring()

    assert len(wrong.value.faults) >= 3


def test_of_very_many_faults_a_hundred_are_told(library: Library) -> None:
    library.write({"samples": [{"file": f"none/{number}"} for number in range(300)]})

    with pytest.raises(LibraryFaults) as wrong:
        library.bring()

    assert wrong.value.faults[100:] == ["and 200 more"]


def test_a_folder_without_a_library_is_refused(library: Library, tmp_path: Path) -> None:
    library.folder = tmp_path / "empty"

    with pytest.raises(LibraryFaults, match=r"library.yaml: No such file"):
        library.bring()


def test_a_library_that_is_no_file_is_not_waited_for(library: Library) -> None:
    (library.folder / "library.yaml").unlink()
    os.mkfifo(library.folder / "library.yaml")

    with pytest.raises(LibraryFaults, match=r"library.yaml is no file"):
        library.bring()


def test_an_export_is_imported_elsewhere_as_the_same(library: Library, tmp_path: Path) -> None:
    library.bring()
    assert library.take(tmp_path / "exported") == []
    library.folder = tmp_path / "exported"

    assert library.bring() == []
    again = tmp_path / "again"
    library.take(again)
    first, second = (yaml.safe_load((folder / "library.yaml").read_text()) for folder in (library.folder, again))
    assert first == second
    assert [each["command"] for each in first["regression_tests"]] == ["-out=srt", "-out=null"]


def test_an_export_tells_of_files_that_are_in_no_store(library: Library, tmp_path: Path) -> None:
    library.bring()
    (library.root / "TestResults" / f"{VARIANT}.srt").unlink()

    assert library.take(tmp_path / "exported") == [f"TestResults/{VARIANT}.srt"]
