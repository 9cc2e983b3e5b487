"""The demo's caption extractor: reads captions with ffmpeg, and takes ccextractor's command line.

It stands alone, needs the standard library only, and is installed as the executable of the demo's runs.
"""
import argparse
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import NoReturn

FFMPEG = "ffmpeg"

OK, NO_INPUT, INCOMPATIBLE, MALFORMED, UNREADABLE, NO_CAPTIONS = 0, 2, 4, 7, 8, 10
TAG = re.compile(r"</?(?:b|i|u|s|font)\b[^<>]*>")
EACH_TAG = re.compile(f"({TAG.pattern})")
VTT_TAG = re.compile(r"<(/?)([biu])>")
PLACE = re.compile(r"\{\\an([1-9])\}")
TRACK = re.compile(r"Stream #0:\d+(?:\[\w+\])?(?:\((\w+)\))?: Subtitle: (\w+)")
AFTER_THE_INPUT = re.compile("Stream mapping:|Output #0")
BETWEEN_CUES = re.compile(r"\n\n(?=\d{1,9}\n\d{1,9}:)")
BLOCK = re.compile(r"(\d{1,9}):(\d\d):(\d\d),(\d\d\d) --> (\d{1,9}):(\d\d):(\d\d),(\d\d\d)[^\n]*\n(.*)", re.DOTALL)


class Failure(Exception):
    """The program cannot do its work, and ends with this exit code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Track:
    """A caption track of the input; `number` counts from 1."""

    number: int
    language: str
    codec: str


@dataclass(frozen=True)
class Cue:
    """A caption: when it is shown, in milliseconds, its text, with SubRip's tags, and its place on a numeric keypad."""

    start: int
    end: int
    text: str
    place: int | None = None

    @property
    def plain(self) -> str:
        """The text without any tags."""
        return TAG.sub("", self.text)


def main(arguments: Sequence[str]) -> int:
    """Extract, and return the exit code."""
    options = parser().parse_args(arguments)
    try:
        if options.input is None and not options.stdin:
            raise Failure(NO_INPUT, "No input file was given.")
        for target, content in extracted(options):
            write(target, content)
    except Failure as failure:
        print(f"Error: {failure}", file=sys.stderr)
        return failure.code
    return OK


class Parser(argparse.ArgumentParser):
    """A parser that ends as ccextractor does for a bad parameter."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and end."""
        print(f"Error: {message}", file=sys.stderr)
        sys.exit(MALFORMED)


def parser() -> Parser:
    """The command line: the part of ccextractor's that this program has."""
    result = Parser(prog="ccextractor", allow_abbrev=False)
    result.add_argument("input", nargs="?", help="the media file")
    result.add_argument("-o", metavar="FILE", help="where the captions go; the input's name with another extension if absent")
    result.add_argument("--out", choices=[*WRITERS, "report", "null"], default="srt", help="the format")
    result.add_argument("--stdout", action="store_true", help="write to standard output")
    result.add_argument("--stdin", action="store_true", help="read the media from standard input")
    result.add_argument("--stream", type=int, default=1, help="which caption track, from 1")
    result.add_argument("--multiprogram", action="store_true", help="write every track, to a file of its own")
    result.add_argument("--delay", type=int, default=0, metavar="MS", help="milliseconds to move all captions by")
    result.add_argument("--no-typesetting", action="store_true", help="leave out styles and places")
    result.add_argument("--no-progress-bar", action="store_true", help="print no progress")
    return result


def extracted(options: argparse.Namespace) -> list[tuple[str | None, str]]:
    """Pairs of a target, None for standard output, and what is to be written there."""
    if options.multiprogram:
        if options.stdin or options.stdout:
            raise Failure(INCOMPATIBLE, "--multiprogram needs an input file, and output files.")
        return [(target_of(options, track), captions(options, track.number)) for track in tracks_of(listing(options.input))]
    content = captions(options, options.stream)
    return [] if options.out == "null" else [(None if options.stdout or options.out == "report" else target_of(options), content)]


def target_of(options: argparse.Namespace, track: Track | None = None) -> str:
    """The output's name: as asked for; tracks after the first get their number before the extension."""
    given = Path(options.o or Path(options.input or "stdin").with_suffix(f".{options.out}"))
    if track is None or track.number == 1:
        return str(given)
    return str(given.with_name(f"{given.stem}_{track.number}{given.suffix}"))


def captions(options: argparse.Namespace, stream: int) -> str:
    """One track in the format asked for."""
    source = "pipe:0" if options.stdin else options.input
    text, log = ffmpeg(source, "-map", f"0:s:{stream - 1}", "-c:s", "srt", "-f", "srt", "-")
    if "Input #0" not in log:
        raise Failure(UNREADABLE, "The input is no media that can be read.")
    cues = [shifted(cue, options.delay) for cue in parsed(text)]
    if options.no_typesetting:
        cues = [replace(cue, text=cue.plain, place=None) for cue in cues]
    if not cues:
        raise Failure(NO_CAPTIONS, "No captions were found in the input.")
    print(f"{len(cues)} captions found in track {stream}.", file=sys.stderr)
    if options.out == "report":
        return report(tracks_of(log), stream, cues)
    return "" if options.out == "null" else WRITERS[options.out](cues)


def ffmpeg(source: str, *output: str) -> tuple[str, str]:
    """What ffmpeg writes of the captions, and what it says."""
    command = [FFMPEG, "-hide_banner", "-loglevel", "info", "-nostats", "-i", source, *output]
    done = subprocess.run(command, stdin=sys.stdin if source == "pipe:0" else subprocess.DEVNULL, capture_output=True, check=False)
    return done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def listing(source: str) -> str:
    """What ffmpeg says of a file."""
    return ffmpeg(source)[1]


