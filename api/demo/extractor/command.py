"""The command line: which captions of which file are written how, and what the program's exit code says."""
import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from api.demo.extractor.readers import read
from api.demo.extractor.track import Cue, Track, Unreadable
from api.demo.extractor.writers import WRITERS, report, target_of, write

OK, NO_INPUT, INCOMPATIBLE, MALFORMED, UNREADABLE, NO_CAPTIONS = 0, 2, 4, 7, 8, 10


class Failure(Exception):
    """The program cannot do its work, and ends with this exit code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


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
    if options.multiprogram and (options.stdin or options.stdout):
        raise Failure(INCOMPATIBLE, "--multiprogram needs an input file, and output files.")
    tracks = tracks_of(options)
    if options.multiprogram:
        return [(target_of(options, track, number), captions(options, tracks, number)) for number, track in enumerate(tracks, 1)]
    content = captions(options, tracks, options.stream)
    return [] if options.out == "null" else [(None if options.stdout or options.out == "report" else target_of(options), content)]


def tracks_of(options: argparse.Namespace) -> list[Track]:
    """The caption tracks of the input."""
    try:
        return read(sys.stdin.buffer.read() if options.stdin else Path(options.input).read_bytes())
    except (Unreadable, OSError) as unreadable:
        raise Failure(UNREADABLE, "The input is no media that can be read.") from unreadable


def captions(options: argparse.Namespace, tracks: Sequence[Track], stream: int) -> str:
    """One track in the format asked for."""
    cues = [shifted(cue, options.delay) for track in tracks[stream - 1:stream] for cue in track.cues]
    if options.no_typesetting:
        cues = [replace(cue, text=cue.plain, place=None) for cue in cues]
    if not cues:
        raise Failure(NO_CAPTIONS, "No captions were found in the input.")
    print(f"{len(cues)} captions found in track {stream}.", file=sys.stderr)
    if options.out == "report":
        return report(tracks, stream, cues)
    return "" if options.out == "null" else WRITERS[options.out](cues)


def shifted(cue: Cue, delay: int) -> Cue:
    """A cue moved in time, never to before the beginning."""
    return replace(cue, start=max(0, cue.start + delay), end=max(0, cue.end + delay))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
