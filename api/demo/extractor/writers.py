"""Writes captions: in which formats, and to which files."""
import os
import re
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

from api.demo.extractor.track import TAG, Cue, Track

EACH_TAG = re.compile(f"({TAG.pattern})")
VTT_TAG = re.compile(r"<(/?)([biu])>")


def target_of(options: Namespace, track: Track | None = None, number: int = 1) -> str:
    """The output's name: as asked for; tracks after the first get their number before the extension."""
    given = Path(options.o or Path(options.input or "stdin").with_suffix(f".{options.out}"))
    if track is None or number == 1:
        return str(given)
    return str(given.with_name(f"{given.stem}_{number}{given.suffix}"))


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
    lines += [f"  {number}: {track.language}, {track.codec}" for number, track in enumerate(tracks, 1)]
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