def tracks_of(log: str) -> list[Track]:
    """The caption tracks of the input that ffmpeg speaks of."""
    spoken = AFTER_THE_INPUT.split(log)[0]
    return [Track(number, found[1] or "und", found[2]) for number, found in enumerate(TRACK.finditer(spoken), 1)]


def parsed(text: str) -> list[Cue]:
    """The cues of a text in the SubRip format, which ffmpeg writes."""
    cues = []
    for found in map(BLOCK.search, BETWEEN_CUES.split(text.strip("\n"))):
        if found:
            times = [int(each) for each in found.groups()[:8]]
            start, end = (((h * 60 + m) * 60 + s) * 1000 + ms for h, m, s, ms in (times[:4], times[4:]))
            place = PLACE.search(found[9])
            cues.append(Cue(start, end, PLACE.sub("", found[9]).strip("\n"), int(place[1]) if place else None))
    return cues


def shifted(cue: Cue, delay: int) -> Cue:
    """A cue moved in time, never to before the beginning."""
    return replace(cue, start=max(0, cue.start + delay), end=max(0, cue.end + delay))


def clock(milliseconds: int, point: str) -> str:
    """A time as hours, minutes, seconds and milliseconds."""
    seconds, fraction = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{fraction:03}"


def subrip(cues: Sequence[Cue]) -> str:
    """SubRip, with places kept."""
    places = ("" if cue.place is None else f"{{\\an{cue.place}}}" for cue in cues)
    return "".join(
        f"{number}\n{clock(cue.start, ',')} --> {clock(cue.end, ',')}\n{place}{cue.text}\n\n"
        for number, (cue, place) in enumerate(zip(cues, places, strict=True), 1))


def webvtt(cues: Sequence[Cue]) -> str:
    """WebVTT: bold, italic and underlined text is kept, the rest escaped, the top rows become a setting."""
    return "WEBVTT\n\n" + "".join(
        f"{clock(cue.start, '.')} --> {clock(cue.end, '.')}{' line:0' if (cue.place or 0) >= 7 else ''}\n{marked_up(cue.text)}\n\n"
        for cue in cues)


def marked_up(text: str) -> str:
    """Text for WebVTT: its tags kept where the format has them, everything else escaped."""
    pieces = EACH_TAG.split(text)
    return "".join(
        escape(piece, quote=False) if number % 2 == 0 else piece if VTT_TAG.fullmatch(piece) else ""
        for number, piece in enumerate(pieces))


def transcript(cues: Sequence[Cue]) -> str:
    """A timed transcript, one line for a caption."""
    return "".join(f"{clock(cue.start, ',')}|{clock(cue.end, ',')}|{cue.plain.replace(chr(10), ' ')}\n" for cue in cues)


def text_only(cues: Sequence[Cue]) -> str:
    """The words alone."""
    return "".join(f"{cue.plain}\n" for cue in cues)


def substation(cues: Sequence[Cue]) -> str:
    """SubStation Alpha, with its centiseconds."""
    head = "[Script Info]\nScriptType: v4.00+\n\n[Events]\nFormat: Layer, Start, End, Style, Text\n"
    lines = []
    for cue in cues:
        text = VTT_TAG.sub(lambda tag: f"{{\\{tag[2]}{0 if tag[1] else 1}}}", cue.text)
        place = "" if cue.place is None else f"{{\\an{cue.place}}}"
        start, end = (clock(time, ".")[1:-1] for time in (cue.start, cue.end))
        lines.append(f"Dialogue: 0,{start},{end},Default,{place}{TAG.sub('', text)}".replace("\n", "\\N") + "\n")
    return head + "".join(lines)


def timed_text(cues: Sequence[Cue]) -> str:
    """Timed text in XML, as SMPTE profiles it."""
    head = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<tt xmlns="http://www.w3.org/ns/ttml" '
        f'xmlns:ttp="http://www.w3.org/ns/ttml#parameter" ttp:cellResolution="{columns()} 15">\n<body><div>\n')
    lines = (
        f'<p begin="{clock(cue.start, ".")}" end="{clock(cue.end, ".")}">{escape(cue.plain).replace(chr(10), "<br/>")}</p>\n'
        for cue in cues)
    return f"{head}{''.join(lines)}</div></body></tt>\n"


def columns() -> int:
    """How many cells a row of the screen has."""
    return 32


def report(tracks: Sequence[Track], stream: int, cues: Sequence[Cue]) -> str:
    """What the input holds, for people."""
    lines = [f"Caption tracks: {len(tracks)}"]
    lines += [f"  {track.number}: {track.language}, {track.codec}" for track in tracks]
    lines += [
        f"Captions in track {stream}: {len(cues)}",
        f"First: {clock(cues[0].start, ',')}",
        f"Last: {clock(cues[-1].end, ',')}",
        f"Characters: {sum(len(cue.plain) for cue in cues)}",
        f"With a place on the screen: {sum(cue.place is not None for cue in cues)}",
    ]
    return "\n".join(lines) + "\n"


def write(target: str | None, content: str) -> None:
    """Write UTF-8, whatever the host's language is."""
    if target is None:
        sys.stdout.buffer.write(content.encode())
        sys.stdout.buffer.flush()
        return
    partial = f"{target}.part"
    Path(partial).write_bytes(content.encode())
    os.replace(partial, target)


WRITERS: dict[str, Callable[[Sequence[Cue]], str]] = {
    "srt": subrip, "webvtt": webvtt, "ass": substation, "ttxt": transcript, "txt": text_only, "smptett": timed_text,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
