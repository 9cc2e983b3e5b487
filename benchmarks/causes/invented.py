"""Invented histories, which are harsher than those of a project: other media, causes and commits for each seed.

Main takes and loses causes, takes them back, and merges pull requests; commits are left out or run by halves, on one platform or two; runs
are repeated, come late or are cut off by the infrastructure; baselines are approved; a few tests are never the same twice.
"""
from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha1, sha256
from itertools import pairwise
from typing import Any

from api.domain.captions.cue import Format
from tests.domain.captions.causes import BYTES, CAUSES, STYLES
from tests.domain.captions.writers import Spoken, Style, written

SAMPLES, COMMITS, PULL_REQUESTS, CAUSE_COUNT = 28, 26, 11, 26
FEWEST = 7
KINDS = ("Teletext", "DVB", "CEA-608", "CEA-708", "MP4", "WTV", "DVD")
FORMATS = {
    "srt": Format.SRT, "vtt": Format.WEBVTT, "ttxt": Format.TIMED_TRANSCRIPT, "ucla": Format.UCLA, "ass": Format.ASS,
    "smptett": Format.TTML, "sami": Format.SAMI, "bin": Format.RAW, "txt": Format.TRANSCRIPT, "scc": Format.SCC}
LINUX, WINDOWS = "linux", "windows"
FLAKY = "flaky-order"
_WORDS = (
    "harbour night quiet nobody seen café Émile sailed noon home lamp goes there waited years snow deck over never wrote letter came late "
    "señor naïve window street thunder and the of to in her his we they was were again before under little morning river").split()
# These make too little or too much of an output to be causes here.
_NOT = {"capitals", "empty", "letters doubled", "utf-16"}


