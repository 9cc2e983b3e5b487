"""How true causes are of outputs that other programs wrote: ffmpeg, pycaption and pysubs2, none of which the server knows, and CCExtractor.

    PYTHONPATH=WRITERS python -m benchmarks.causes.writers CORPUS [--ccextractor PROGRAM] [--show "cause not one cluster"]

WRITERS is a folder with `pip install --target WRITERS pysubs2 pycaption imageio-ffmpeg`. The history is the corpus's; each of its samples
is written by four programs and formats, from a SubRip file of its cues. PROGRAM is a built CCExtractor (0.89; `cmake SOURCE/src && make` in
a folder of its own): it plays the history once more, alone, each sample in four of its formats.
"""
from __future__ import annotations

import argparse
import subprocess
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pycaption
import pysubs2

from benchmarks.causes.asking import Asked
from benchmarks.causes.ccextractor import FORMATS, CCExtractor
from benchmarks.causes.corpus import Corpus
from benchmarks.causes.scoring import Score

EACH = 4
# Programs, and the format of each by the corpus's word for it.
PROGRAMS = (
    ("pysubs2", "srt"), ("pycaption", "vtt"), ("ffmpeg", "ass"), ("pycaption", "smptett"), ("ffmpeg", "srt"), ("pysubs2", "ass"),
    ("ffmpeg", "vtt"), ("pycaption", "sami"), ("pysubs2", "vtt"), ("ffmpeg", "smptett"), ("pycaption", "srt"), ("pysubs2", "smptett"),
    ("pycaption", "scc"))


class Rewritten:
    """A corpus's extractor whose outputs other programs write."""

    def __init__(self, extractor: Any, programs: Sequence[tuple[str, str]], ccextractor: CCExtractor | None = None) -> None:
        self.extractor, self._programs, self._ccextractor = extractor, programs, ccextractor
        self.CAUSES = extractor.CAUSES

    def tests_of(self, tests: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """A few tests of each sample, by program and format."""
        samples = {test["sample"]: test for test in tests}
        found = []
        for place, (name, test) in enumerate(samples.items()):
            for program, form in islice(cycle(self._programs), EACH * place, EACH * (place + 1)):
                found.append(test | {"name": f"{name} by {program}.{form}", "fmt": form, "program": program, "bom": False, "flaky": False})
        return found

    def produce(self, test: dict[str, Any], causes: Sequence[str], context: dict[str, Any]) -> tuple[bytes | None, int, int, str]:
        """What comes out, with these causes."""
        active = {cause: self.CAUSES[cause] for cause in causes if self.CAUSES[cause]["on"](test, context)}
        content: bytes | None = self._ccextractor.written(test, active, context) if self._ccextractor else self._converted(
            test, list(active.values()), context)
        code = test["rc"]
        for each in active.values():
            content = each["raw"](content, test, context) if "raw" in each else content
            code = each["exit"](test, context, 0)[0] if "exit" in each else code
        return content, code, 0, ""

    def _converted(self, test: dict[str, Any], active: Sequence[dict[str, Any]], context: dict[str, Any]) -> bytes:
        """What a program makes of a SubRip file that these causes changed."""
        cues = [[start, end, list(lines)] for start, end, lines in test["cues"]]
        style = self.extractor.S()
        for each in active:
            cues = each["cues"](cues, test, context) if "cues" in each else cues
        for each in active:
            cues = [[start, end, [each["text"](line, test) for line in lines]] for start, end, lines in cues] if "text" in each else cues
            if "ser" in each:
                each["ser"](style, test)
        plain = style.sep, style.first
        style.sep, style.first = ",", 1
        content = converted(test["program"], test["fmt"], self.extractor.ser("srt", cues, style, context))
        style.sep, style.first = plain
        return _encoded(content, style)


def _encoded(content: bytes, style: Any) -> bytes:
    if style.enc != "utf-8":
        content = content.decode().encode(style.enc, "replace")
    content = content.replace(b"\n", b"\r\n") if style.crlf else content
    return b"\xef\xbb\xbf" + content if style.bom else content


@cache
def converted(program: str, form: str, text: str) -> bytes:
    """A SubRip file as a program writes it in a format."""
    return CONVERTERS[program](form, text)


def _by_pysubs2(form: str, text: str) -> bytes:
    found = pysubs2.SSAFile.from_string(text, format_="srt", keep_unknown_html_tags=True)
    return str(found.to_string({"smptett": "ttml"}.get(form, form))).encode()


def _by_pycaption(form: str, text: str) -> bytes:
    writers = {
        "srt": pycaption.SRTWriter, "vtt": pycaption.WebVTTWriter, "smptett": pycaption.DFXPWriter, "sami": pycaption.SAMIWriter,
        "scc": pycaption.SCCWriter}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return str(writers[form]().write(pycaption.SRTReader().read(text))).encode()


def _by_ffmpeg(form: str, text: str) -> bytes:
    muxer = {"vtt": "webvtt", "smptett": "ttml"}.get(form, form)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "srt", "-i", "-", "-f", muxer, "-"]
    return subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout


CONVERTERS: dict[str, Callable[[str, str], bytes]] = {"pysubs2": _by_pysubs2, "pycaption": _by_pycaption, "ffmpeg": _by_ffmpeg}


def main() -> None:
    """Print what was counted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--ccextractor", type=Path, help="a built program of CCExtractor")
    parser.add_argument("--show", action="append", default=[])
    arguments = parser.parse_args()
    given = Corpus.read(arguments.corpus)
    played = {"ffmpeg, pycaption and pysubs2": Rewritten(given.causes, PROGRAMS)}
    if arguments.ccextractor:
        formats = [("CCExtractor", form) for form in FORMATS]
        played["CCExtractor"] = Rewritten(given.causes, formats, CCExtractor(arguments.ccextractor))
    else:
        print("Without --ccextractor, nothing that CCExtractor writes is measured.")
    for writers, extractor in played.items():
        print(f"| {writers} | |")
        _play(Corpus(extractor, given.history, extractor.tests_of(list(given.tests.values()))), arguments.show)


def _play(corpus: Corpus, shown: Sequence[str]) -> None:
    asked, score = Asked(corpus), Score()
    score.begin(corpus)
    for run, found in asked.answers(late=False):
        score.judge(run, found, asked.runs)
    for name, value in score.figures().items():
        print(f"| {name} | {value} |")
    for kind in shown:
        print("", kind, *score.claims[kind], sep="\n")


if __name__ == "__main__":
    main()
