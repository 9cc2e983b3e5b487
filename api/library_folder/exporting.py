"""Exports the library into a folder, from which it can be imported."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from api.domain.catalog.definition import INPUT_TYPES, OUTPUT_TYPES, NewOutput
from api.domain.catalog.library_file import FILE_NAME, FileOutput, FileSample, FileTest, LibraryFile, content_of
from api.domain.catalog.regression_test import RegressionTest
from api.domain.catalog.sample import Sample, without_dot
from api.domain.runs.expected_tests import ExpectedOutput
from api.library_folder.reading import PIECE
from api.storage.catalog.catalog import load_catalog
from api.storage.catalog.library_rows import load_present
from api.storage.files import paths
from api.storage.files.archive import Archive

SAMPLES, BASELINES = "samples", "baselines"


@dataclass
class Export:
    """One export; `lost` are files that are in no store, which are left out."""

    root: Path
    archive: Archive
    lost: list[str] = field(default_factory=list)

    def carry_out(self) -> LibraryFile:
        """Write the folder. Files that are there already are left as they are."""
        catalog, present = load_catalog(), load_present()
        samples = {sample.sample_id: each for sample in catalog.samples if (each := self._sample(sample)) is not None}
        tests = tuple(self._test(test, samples[test.definition.sample_id]) for test in self._tests(catalog.tests, set(samples)))
        library = LibraryFile(present.tags, present.categories, tuple(samples.values()), tests)
        text = yaml.safe_dump(content_of(library), sort_keys=False, allow_unicode=True, width=120)
        (self.root / FILE_NAME).write_text(text, encoding="utf-8")
        return library

    @staticmethod
    def _tests(tests: tuple[RegressionTest, ...], samples: set[int]) -> Iterator[RegressionTest]:
        seen: set[tuple[int, str]] = set()
        for test in tests:
            key = test.definition.sample_id, test.definition.command
            # Of tests alike the file can name one; the others differ in what an import does not look at.
            if test.definition.sample_id in samples and key not in seen:
                seen.add(key)
                yield test

    def _sample(self, sample: Sample) -> FileSample | None:
        extension = without_dot(sample.extension)
        file = f"{SAMPLES}/{sample.sha}{'.' if extension else ''}{extension}"
        if not self._fetch(paths.sample_name(sample.sha, sample.extension), file):
            return None
        return FileSample(file, sample.name, sample.tags, sample.notes or "")

    def _test(self, test: RegressionTest, sample: FileSample) -> FileTest:
        definition = test.definition
        return FileTest(
            sample.file, definition.command, definition.categories,
            definition.input_type if definition.input_type in INPUT_TYPES else "file",
            definition.output_type if definition.output_type in OUTPUT_TYPES else "file",
            definition.expected_exit_code, test.description, test.active, tuple(map(self._output, definition.outputs)))

    def _output(self, output: ExpectedOutput) -> FileOutput:
        variants = [found for digest in output.acceptable if (found := self._baseline(digest, output.extension)) is not None]
        return FileOutput(
            NewOutput(output.extension, output.suffix, output.ignored),
            self._baseline(output.baseline, output.extension) if output.has_baseline else None, tuple(variants))

    def _baseline(self, digest: str, extension: str) -> str | None:
        file = f"{BASELINES}/{digest.lower()}{extension}"
        return file if self._fetch(paths.result_name(digest, extension), file) else None

    def _fetch(self, name: str | None, file: str) -> bool:
        """Whether a stored file is in the folder now."""
        place = self.root / file
        if place.is_file():
            return True
        with self.archive.hold(name) as source:
            if source is None:
                self.lost.append(name or file)
                return False
            place.parent.mkdir(parents=True, exist_ok=True)
            partial_place = place.with_name(f".{place.name}.part")
            with partial_place.open("wb") as written:
                for start in range(0, source.size, PIECE):
                    written.write(source.read(start, PIECE))
            partial_place.replace(place)
        return True