@dataclass
class Extractor:
    """What a corpus's `causes.py` has: tests, causes, and what a test comes to with some of these."""

    chance: random.Random
    CAUSES: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Choose the causes, and what each of them is seen in."""
        pool: list[tuple[str, dict[str, Any]]] = [
            *((name, {"change": change, "formats": formats}) for name, (change, formats, _) in CAUSES.items() if name not in _NOT),
            *((name, {"style": style, "formats": formats}) for name, (style, formats, _) in STYLES.items()),
            *((name, {"bytes": change, "formats": formats}) for name, (change, formats, _) in BYTES.items() if name not in _NOT),
            *_more()]
        for name, told in self.chance.sample(pool, CAUSE_COUNT):
            self.CAUSES[name] = told | {"on": self._condition(name, told["formats"])}
        self.CAUSES[FLAKY] = {"on": lambda test, _: test["flaky"], "formats": frozenset(Format)}

    def _condition(self, name: str, formats: frozenset[Format]) -> Callable[[dict[str, Any], dict[str, Any]], bool]:
        """A cause is seen in some kinds of samples or in all, perhaps on one platform alone."""
        kinds = frozenset(self.chance.sample(KINDS, self.chance.choice((1, 1, 2, 2, 3, 7))))
        platform = self.chance.choice((None,) * 9 + (WINDOWS,))

        def is_seen(test: dict[str, Any], context: dict[str, Any]) -> bool:
            return FORMATS[test["fmt"]] in formats and test["kind"] in kinds and platform in (None, context["platform"])

        return is_seen

    def tests_of(self) -> list[dict[str, Any]]:
        """Regression tests: each sample in two to five formats; three of them are not the same twice."""
        tests = []
        for number in range(SAMPLES):
            kind, cues = KINDS[number % len(KINDS)], self._cues()
            for form in self.chance.sample(list(FORMATS), self.chance.choice((2, 3, 4, 5))):
                tests.append({
                    "name": f"{kind} {number}.{form}", "sample": f"{kind} {number}", "kind": kind, "fmt": form, "cues": cues,
                    "rc": 10 if self.chance.random() < 0.05 else 0, "flaky": False})
        for test in self.chance.sample([test for test in tests if test["fmt"] != "bin"], 3):
            test |= {"flaky": True, "noise": self.chance.choice(list(_NOISE))}
        return tests

    def _cues(self) -> tuple[Spoken, ...]:
        chance, cues, time = self.chance, [], self.chance.randrange(200, 9000)
        coloured, italic = chance.random() < 0.4, chance.random() < 0.3
        for index in range(chance.choice((8, 10, 12, 20, 35, 60))):
            length = chance.randrange(800, 4200)
            lines = [
                " ".join(chance.choices(_WORDS, k=chance.randrange(2, 7))).capitalize() + chance.choice((".", ",", "?", ""))
                for _ in range(chance.choice((1, 1, 2)))]
            cues.append(Spoken(
                time, time + length, tuple(lines), "ffff00" if coloured and index % 3 == 1 else "", italic=italic and index % 4 == 2))
            time += length + chance.choice((0, 33, 400, 2500))
        return tuple(cues)

    def produce(self, test: dict[str, Any], causes: Sequence[str], context: dict[str, Any]) -> tuple[bytes | None, int, int, str]:
        """What comes out: the file, the exit code, milliseconds and a log."""
        cues, style, code = list(test["cues"]), Style(), test["rc"]
        active = [self.CAUSES[each] for each in self.CAUSES if each in causes and self.CAUSES[each]["on"](test, context)]
        for each in active:
            # Some changes are of certain cues, which another cause may have lost.
            cues = list(each["change"](cues)) if "change" in each and len(cues) >= FEWEST else cues
            if "by_sample" in each:
                cues = [each["by_sample"](cue, test["sample"]) for cue in cues]
            style = _styled(style, each["style"]) if "style" in each else style
        if FLAKY in causes and test["flaky"]:
            cues = _NOISE[test["noise"]](cues, context["seed"] * 2654435761 % 97)
        content: bytes | None = written(FORMATS[test["fmt"]], cues, style)
        for each in active:
            assert content is not None, "nothing changes a file that was not written"
            content = _changed(content, each["bytes"]) if "bytes" in each else content
        for each in active:
            if "exit" in each:
                code = each["exit"][context["platform"]]
                content = each["left"](content, test)
        return content, code, 300, ""


def _changed(content: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """A file changed so, or as it is where another change left what cannot be written so."""
    try:
        return change(content)
    except UnicodeError:
        return content


def _styled(style: Style, other: Style) -> Style:
    usual = Style()
    return replace(style, **{name: value for name, value in vars(other).items() if value != getattr(usual, name)})


def _number(*words: object) -> int:
    return int(sha256("|".join(map(str, words)).encode()).hexdigest()[:8], 16)


def _shifted(cue: Spoken, sample: str) -> Spoken:
    by = (-680, 200, -360, 967, 1168, -290, 484, -133, 68)[_number(sample) % 9]
    return cue.moved(by, by)


def _cut(content: bytes | None, test: dict[str, Any]) -> bytes | None:
    return content and content[:len(content) * (35 + _number(test["name"]) % 50) // 100]


def _more() -> Iterable[tuple[str, dict[str, Any]]]:
    """Causes that the tests of facts do not have."""
    everything = frozenset(Format)
    timed = everything - {Format.TRANSCRIPT, Format.SCC}
    yield "shift by sample", {"by_sample": _shifted, "formats": timed}
    yield "crash", {"exit": {LINUX: -11, WINDOWS: -1073741819}, "left": _cut, "formats": everything}
    yield "abort", {"exit": {LINUX: -6, WINDOWS: -1073740791}, "left": lambda _content, _test: None, "formats": everything}
    yield "ends 120 ms later", {"change": lambda cues: [cue.moved(0, 120) for cue in cues], "formats": timed}
    yield "starts 33 ms earlier", {"change": lambda cues: [cue.moved(-33, 0) for cue in cues], "formats": timed}
    yield "ends with the next start", {"change": _until_next, "formats": timed}
    yield "colour lost", {
        "change": lambda cues: [replace(cue, colour="") for cue in cues],
        "formats": frozenset({Format.SRT, Format.WEBVTT, Format.ASS, Format.TTML, Format.SAMI})}
    yield "italic lost", {
        "change": lambda cues: [replace(cue, italic=False) for cue in cues],
        "formats": frozenset({Format.SRT, Format.WEBVTT, Format.ASS, Format.TTML})}
    yield "second line lost", {"change": lambda cues: [cue.saying(cue.lines[0]) for cue in cues], "formats": everything}
    yield "short cues lost", {"change": lambda cues: [cue for cue in cues if cue.end - cue.start > 1500] or cues[:1], "formats": everything}


def _until_next(cues: Sequence[Spoken]) -> Sequence[Spoken]:
    return [
        *(replace(cue, end=max(cue.start + 1, following.start - 1)) for cue, following in pairwise(cues)), cues[-1]]


def _swapped(cues: list[Spoken], by: int) -> list[Spoken]:
    place = by % max(1, len(cues) - 1)
    return [*cues[:place], *reversed(cues[place:place + 2]), *cues[place + 2:]] if by % 2 and len(cues) > 1 else cues


def _jittered(cues: list[Spoken], by: int) -> list[Spoken]:
    place = by % len(cues)
    return [*cues[:place], cues[place].moved(0, by % 4 * 40), *cues[place + 1:]] if cues else cues


def _losing(cues: list[Spoken], by: int) -> list[Spoken]:
    place = by % max(1, len(cues))
    return [*cues[:place], *cues[place + 1:]] if by % 2 and len(cues) > 2 else cues


_NOISE: dict[str, Callable[[list[Spoken], int], list[Spoken]]] = {"order": _swapped, "jitter": _jittered, "loss": _losing}


@dataclass
class History:
    """What a corpus's `history.py` has: which causes each commit has, its parent, pull requests, and the order of runs."""

    chance: random.Random
    causes: Sequence[str]
    C: dict[str, list[str]] = field(default_factory=dict)
    PARENT: dict[str, str] = field(default_factory=dict)
    PRS: dict[int, tuple[str, list[tuple[str, list[str]]]]] = field(default_factory=dict)
    ORDER: list[tuple[str, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Commit, open pull requests and run."""
        self._fresh = list(self.causes)
        self._gone: list[str] = []
        self._approved: set[str] = set()
        self._merging: list[list[str]] = []
        requests = sorted(self.chance.choices(range(1, COMMITS), k=PULL_REQUESTS))
        late: list[tuple[str, str, str]] = []
        for place in range(COMMITS):
            self._commit(place)
            self._run(f"m{place}", late)
            for number in [index for index, base in enumerate(requests) if base == place]:
                self._open(201 + number, place, late)
            if place in (COMMITS // 3, COMMITS * 2 // 3):
                self._approve(f"m{place}")
            if late and self.chance.random() < 0.5:
                self.ORDER.append(late.pop(0))
        self.ORDER += late

    def sha(self, commit: str) -> str:
        """The hash of a commit."""
        return sha1(f"invented {commit}".encode(), usedforsecurity=False).hexdigest()

    def _new(self, have: Iterable[str]) -> list[str]:
        """A cause that was never before, or one that is gone."""
        chance, have = self.chance, set(have)
        found = [each for each in self._gone if each not in have] if chance.random() < 0.15 else []
        found = found or [each for each in self._fresh if each not in have]
        return [chance.choice(found)] if found else []

    def _commit(self, place: int) -> None:
        chance, commit = self.chance, f"m{place}"
        had = list(self.C[f"m{place - 1}"]) if place else []
        if place:
            self.PARENT[commit] = f"m{place - 1}"
        new = self._new(had) if place > 1 and chance.random() < 0.35 else []
        if self._merging and chance.random() < 0.6:
            new = [each for each in self._merging.pop(0) if each not in had]
        removable = [each for each in had if each not in self._approved]
        if removable and chance.random() < (0.25 if len(had) < 3 else 0.8):
            gone = chance.choice(removable)
            had.remove(gone)
            self._gone.append(gone)
        self._fresh = [each for each in self._fresh if each not in new]
        self.C[commit] = had + [each for each in new if each not in had]

    def _open(self, number: int, place: int, late: list[tuple[str, str, str]]) -> None:
        base, chance, commits = f"m{place}", self.chance, []
        own, before = [], base
        for index in range(chance.choice((1, 1, 2, 3))):
            commit = f"p{number}{'abc'[index]}"
            if own and chance.random() < 0.3:
                own = own[1:]
            if chance.random() < 0.7:
                own = [*own, *(each for each in self._new([*self.C[base], *own]))]
            self.PARENT[commit] = before
            # One in six pull requests mends something of main.
            mended = self.C[base][-1:] if number % 6 == 0 and self.C[base] and self.C[base][-1] not in self._approved else []
            self.C[commit] = [each for each in self.C[base] if each not in mended] + own
            commits.append((commit, list(own)))
            before = commit
            self._run(commit, late, share=0.9)
        self.PRS[number] = base, commits
        if own and chance.random() < 0.4:
            self._merging.append(own)

    def _run(self, commit: str, late: list[tuple[str, str, str]], share: float = 0.85) -> None:
        chance = self.chance
        for platform, part in ((LINUX, share), (WINDOWS, 0.6)):
            if chance.random() >= part and commit != "m0":
                continue
            what = chance.choices(("ok", "half", "infra"), (90, 6, 4))[0]
            for _ in range(chance.choice((1,) * 9 + (2,))):
                (late if chance.random() < 0.06 else self.ORDER).append((commit, platform, what))

    def _approve(self, commit: str) -> None:
        if self.C[commit]:
            cause = self.chance.choice(self.C[commit])
            self._approved.add(cause)
            self.ORDER.append(("APPROVE", LINUX, cause))
