"""Reads captions out of media: files of text, and tracks of containers."""
import re
from collections.abc import Callable, Iterator
from html import unescape

from api.demo.extractor.containers import EBML, FILE_TYPE, matroska, mp4
from api.demo.extractor.line21 import scenarist
from api.demo.extractor.track import Cue, Track, Unreadable, milliseconds

PLACE = re.compile(r"\{\\an([1-9])\}")
BETWEEN_CUES = re.compile(r"\n\n(?=\d{1,9}\n\d{1,9}:)")
SUBRIP_CUE = re.compile(r"(?m:^)(\d{1,9}):(\d\d):(\d\d),(\d\d\d) --> (\d{1,9}):(\d\d):(\d\d),(\d\d\d)[^\n]*\n(.*)", re.DOTALL)
WEBVTT_CUE = re.compile(r"(?m:^)(?:(\d{2,9}):)?(\d\d):(\d\d)\.(\d\d\d) --> (?:(\d{2,9}):)?(\d\d):(\d\d)\.(\d\d\d)[^\n]*\n(.*)", re.DOTALL)
WEBVTT_TAG = re.compile(r"</?([a-z]{1,9})[^<>]*>")
ASS_TIME = re.compile(r"(\d{1,9}):(\d\d):(\d\d)\.(\d\d)")
ASS_STYLE = re.compile(r"\\([bius])([01])(?=[\\}])")
OVERRIDE = re.compile(r"\{\\[^{}]*\}")
FRAMES = re.compile(r"\{(\d{1,9})\}\{(\d{1,9})\}(.*)")
STYLED_LINE = re.compile(r"\{y:([bius])\}(.*)")
SYNC = re.compile(r"(?i)<sync\s{1,9}start=\"?(\d{1,9})\"?>")
LINE_BREAK = re.compile(r"(?i)<br ?/?>")
PARAGRAPH = re.compile(r"(?i)</?(?:p|body|sami)\b[^<>]*>")


def read(content: bytes) -> list[Track]:
    """The caption tracks of a media file. Raises Unreadable."""
    if content.startswith(EBML):
        return matroska(content)
    if content[4:8] == FILE_TYPE:
        return mp4(content)
    text = content.decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
    for codec, (begins, cues) in TEXTS.items():
        if begins.match(text):
            return [Track("und", codec, tuple(cues(text)))]
    raise Unreadable


def subrip(text: str) -> Iterator[Cue]:
    """SubRip, with its tags and places."""
    for found in map(SUBRIP_CUE.search, BETWEEN_CUES.split(text.strip("\n"))):
        if found:
            place = PLACE.search(found[9])
            yield Cue(
                milliseconds(*found.groups()[:4]), milliseconds(*found.groups()[4:8]), PLACE.sub("", found[9]).strip("\n"),
                int(place[1]) if place else None)


def webvtt(text: str) -> Iterator[Cue]:
    """WebVTT, without voices, classes and settings."""
    for found in map(WEBVTT_CUE.search, text.split("\n\n")):
        if found:
            kept = WEBVTT_TAG.sub(lambda tag: tag[0] if tag[1] in ("b", "i", "u") else "", found[9].strip("\n"))
            yield Cue(milliseconds(*found.groups("")[:4]), milliseconds(*found.groups("")[4:8]), unescape(kept))


def substation(text: str) -> Iterator[Cue]:
    """SubStation Alpha, version 4.00+: bold, italic and underlined text and places, without colours and sizes."""
    lines = [line.split(": ", 1) for line in text.split("\n") if ": " in line]
    slanted = {fields[0] for kind, line in lines if kind == "Style" for fields in [line.split(",")] if fields[8] != "0"}
    cues = [_dialogue(line.split(",", 9), slanted) for kind, line in lines if kind == "Dialogue"]
    yield from sorted(cues, key=lambda cue: cue.start)


def _dialogue(fields: list[str], slanted: set[str]) -> Cue:
    start, end = (milliseconds(*found.groups()) for found in map(ASS_TIME.fullmatch, fields[1:3]) if found)
    place = PLACE.search(fields[9])
    written = OVERRIDE.sub(_tags, fields[9]).replace("\\N", "\n")
    return Cue(start, end, f"<i>{written}</i>" if fields[3] in slanted else written, int(place[1]) if place else None)


def _tags(override: re.Match[str]) -> str:
    return "".join(f"<{'' if on == '1' else '/'}{style}>" for style, on in ASS_STYLE.findall(override[0]))


def microdvd(text: str) -> Iterator[Cue]:
    """MicroDVD: frames, of which the first line says how many a second has, and styles by line."""
    rate = 25.0
    for found in map(FRAMES.fullmatch, text.split("\n")):
        if found and found[1] == found[2] == "1":
            rate = float(found[3])
        elif found:
            start, end = (round(int(frame) * 1000 / rate) for frame in found.groups()[:2])
            yield Cue(start, end, "\n".join(STYLED_LINE.sub(r"<\1>\2</\1>", line) for line in found[3].split("|")))


def sami(text: str) -> Iterator[Cue]:
    """SAMI: each caption is shown until the next one, which may be empty."""
    _, *parts = SYNC.split(text)
    for start, written, end in zip(parts[::2], parts[1::2], parts[2::2], strict=False):
        shown = unescape(PARAGRAPH.sub("", LINE_BREAK.sub("\n", written))).strip()
        if shown:
            yield Cue(int(start), int(end), shown)


# How each begins, and what reads it.
TEXTS: dict[str, tuple[re.Pattern[str], Callable[[str], Iterator[Cue]]]] = {
    "webvtt": (re.compile(r"WEBVTT"), webvtt),
    "ass": (re.compile(r"\[Script Info\]"), substation),
    "sami": (re.compile(r"<SAMI>"), sami),
    "eia_608": (re.compile(r"Scenarist_SCC V1\.0"), scenarist),
    "microdvd": (re.compile(r"\{\d{1,9}\}\{\d{1,9}\}"), microdvd),
    "subrip": (re.compile(r"\n{0,9}\d{1,9}\n\d{1,9}:\d\d:\d\d,\d\d\d --> "), subrip),
}
