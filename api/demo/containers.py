"""Builds the demo's binary media files from their text sources: `python -m api.demo.containers FFMPEG FOLDER`.

They are kept, not made at each start, because each ffmpeg writes them a little differently, and a sample is known by its hash.
"""
from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).with_name("media") / "sources"


@dataclass(frozen=True)
class Container:
    """A media file with one caption track for each source, SUBJECT.LANGUAGE.srt, in order."""

    name: str
    codec: str
    sources: tuple[str, ...]


CONTAINERS = (
    Container("evening.mkv", "srt", ("evening.eng.srt", "evening.jpn.srt")),
    Container("museum.mp4", "mov_text", ("museum.ell.srt",)),
)


def build(container: Container, ffmpeg: str, folder: Path) -> Path:
    """Make a container in `folder`, without time stamps or names of programs in it."""
    command = [ffmpeg, "-nostdin", "-loglevel", "error", "-y"]
    for name in container.sources:
        command += ["-i", str(SOURCES / name)]
    for number, name in enumerate(container.sources):
        command += ["-map", str(number), f"-metadata:s:s:{number}", f"language={name.split('.')[1]}"]
    path = folder / container.name
    subprocess.run([*command, "-c:s", container.codec, "-fflags", "+bitexact", "-flags", "+bitexact", str(path)], check=True)
    return path


if __name__ == "__main__":
    for each in CONTAINERS:
        build(each, sys.argv[1], Path(sys.argv[2]))
