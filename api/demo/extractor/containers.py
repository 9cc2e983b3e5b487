"""Caption tracks of containers: SubRip in Matroska, timed text in MP4."""
from collections.abc import Iterator
from itertools import accumulate, pairwise

from api.demo.extractor.track import Cue, Track

EBML, FILE_TYPE = b"\x1a\x45\xdf\xa3", b"ftyp"
# Matroska's elements, by their ids.
SEGMENT, TRACKS, ENTRY, NUMBER, LANGUAGE, KIND = 0x18538067, 0x1654AE6B, 0xAE, 0xD7, 0x22B59C, 0x83
CLUSTER, CLUSTER_TIME, GROUP, BLOCK, DURATION = 0x1F43B675, 0xE7, 0xA0, 0xA1, 0x9B
SUBTITLES = b"\x11"
# What a style of timed text may be, by its bit.
FACES = {1: "b", 2: "i", 4: "u"}


def matroska(content: bytes) -> list[Track]:
    """The caption tracks of a Matroska file whose times are in milliseconds."""
    segment = dict(_elements(content))[SEGMENT]
    entries = [dict(_elements(entry)) for kind, entry in _elements(dict(_elements(segment))[TRACKS]) if kind == ENTRY]
    cues: dict[int, list[Cue]] = {int.from_bytes(entry[NUMBER]): [] for entry in entries if entry[KIND] == SUBTITLES}
    for kind, cluster in _elements(segment):
        if kind == CLUSTER:
            start = int.from_bytes(dict(_elements(cluster))[CLUSTER_TIME])
            for number, cue in _blocks(cluster, start):
                cues[number].append(cue)
    languages = {int.from_bytes(entry[NUMBER]): entry.get(LANGUAGE, b"eng").decode() for entry in entries}
    return [Track(languages[number], "subrip", shown) for number, shown in cues.items()]


def _blocks(cluster: bytes, start: int) -> Iterator[tuple[int, Cue]]:
    for kind, group in _elements(cluster):
        if kind == GROUP:
            parts = dict(_elements(group))
            block, length = parts[BLOCK], int.from_bytes(parts[DURATION])
            begin = start + int.from_bytes(block[1:3], signed=True)
            yield block[0] & 0x7F, Cue(begin, begin + length, block[4:].decode(errors="replace").replace("\r\n", "\n"))


def _elements(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The elements of a piece of a file: their ids, and what is in them."""
    place = 0
    while place < len(content):
        width = 9 - content[place].bit_length()
        kind, place = int.from_bytes(content[place:place + width]), place + width
        width = 9 - content[place].bit_length()
        size, place = int.from_bytes(content[place:place + width]) & (1 << 7 * width) - 1, place + width
        yield kind, content[place:place + size]
        place += size


def mp4(content: bytes) -> list[Track]:
    """The tracks of timed text in an MP4 file."""
    return [
        _timed_text(content, boxes) for name, track in _boxes(dict(_boxes(content))[b"moov"]) if name == b"trak"
        for boxes in [_inside(track)] if boxes[b"stsd"][12:16] == b"tx3g"]


def _inside(track: bytes) -> dict[bytes, bytes]:
    """The boxes of a track that say where its samples lie, and when they are shown."""
    media = dict(_boxes(dict(_boxes(track))[b"mdia"]))
    return {b"mdhd": media[b"mdhd"], **dict(_boxes(dict(_boxes(media[b"minf"]))[b"stbl"]))}


def _timed_text(content: bytes, boxes: dict[bytes, bytes]) -> Track:
    scale, _, packed = _numbers(boxes[b"mdhd"][12:24])
    language = "".join(chr(0x60 + (packed >> 16 >> shift & 31)) for shift in (10, 5, 0))
    runs = _numbers(boxes[b"stts"][8:])
    times = [0, *accumulate(length for count, length in zip(runs[::2], runs[1::2], strict=True) for _ in range(count))]
    sizes, offset = _numbers(boxes[b"stsz"][12:]), _numbers(boxes[b"stco"][8:])[0]
    # The samples of a track of captions lie one behind the other.
    places = [offset + before for before in accumulate(sizes, initial=0)]
    texts = [_styled(content[begin:end]) for begin, end in pairwise(places)]
    shown = zip(pairwise(times), texts, strict=True)
    return Track(language, "mov_text", [
        Cue(begin * 1000 // scale, end * 1000 // scale, text) for (begin, end), text in shown if text])


def _styled(sample: bytes) -> str:
    """A sample's text, with tags where its box of styles says so."""
    length = int.from_bytes(sample[:2])
    letters = [*sample[2:2 + length].decode(errors="replace")]
    styles = dict(_boxes(sample[2 + length:])).get(b"styl", b"\0\0")[2:]
    for start in range(0, len(styles), 12):
        begin, end, face = int.from_bytes(styles[start:start + 2]), int.from_bytes(styles[start + 2:start + 4]), styles[start + 6]
        for bit, tag in FACES.items():
            if face & bit and begin < end:
                letters[begin], letters[end - 1] = f"<{tag}>{letters[begin]}", f"{letters[end - 1]}</{tag}>"
    return "".join(letters)


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The boxes of a piece of a file: their names, and what is in them."""
    place = 0
    while place + 8 <= len(content):
        size = int.from_bytes(content[place:place + 4])
        yield content[place + 4:place + 8], content[place + 8:place + size]
        place += max(size, 8)


def _numbers(content: bytes) -> list[int]:
    return [int.from_bytes(content[place:place + 4]) for place in range(0, len(content) - 3, 4)]
