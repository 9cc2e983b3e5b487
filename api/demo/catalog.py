"""The demo's samples and regression tests, as declarations."""
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """A caption sample of the library; `name` is its file in the media folder."""

    name: str
    notes: str
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Output:
    """An output of a regression test: the sample's hash, `suffix` and `extension` make its name."""

    extension: str
    suffix: str = ""
    ignore: bool = False


@dataclass(frozen=True)
class Test:
    """A regression test; its baselines are what the good extractor produces."""

    __test__ = False

    sample: str
    command: str
    category: str
    description: str
    outputs: tuple[Output, ...]
    input_type: str = "file"
    output_type: str = "file"
    exit_code: int = 0


TAGS = {
    "overlap": "Cues that are shown at the same time",
    "styled": "Bold, italic, underlined or coloured text",
    "positioned": "Text with a place on the screen",
    "right-to-left": "Arabic or Hebrew text",
    "non-ascii": "Text beyond ASCII",
    "cea-608": "Line 21 captions",
    "frames": "Times in frames instead of milliseconds",
    "container": "Captions inside a media container",
    "multiple-tracks": "More than one caption track",
    "no-captions": "Media without captions",
    "not-media": "A file that is no media",
}

CATEGORIES = {
    "General": "Formats and options that everyone uses",
    "Styles": "Styles, places and overlapping cues",
    "Languages": "Scripts and encodings",
    "CEA-608": "Line 21 captions of television",
    "Containers": "Captions inside MP4 and Matroska",
    "Errors": "Input without captions, and input that is no media",
}

SAMPLES = (
    Sample("harbour.srt", "SubRip: tags, two-line cues, an hour's jump, times that round badly.", ("styled",)),
    Sample("coffeehouse.srt", "SubRip with a byte order mark and CRLF line ends, German quotation marks and colours.",
           ("styled", "non-ascii")),
    Sample("bazaar.srt", "SubRip in Arabic, Hebrew, Hindi and Chinese, with characters beyond the basic plane.",
           ("right-to-left", "non-ascii")),
    Sample("lighthouse.vtt", "WebVTT: a voice, settings, entities, overlapping cues, one of a single millisecond.",
           ("overlap", "styled")),
    Sample("theatre.ass", "SubStation Alpha: two styles, a place, an overlap, a comment.", ("overlap", "styled", "positioned")),
    Sample("tram.sub", "MicroDVD: times in frames at 25 a second, styles by line.", ("frames", "styled", "non-ascii")),
    Sample("market.smi", "SAMI: breaks, entities, cues ended by an empty one.", ("styled", "non-ascii")),
    Sample("weather.scc", "Scenarist captions, CEA-608 pop-on: three rows, italics, notes, accents.",
           ("cea-608", "positioned", "styled")),
    Sample("evening.mkv", "Matroska with an English and a Japanese SubRip track.", ("container", "multiple-tracks", "non-ascii")),
    Sample("museum.mp4", "MP4 with timed text in Greek.", ("container", "styled", "non-ascii")),
    Sample("silence.vtt", "WebVTT without a single cue.", ("no-captions",)),
    Sample("notes.bin", "A list of things to do.", ("not-media",)),
)

TESTS = (
    Test("harbour.srt", "--out=srt", "General", "SubRip in, SubRip out", (Output(".srt"),)),
    Test("harbour.srt", "--out=webvtt", "General", "SubRip to WebVTT, with times that round badly", (Output(".vtt"),)),
    Test("harbour.srt", "--out=srt --delay 2500", "General", "All captions moved by two and a half seconds", (Output(".srt"),)),
    Test("harbour.srt", "--stdin --out=ttxt", "General", "A timed transcript of what is piped in",
         (Output(".txt"),), input_type="stdin"),
    Test("harbour.srt", "--out=null", "General", "Everything is read, nothing written", (), output_type="null"),
    Test("lighthouse.vtt", "--out=srt", "General", "WebVTT to SubRip", (Output(".srt"),)),
    Test("lighthouse.vtt", "--stdout --out=webvtt", "Styles", "Overlapping cues, to standard output",
         (Output(".vtt"),), output_type="stdout"),
    Test("theatre.ass", "--out=ass", "Styles", "SubStation Alpha keeps styles and places", (Output(".ass"),)),
    Test("theatre.ass", "--out=ttxt", "Styles", "A transcript of overlapping cues", (Output(".txt"),)),
    Test("tram.sub", "--out=srt", "General", "Frames become times", (Output(".srt"),)),
    Test("market.smi", "--out=webvtt", "Styles", "SAMI to WebVTT", (Output(".vtt"),)),
    Test("coffeehouse.srt", "--out=txt --no-typesetting", "Languages", "The words alone, from CRLF and a byte order mark",
         (Output(".txt"),)),
    Test("coffeehouse.srt", "--out=smptett", "Languages", "Timed text in XML", (Output(".ttml"),)),
    Test("bazaar.srt", "--out=srt", "Languages", "Four scripts pass through", (Output(".srt"),)),
    Test("weather.scc", "--out=srt", "CEA-608", "Pop-on captions to SubRip", (Output(".srt"),)),
    Test("weather.scc", "--out=report", "CEA-608", "What the file holds", (Output(".txt"),), output_type="report"),
    Test("evening.mkv", "--multiprogram --out=srt", "Containers", "Both tracks, a file for each",
         (Output(".srt"), Output(".srt", "_2")),
         output_type="multiprogram"),
    Test("evening.mkv", "--stream 2 --out=webvtt", "Containers", "The second track alone", (Output(".vtt"),)),
    Test("museum.mp4", "--out=srt", "Containers", "Timed text of an MP4 to SubRip", (Output(".srt"),)),
    Test("silence.vtt", "--out=srt", "Errors", "No captions is an exit code of its own",
         (Output(".srt", ignore=True),), exit_code=10),
    Test("notes.bin", "--out=null", "Errors", "What is no media is told apart", (), output_type="null", exit_code=8),
)
