"""Imports a library's folder: adds what is missing, and brings what people may edit to what the file says."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from api.domain.catalog.change import Editor, LibraryKind
from api.domain.catalog.definition import Definition, DefinitionEdit
from api.domain.catalog.library_file import FileOutput, FileSample, FileTest
from api.domain.catalog.new_sample import parse_file_name
from api.domain.errors import Conflict, Unavailable
from api.domain.runs.expected_tests import ExpectedOutput
from api.library_folder.reading import PIECE, Folder, read_folder
from api.services.catalog import library_samples, library_tests
from api.services.catalog.library_samples import SampleEdit
from api.storage.catalog import labels, library_rows, sample_rows, test_rows
from api.storage.catalog.catalog import load_catalog
from api.storage.catalog.changes import record_change
from api.storage.catalog.library_rows import PresentLibrary
from api.storage.database import transact
from api.storage.files import paths
from api.storage.files.archive import Archive
from api.storage.files.incoming import FileStore

ADDED, CHANGED, KEPT = "added", "changed", "kept as it is"
Tell = Callable[[str, str], None]


@dataclass
class Import:
    """One import. `tell` hears of each thing what becomes of it; with `dry` nothing else happens."""

    folder: Folder
    archive: Archive
    store: FileStore
    by: Editor
    now: datetime
    tell: Tell
    dry: bool = False
    present: PresentLibrary = field(init=False)

    def __post_init__(self) -> None:
        self.present = library_rows.load_present()

    def carry_out(self) -> None:
        """Import everything. What is new comes in one transaction, once its files are in their places.

        Labels come first, since a database may refuse one, and nothing is left behind then.
        """
        library, present = self.folder.library, self.present
        new = [sample for sample in library.samples if self._digest(sample.file) not in present.samples]
        self._tell_of_labels()
        if not self.dry:
            transact(self._add_labels)
            self._place_files()
            transact(partial(self._add_samples, new))
            self.present = library_rows.load_present()
        for sample in library.samples:
            self._bring_sample(sample, is_new=sample in new)
        added = [test for test in library.tests if self._test_id(test, present) is None]
        if not self.dry:
            transact(partial(self._add_tests, added))
        for test in library.tests:
            if test in added:
                self.tell(ADDED, f"regression test {test.sample} {test.command}")
            else:
                self._bring_test(test)

    def _digest(self, path: str) -> str:
        return self.folder.digests[path]

    def _test_id(self, test: FileTest, present: PresentLibrary) -> int | None:
        sample_id = present.samples.get(self._digest(test.sample))
        return None if sample_id is None else present.tests.get((sample_id, test.command))

    def _tell_of_labels(self) -> None:
        # Their descriptions are left to people once they are there.
        library, present = self.folder.library, self.present
        for kind, wanted, known in (("tag", library.tags, present.tags), ("category", library.categories, present.categories)):
            for name in wanted:
                if name not in known:
                    self.tell(ADDED, f"{kind} {name}")

    def _place_files(self) -> None:
        """Put files into the store before there is a row of them; one that is there is left."""
        library = self.folder.library
        wanted: dict[str, str] = {}
        for sample in library.samples:
            name = paths.sample_name(self._digest(sample.file), parse_file_name(sample.name).extension)
            if self._digest(sample.file) not in self.present.samples and name is not None:
                wanted[name] = sample.file
        for output in (output for test in library.tests for output in test.outputs):
            for path in (output.baseline, *output.variants):
                name = None if path is None else paths.result_name(self._digest(path), output.output.extension)
                if name is not None and path is not None:
                    wanted[name] = path
        found = self.archive.look(wanted)
        for name, path in wanted.items():
            if not found[name].where:
                self._place(name, path)

    def _place(self, name: str, path: str) -> None:
        with self.store.receive() as incoming, self.folder.places[path].open("rb") as content:
            while piece := content.read(PIECE):
                incoming.write(piece)
            if incoming.digest != self._digest(path):
                raise Unavailable("A file of the library was changed while it was read.")
            with self.archive.staged(incoming, name):
                transact(partial(self.archive.keep, name, incoming))
            incoming.sync_name()

    def _add_labels(self) -> None:
        for name, words in self.folder.library.tags.items():
            if name not in self.present.tags:
                tag = labels.insert_tag(name, words)
                record_change(LibraryKind.TAG, tag.label_id, None, {"name": name, "description": words}, self.by, self.now)
        for name, words in self.folder.library.categories.items():
            if name not in self.present.categories:
                category = labels.insert_category(name, words)
                record_change(LibraryKind.CATEGORY, category.label_id, None, {"name": name, "description": words}, self.by, self.now)

    def _add_samples(self, new: list[FileSample]) -> None:
        for sample in new:
            self._add_sample(sample)

    def _add_sample(self, sample: FileSample) -> None:
        digest = self._digest(sample.file)
        sample_id = sample_rows.insert_sample(digest, parse_file_name(sample.name), self.now)
        sample_rows.replace_tags(sample_id, sample.tags)
        if sample.notes:
            sample_rows.record_notes(sample_id, sample.notes)
        values = {"sha256": digest, "name": sample.name, "tags": list(sample.tags), "notes": sample.notes or None}
        record_change(LibraryKind.SAMPLE, sample_id, None, values, self.by, self.now)

    def _bring_sample(self, sample: FileSample, *, is_new: bool) -> None:
        if is_new:
            self.tell(ADDED, f"sample {sample.file}")
            return
        known = load_catalog().samples_by_id[self.present.samples[self._digest(sample.file)]]
        edit = SampleEdit(
            None if known.name == sample.name else sample.name, None if (known.notes or "") == sample.notes else sample.notes,
            None if set(known.tags) == set(sample.tags) else sample.tags)
        if edit == SampleEdit():
            return
        self.tell(CHANGED, f"sample {sample.file}")
        if not self.dry:
            library_samples.edit_sample(known.sample_id, edit, None, self.by, self.now)

    def _add_tests(self, tests: list[FileTest]) -> None:
        # No constraint keeps a test from being there twice. With the samples locked, a second import at once sees the first one's.
        for sample_id in sorted({self.present.samples[self._digest(test.sample)] for test in tests}):
            sample_rows.lock_sample(sample_id)
        present = library_rows.load_present()
        if any(self._test_id(test, present) is not None for test in tests):
            raise Conflict("Regression tests of this library were added meanwhile.", {}, remedy="Import it again.")
        for test in tests:
            sample_id = self.present.samples[self._digest(test.sample)]
            definition = Definition(
                sample_id, test.command, test.categories, test.input_type, test.output_type, test.exit_code, test.description, test.active)
            regression_id = test_rows.insert_test(definition, ())
            for output in test.outputs:
                self._add_output(regression_id, output)
            values = {"sample_id": sample_id, "command": test.command, "categories": list(test.categories), "active": test.active}
            record_change(LibraryKind.REGRESSION_TEST, regression_id, None, values, self.by, self.now)

    def _add_output(self, regression_id: int, output: FileOutput) -> None:
        baseline = "" if output.baseline is None else self._digest(output.baseline)
        output_id = test_rows.insert_output(regression_id, output.output, baseline)
        variants = dict.fromkeys(self._digest(path) for path in output.variants)
        library_rows.insert_variants(output_id, [variant for variant in variants if variant != baseline])

    def _bring_test(self, test: FileTest) -> None:
        shown, regression_id = f"regression test {test.sample} {test.command}", self._test_id(test, self.present)
        known = next(each for each in load_catalog().tests if each.definition.regression_id == regression_id)
        definition = known.definition
        edit = DefinitionEdit(
            None, None if set(definition.categories) == set(test.categories) else test.categories,
            None if definition.input_type == test.input_type else test.input_type,
            None if definition.output_type == test.output_type else test.output_type,
            None if definition.expected_exit_code == test.exit_code else test.exit_code,
            None if known.description == test.description else test.description, None if known.active is test.active else test.active)
        if edit != DefinitionEdit():
            self.tell(CHANGED, shown)
            if not self.dry:
                library_tests.edit_test(definition.regression_id, edit, None, self.by, self.now)
        present = {(each.suffix, each.extension): each for each in definition.outputs}
        for output in test.outputs:
            name = f"{shown}, output {output.output.suffix}{output.output.extension}"
            found = present.get((output.output.suffix, output.output.extension))
            self._bring_baseline(definition.regression_id, found, output, name)
            if found is not None and found.ignored is not output.output.ignored:
                self.tell(CHANGED, name)
                if not self.dry:
                    library_tests.edit_output(
                        definition.regression_id, found.output_id, None, output.output.ignored, None, self.by, self.now)

    def _bring_baseline(self, regression_id: int, found: ExpectedOutput | None, output: FileOutput, name: str) -> None:
        baseline = None if output.baseline is None else self._digest(output.baseline)
        if found is None or (baseline is not None and not found.has_baseline):
            self.tell(ADDED, name if found is None else f"{name}, its baseline")
            if not self.dry:
                transact(partial(self._add_to_test, regression_id, None if found is None else found.output_id, output))
        elif baseline is not None and not found.accepts(baseline):
            self.tell(KEPT, f"{name}, whose baseline is another; baselines are changed by approvals")
        elif not all(found.accepts(self._digest(path)) for path in output.variants):
            self.tell(KEPT, f"{name}, which has not all of the variants; variants are added by approvals")

    def _add_to_test(self, regression_id: int, output_id: int | None, output: FileOutput) -> None:
        if output_id is None:
            self._add_output(regression_id, output)
            values = {"output": f"{output.output.suffix}{output.output.extension}"}
        else:
            assert output.baseline is not None
            library_rows.record_first_baseline(output_id, self._digest(output.baseline))
            values = {"baseline": self._digest(output.baseline)}
        record_change(LibraryKind.REGRESSION_TEST, regression_id, {}, values, self.by, self.now)


def import_folder(
    root: Path, archive: Archive, store: FileStore, by: Editor, now: datetime, tell: Tell, *, dry: bool = False,
) -> None:
    """Import a library's folder. Raises LibraryFaults, before anything is changed, with all that is wrong."""
    present = library_rows.load_present()
    folder = read_folder(root, sample_rows.load_forbidden(), list(present.tags), list(present.categories))
    Import(folder, archive, store, by, now, tell, dry).carry_out()
