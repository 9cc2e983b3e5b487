"""Causes of failures, each as a change of cues, of the writer or of the bytes: in which formats it is seen, and what is told of it."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from api.domain.captions.cue import Format
from tests.domain.captions.writers import CUES, Spoken, Style

ALL = frozenset(Format)
TIMED = ALL - {Format.TRANSCRIPT}
MARKED = frozenset({Format.SRT, Format.WEBVTT, Format.ASS, Format.TTML, Format.SAMI})
LINE_21 = frozenset({Format.SCC, Format.RAW})
BROKEN = MARKED
ACCENTED = ALL - LINE_21
TEXTS = ALL - {Format.RAW}
Change = Callable[[Sequence[Spoken]], Sequence[Spoken]]
COLOURED = tuple(replace(cue, colour="ff0000", italic=True) for cue in CUES)


def each(change: Callable[[Spoken], Spoken]) -> Change:
    return lambda cues: [change(cue) for cue in cues]


def lines(change: Callable[[str], str]) -> Change:
    return each(lambda cue: cue.saying(*map(change, cue.lines)))


# What a decoder may do to cues, in which formats it is seen, and what is told.
CAUSES: dict[str, tuple[Change, frozenset[Format], set[str]]] = {
    "ends 40 ms earlier": (each(lambda cue: cue.moved(0, -40)), TIMED - {Format.SCC}, {"time.end.const -40"}),
    "all of it a second later": (each(lambda cue: cue.moved(1000, 1000)), TIMED, {"time.both.const +1000"}),
    "starts 200 ms later": (each(lambda cue: cue.moved(200, 0)), TIMED - {Format.SCC}, {"time.start.const +200"}),
    "drift": (each(lambda cue: cue.moved(cue.start // 100, cue.end // 100)), TIMED - LINE_21, {"time.both.drift 1.0100"}),
    "first time": (lambda cues: [cues[0].moved(-900, 0), *cues[1:]], TIMED, {"time.start.first"}),
    "last time": (lambda cues: [*cues[:-1], cues[-1].moved(0, 3000)], TIMED, {"time.end.last"}),
    "some times": (lambda cues: [*cues[:4], cues[4].moved(500, 0), *cues[5:]], TIMED, {"time.start.some"}),
    "many times": (
        lambda cues: [cue.moved(100 * (index % 3), 0) for index, cue in enumerate(cues)], TIMED, {"time.start.many"}),
    "rounded times": (
        each(lambda cue: cue.moved(-(cue.start % 10), -(cue.end % 10))), TIMED - LINE_21 - {Format.ASS}, {"time.round"}),
    "last cue lost": (lambda cues: cues[:-1], ALL, {"cues.lost tail"}),
    "first cues lost": (lambda cues: cues[2:], ALL - {Format.SRT}, {"cues.lost head"}),
    "a cue lost": (lambda cues: [*cues[:4], *cues[5:]], ALL, {"cues.lost some"}),
    "each third cue lost": (lambda cues: [cue for index, cue in enumerate(cues) if index % 3 != 1], ALL, {"cues.lost many"}),
    "two cues swapped": (lambda cues: [*cues[:3], cues[4], cues[3], *cues[5:]], TEXTS, {"cues.order"}),
    "a cue doubled": (lambda cues: [*cues[:3], cues[3], *cues[3:]], ALL - LINE_21, {"cues.doubled"}),
    "a cue too many": (
        lambda cues: [*cues[:3], Spoken(cues[2].end + 20, cues[3].start - 20, ("what is this",)), *cues[3:]], TEXTS, {"cues.extra"}),
    "other texts": (
        lambda cues: [cue.saying(f"qq{index} zz") for index, cue in enumerate(cues)], ALL - {Format.TRANSCRIPT}, {"text.other"}),
    "capitals": (lines(str.upper), ALL, {"text.case"}),
    "letters doubled": (lines(lambda line: line.replace("e", "ee")), ALL, {"text.doubled-letters"}),
    "accents lost": (lines(lambda line: line.replace("é", "?").replace("É", "?")), ACCENTED, {"text.chars lost"}),
    "accents misread": (lines(lambda line: line.encode().decode("latin-1")), ACCENTED, {"text.chars replaced"}),
    "text cut": (lambda cues: [*cues[:6], cues[6].saying("who goes"), *cues[7:]], ALL, {"text.cut"}),
    "indent": (lines(lambda line: "  " + line), ALL - {Format.TIMED_TRANSCRIPT, Format.UCLA, *LINE_21}, {"text.indent"}),
    "spaces at the end": (lines(lambda line: line + " "), MARKED | {Format.TRANSCRIPT}, {"text.trailing-space +"}),
    "no-break spaces": (lines(lambda line: line.replace(" ", "\xa0", 1)), ACCENTED, {"text.nbsp +"}),
    "roll-up repeats": (
        lambda cues: [cues[0], *(cue.saying(before.lines[-1], *cue.lines) for before, cue in zip(cues, cues[1:], strict=False))],
        ALL - {Format.TRANSCRIPT}, {"text.repeats-before"}),
    "lines joined": (each(lambda cue: cue.saying(" ".join(cue.lines))), BROKEN, {"text.wrap"}),
}
# What a serializer may do.
STYLES: dict[str, tuple[Style, frozenset[Format], set[str]]] = {
    "version": (Style(version="0.96.1"), MARKED - {Format.SRT}, {"frame numbers"}),
    "font": (Style(font="Courier New"), frozenset({Format.ASS, Format.SAMI, Format.TTML}), {"frame Arial>Courier New"}),
    "head": (Style(head=4), frozenset({Format.RAW}), {"frame numbers"}),
    "separator": (Style(separator="."), frozenset({Format.SRT}), {"cue.time-format ##:##:##,### --> ##:##:##,###>##:##:##.#"}),
    "numbers from 0": (Style(first=0), frozenset({Format.SRT}), {"number.first 1>0"}),
    "position lost": (Style(position=""), frozenset({Format.WEBVTT}), {"cue.settings lost"}),
    "position changed": (Style(position="line:10%"), frozenset({Format.WEBVTT, Format.TTML}), {"cue.settings changed"}),
    "mode": (Style(mode="RU2"), frozenset({Format.TIMED_TRANSCRIPT, Format.UCLA}), {"cue.settings changed"}),
    "style": (Style(style="Other"), frozenset({Format.ASS, Format.SAMI}), {"cue.settings changed"}),
}
# What may happen to the bytes.
BYTES: dict[str, tuple[Callable[[bytes], bytes], frozenset[Format], set[str]]] = {
    "byte order mark": (lambda content: b"\xef\xbb\xbf" + content, TEXTS, {"bytes.bom +"}),
    "latin": (lambda content: content.decode().encode("cp1252"), ACCENTED, {"bytes.encoding utf-8>cp1252"}),
    "utf-16": (lambda content: content.decode().encode("utf-16-le"), TEXTS, {"bytes.encoding utf-8>utf-16-le"}),
    "crlf": (lambda content: content.replace(b"\n", b"\r\n"), TEXTS, {"bytes.eol lf>crlf"}),
    "cr": (lambda content: content.replace(b"\n", b"\r"), TEXTS, {"bytes.eol lf>cr"}),
    "mixed ends": (lambda content: content.replace(b"\n", b"\r\n", 5), TEXTS, {"bytes.eol lf>mixed"}),
    "newline at the end": (lambda content: content + b"\n", TEXTS, {"bytes.end +"}),
    "no newline at the end": (lambda content: content.rstrip(b"\n"), TEXTS, {"bytes.end -"}),
    "empty": (lambda content: b"", ALL, {"cues.none"}),
}
