"""The library as a file that people write: samples, regression tests, tags and categories, and what is wrong with it."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from api.domain.catalog.definition import NewOutput, command_fault, outputs_fault
from api.domain.catalog.label import label_fault, label_key

FILE_NAME = "library.yaml"


@dataclass(frozen=True, slots=True)
class FileOutput:
    """An output; `baseline` and `variants` are paths of files below the library's folder."""

    output: NewOutput
    baseline: str | None = None
    variants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileTest:
    """A regression test; `sample` is the path by which the library names its sample."""

    sample: str
    command: str
    categories: tuple[str, ...] = ()
    input_type: str = "file"
    output_type: str = "file"
    exit_code: int = 0
    description: str = ""
    active: bool = True
    outputs: tuple[FileOutput, ...] = ()


@dataclass(frozen=True, slots=True)
class FileSample:
    """A sample; `file` is its path below the library's folder."""

    file: str
    name: str
    tags: tuple[str, ...] = ()
    notes: str = ""


@dataclass(frozen=True, slots=True)
class LibraryFile:
    """All that a library's file says; tags and categories with their descriptions."""

    tags: Mapping[str, str] = field(default_factory=dict)
    categories: Mapping[str, str] = field(default_factory=dict)
    samples: tuple[FileSample, ...] = ()
    tests: tuple[FileTest, ...] = ()

    @property
    def paths(self) -> list[str]:
        """The files that it names, each once."""
        outputs = [output for test in self.tests for output in test.outputs]
        named = [path for output in outputs for path in (output.baseline, *output.variants) if path is not None]
        return list(dict.fromkeys([*(sample.file for sample in self.samples), *named]))


def read_library(content: Mapping[str, Any]) -> LibraryFile:
    """The library of a content that has its form."""
    return LibraryFile(
        {each["name"]: each.get("description", "") for each in content.get("tags", ())},
        {each["name"]: each.get("description", "") for each in content.get("categories", ())},
        tuple(map(_sample, content.get("samples", ()))),
        tuple(map(_test, content.get("regression_tests", ()))))


def _sample(content: Mapping[str, Any]) -> FileSample:
    file = content["file"]
    return FileSample(file, content.get("name") or file.rpartition("/")[2], tuple(content.get("tags", ())), content.get("notes", ""))


def _test(content: Mapping[str, Any]) -> FileTest:
    return FileTest(
        content["sample"], content["command"], tuple(content.get("categories", ())), content.get("input_type", "file"),
        content.get("output_type", "file"), int(content.get("expected_exit_code", 0)), content.get("description", ""),
        content.get("active", True), tuple(
            FileOutput(
                NewOutput(each["extension"], each.get("suffix", ""), each.get("ignored", False)), each.get("baseline"),
                tuple(each.get("variants", ())))
            for each in content.get("outputs", ())))


def content_of(library: LibraryFile) -> dict[str, Any]:
    """What `read_library` reads."""
    return {
        "tags": [{"name": name, "description": words} for name, words in library.tags.items()],
        "categories": [{"name": name, "description": words} for name, words in library.categories.items()],
        "samples": [
            {"file": each.file, "name": each.name, "tags": list(each.tags), "notes": each.notes} for each in library.samples],
        "regression_tests": [
            {"sample": each.sample, "command": each.command, "categories": list(each.categories), "input_type": each.input_type,
             "output_type": each.output_type, "expected_exit_code": each.exit_code, "description": each.description,
             "active": each.active, "outputs": [_output_content(output) for output in each.outputs]}
            for each in library.tests]}


def _output_content(output: FileOutput) -> dict[str, Any]:
    content: dict[str, Any] = {
        "extension": output.output.extension, "suffix": output.output.suffix, "ignored": output.output.ignored}
    if output.baseline is not None:
        content["baseline"] = output.baseline
    return content | ({"variants": list(output.variants)} if output.variants else {})


def repeated(words: Iterable[Any]) -> list[Any]:
    """What stands among them more than once."""
    return [word for word, count in Counter(words).items() if count > 1]


def library_faults(content: Mapping[str, Any], tags: Sequence[str] = (), categories: Sequence[str] = ()) -> Iterator[str]:
    """All that is wrong with a content that has its form, in words; `tags` and `categories` are there already."""
    library = read_library(content)
    for kind, known in (("tags", tags), ("categories", categories)):
        yield from _label_faults(kind, [each["name"] for each in content.get(kind, ())], known)
    yield from (f"samples: the file {name!r} stands there twice" for name in repeated(each.file for each in library.samples))
    yield from (
        f"regression_tests: the sample {sample!r} with the command {command!r} stands there twice"
        for sample, command in repeated((each.sample, each.command) for each in library.tests))
    for number, sample in enumerate(library.samples):
        yield from _unknown(f"samples[{number}].tags", sample.tags, {*tags, *library.tags})
    files = {sample.file for sample in library.samples}
    for number, test in enumerate(library.tests):
        yield from _test_faults(f"regression_tests[{number}]", test, files, {*categories, *library.categories})


def _label_faults(kind: str, names: Sequence[str], known: Sequence[str]) -> Iterator[str]:
    yield from (f"{kind}: {name!r} stands there twice" for name in repeated(names))
    seen = {label_key(name): name for name in known}
    for name in dict.fromkeys(names):
        if name in known:
            continue
        fault, twin = label_fault(name), seen.setdefault(label_key(name), name)
        if fault is not None:
            yield f"{kind}: {name!r}: {fault}"
        elif twin != name:
            yield f"{kind}: {name!r} is the same name as {twin!r} but for case, accents or blanks"


def _test_faults(where: str, test: FileTest, files: set[str], categories: set[str]) -> Iterator[str]:
    if test.sample not in files:
        yield f"{where}.sample: {test.sample!r} is the file of no sample"
    yield from _unknown(f"{where}.categories", test.categories, categories)
    for name, fault in (("command", command_fault(test.command)), ("outputs", outputs_fault([each.output for each in test.outputs]))):
        if fault is not None:
            yield f"{where}.{name}: {fault}"


def _unknown(where: str, names: Iterable[str], known: set[str]) -> Iterator[str]:
    yield from (f"{where}: {name!r} is defined nowhere" for name in names if name not in known)
