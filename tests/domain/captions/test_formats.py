"""Readers of formats: what other programs write, and what broken files hold."""
from __future__ import annotations

import struct
from itertools import product

import pytest

from api.domain.captions.cue import CUE_LIMIT, Captions, Cue, Format
from api.domain.captions.formats.line_21 import line_21_cue, on_screen
from api.domain.captions.formats.raw import RECORD_LIMIT, read_raw
from api.domain.captions.formats.reading import read_captions
from api.domain.captions.markup import read_line
from api.domain.captions.times import calendar_time, clock_time, offset_time
from tests.domain.captions.writers import CUES, Spoken, written


def read(format: Format, content: bytes) -> Captions:
    found = read_raw(content) if format is Format.RAW else read_captions(content.decode())
    assert found is not None
    return found


@pytest.mark.parametrize("format", Format)
def test_the_cues_of_every_format_are_read(format: Format) -> None:
    found = read(format, written(format))

    assert found.format is format
    texts = " ".join(cue.text.replace("\n", " ") for cue in found.cues)
    assert texts.split() == " ".join(line for cue in CUES for line in cue.lines).replace(
        *("é", "?") if format in (Format.SCC, Format.RAW) else ("", "")).replace(
        *("É", "?") if format in (Format.SCC, Format.RAW) else ("", "")).split()


@pytest.mark.parametrize("format", sorted(set(Format) - {Format.TRANSCRIPT, Format.UCLA}))
def test_times_are_read_as_milliseconds(format: Format) -> None:
    times = [(cue.start, cue.end) for cue in read(format, written(format)).cues]

    within = {Format.ASS: 10, Format.SCC: 34}.get(format, 0)
    assert all(
        start is not None and end is not None and 0 <= cue.start - start <= within and 0 <= cue.end - end <= within
        for cue, (start, end) in zip(CUES, times, strict=True))


def test_srt_of_a_player_is_read_without_hours_and_with_dots() -> None:
    found = read_captions("00:01.200 --> 00:02,5\nyes\n\n00:03.000 --> 00:04.000 align:start\nno")

    assert [(cue.start, cue.end, cue.text, cue.settings) for cue in found.cues] == [
        (1200, 2500, "yes", ""), (3000, 4000, "no", "align:start")]


def test_cues_without_a_blank_line_between_them_are_told_apart_by_their_numbers() -> None:
    found = read_captions("1\n00:00:01,000 --> 00:00:02,000\nyes\n2\n00:00:03,000 --> 00:00:04,000\nno\n3\n")

    assert [cue.lines for cue in found.cues] == [("yes",), ("no", "3")]
    assert (found.first_number, found.frame) == (1, ())


def test_a_time_that_is_none_leaves_the_cue() -> None:
    found = read_captions("1\nnow --> then\nyes\n")

    assert found.cues == (Cue(None, None, ("yes",), settings="then", time_form="now --> "),)


@pytest.mark.parametrize(("text", "format"), [
    ("WEBVTT\n\nNOTE nobody speaks\n", Format.WEBVTT), ("[Script Info]\n\n[Events]\n", Format.ASS), ("Scenarist_SCC V1.0\n", Format.SCC)])
def test_a_file_without_cues_has_its_format_for_all_that(text: str, format: Format) -> None:
    assert read_captions(text) == Captions(format, (), tuple(line for line in text.split("\n") if line))


def test_blocks_of_webvtt_are_frame() -> None:
    found = read_captions("WEBVTT\n\nSTYLE\n::cue {}\n\nintro\n00:01.000 --> 00:02.000\nyes\n\nNOTE x\n")

    assert found.frame == ("WEBVTT", "STYLE", "::cue {}", "intro", "NOTE x")


def test_ttml_of_other_programs_is_read() -> None:
    text = (
        "<?xml version='1.0'?>\n<tt:tt xmlns:tt='x'>\n<tt:p\n  begin='00:00:01:15'\n  dur='1.5s' xml:id='p1' region='r'>\n"
        "one &amp; <tt:span\n tts:color='red'>two</tt:span><br/>three</tt:p>\n"
        "<tt:p begin='2s' end='500ms'>open\n<tt:p begin='00:00:05' end='never'>last</tt:p><tt:p>bare</tt:p>"
        "<tt:p begin='1s' dur='x'>y</tt:p>\n</tt:tt>")

    found = read_captions(text)

    assert [(cue.start, cue.end, cue.lines) for cue in found.cues] == [
        (1500, 3000, ("one & two", "three")),
        (2000, 500, ("open",)), (5000, None, ("last",)), (None, None, ("bare",)), (1000, None, ("y",))]
    assert (found.cues[0].settings, found.cues[0].markup) == ("region=r", (("colour", "red"),))


def test_sami_without_clearing_has_no_ends() -> None:
    found = read_captions(
        '<SAMI><BODY>\n<sync Start="100"><P Class=EN>yes<br>no\n'
        '<SYNC Start=300>bare\n<SYNC Start=500><P>&nbsp;\n</BODY></SAMI>')

    assert [(cue.start, cue.end, cue.lines, cue.settings) for cue in found.cues] == [
        (100, None, ("yes", "no"), "Class=EN"), (300, 500, ("bare",), "")]


def test_all_paragraphs_of_sami_that_are_shown_at_once_are_one_cue() -> None:
    found = read_captions("<SAMI><SYNC start=1><P class=a>\n yes</P>\n<P class=a>\n no</P></SYNC><SYNC start=5><P>&nbsp;</P></SYNC></BODY>")

    assert [(cue.end, cue.lines) for cue in found.cues] == [(5, (" yes", " no"))]
    assert found.frame == ("<SAMI>", "</BODY>")


def test_a_sami_file_without_cues_is_frame() -> None:
    assert read_captions("<SAMI>\n<BODY>\n</BODY>\n") == Captions(Format.SAMI, (), ("<SAMI>", "<BODY>", "</BODY>"))


def test_lines_of_ass_that_are_no_dialogue_are_frame() -> None:
    found = read_captions(
        "[Events]\nComment: 0,0:00:00.00,0:00:01.00,x\n"
        "Dialogue: Marked=0,0:00:01.00,0:00:02.50,Top,A,0,0,0,,a, b\\Nc\\hd\n")

    assert found.cues == (
        Cue(1000, 2500, ("a, b", "c\xa0d"), settings="Marked=0,Top,A,0,0,0,", time_form="N:NN:NN.NN,N:NN:NN.NN"),)
    assert len(found.frame) == 2


def test_ass_of_ccextractor_tells_hundredths_as_a_number() -> None:
    found = read_captions("\n".join((
        "[Script Info]", "Title: Default file",
        'Dialogue: 0,00:00:01.7,00:00:02.99,Default,,0000,0000,0000,,<i>Hola mañana</i>\\N<font color="#ffff00">Está</font>  aquí',
        "Dialogue: 0,00:00:03.50,00:00:05.99,Default,,0000,0000,0000,,TOM & JERRY")))

    assert [(cue.start, cue.end, cue.lines, cue.markup) for cue in found.cues] == [
        (1070, 2990, ("Hola mañana", "Está  aquí"), (("colour", "#ffff00"), ("italic", ""))), (3500, 5990, ("TOM & JERRY",), ())]
    assert {cue.time_form for cue in found.cues} == {"NN:NN:NN.NN,NN:NN:NN.NN"}


def test_ucla_of_ccextractor_has_the_mode_before_the_text() -> None:
    found = read_captions(
        "20160209064001.071|20160209064003.000|CC1|POP|Hola mañana\n20160209064003.501|20160209064006.000|CC1|TOM & JERRY\n")

    assert [(cue.settings, cue.text) for cue in found.cues] == [("CC1|POP", "Hola mañana"), ("CC1", "TOM & JERRY")]


def test_ttml_of_ccextractor_is_read_without_its_layout_and_backgrounds() -> None:
    found = read_captions("""<?xml version="1.0" encoding="UTF-8" standalone="no" ?>
  <tt xmlns="http://www.w3.org/ns/ttml" xmlns:tts="http://www.w3.org/ns/ttml#styling">
  <body>
    <div>
      <p begin="00:00:01.071" end="00:00:02.999" tts:origin="12.500% 84.667%">
        <span><span>Está<style tts:backgroundColor="#FFFF00FF" tts:color="ffff00" tts:fontSize="18px"/></span>  aquí
        <style tts:backgroundColor="#000000FF" tts:fontSize="18px"/></span>
      </p>
    </div>
  </body>
</tt>
""")

    assert found.cues == (Cue(
        1071, 2999, ("Está  aquí",), (("colour", "ffff00"),), "tts:origin=12.500% 84.667%", "NN:NN:NN.NNN|NN:NN:NN.NNN|"),)


def test_scc_is_read_through_its_parity() -> None:
    found = read_captions(
        "Scenarist_SCC V1.0\n\n00:00:01;15\t94ae 94ae 9420 c8e5 ec6c efa1\n\n00:00:02;00\t942f\n\n00:00:03;00\t942c 942c\n")

    assert [(cue.start, cue.end, cue.text, cue.settings) for cue in found.cues] == [
        (2000, 3000, "Hello!", "142e 142e 1420")]


# What CCExtractor wrote of three cues. The second is loaded while the first is shown, and padding comes last.
RAW = bytes.fromhex(
    "ccccedcc00500001000000460000000000000005000494200494ae0494e00454ef046d802e04000000000000010004942fc40900000000000006000494200494ae04"
    "94e0044ae504f2f2047980b80b000000000000010004942cac0d000000000000010004942f881300000000000005000494200494ae0494e004c16e046e8070170000"
    "00000000020004942c04942f581b000000000000010004942ca51c0000000000000200048080058080")


def test_what_is_loaded_is_shown_when_its_caption_ends() -> None:
    found = read(Format.RAW, RAW)

    assert [(cue.start, cue.end, cue.text) for cue in found.cues] == [(1070, 3000, "Tom"), (3500, 6000, "Jerry"), (6000, 7000, "Ann")]


def test_padding_is_no_cue_and_is_read_so_far() -> None:
    padding = struct.pack("<qH", 40, 1) + b"\x04\x80\x80"

    few, many = (read(Format.RAW, RAW[:11] + padding * count) for count in (RECORD_LIMIT, RECORD_LIMIT + 1))

    assert (few.cues, few.is_cut, many.cues, many.is_cut) == ((), False, (), True)


@pytest.mark.parametrize(("sent", "shown"), [
    ("1420 6161, 1420 6262, 142f", [(0, None, "aa"), (2, None, "bb")]),
    ("1420 6161, 142f, 1420 6262, 142f, 142c", [(1, 3, "aa"), (3, 4, "bb")]),
    ("1420 6161, 142c, 142f", [(0, 1, "aa"), (2, None, "")]),
    ("142c, 1420 6161 142f, 6262, 142c", [(0, None, ""), (1, None, "aa"), (2, 3, "bb")]),
    ("1420 6161, 142f 1420 6262, 142c 142f 1420 6363, 142f", [(1, 2, "aa"), (2, 3, "bb"), (3, None, "cc")]),
    ("1420 6161, 1425 6262, 1420 6363", [(0, None, "aa"), (1, None, "bb"), (2, None, "cc")]),
])
def test_text_that_is_not_loaded_and_shown_by_turns_is_kept(sent: str, shown: list[tuple[int, int | None, str]]) -> None:
    cues = on_screen(line_21_cue(time, bytes.fromhex(words)) for time, words in enumerate(sent.split(",")))

    assert [(cue.start, cue.end, cue.text) for cue in cues] == shown


def test_a_record_of_a_raw_file_that_breaks_off_is_read_as_far_as_it_goes() -> None:
    content = written(Format.RAW, CUES[:1])

    assert [cue.text for cue in read(Format.RAW, content[:30]).cues] == ["the "]
    assert read_raw(b"\xcc\xcc\xed") == Captions(Format.RAW, (), ("head cccced",))
    assert read_raw(b"\xcc\xcc") is None


@pytest.mark.parametrize("format", Format)
def test_of_a_long_file_the_first_cues_are_read(format: Format) -> None:
    many = [Spoken(10 * index, 10 * index + 10, (f"line {index}",)) for index in range(CUE_LIMIT + 100)]

    found = read(format, written(format, many))

    assert (found.is_cut, len(found.cues)) == (True, CUE_LIMIT // 2 if format is Format.SCC else CUE_LIMIT)


@pytest.mark.parametrize(("line", "text", "meanings"), [
    ("<i>a</i> <U>b</U> <b>c</b> <em>d</em>", "a b c d",
     [("italic", ""), ("underline", ""), ("bold", ""), ("italic", "")]),
    ('<font face="x" color="#FF0000">a</font>', "a", [("colour", "#ff0000")]), ("<c.yellow.bg>a</c>", "a", [("colour", "yellow.bg")]),
    ('<span tts:fontWeight="bold" style="font-style: italic" tts:textDecoration="underline">a</span>', "a",
     [("bold", ""), ("underline", "")]),
    ('<span tts:fontStyle="normal">a</span>', "a", []), ("a < b > c", "a < b > c", []), ("1 &lt; 2 &nbsp;", "1 < 2 \xa0", []),
    (r"{\an8\1c&H00FF&\b1\u0\i}a", "a", [("position", "8"), ("colour", "&h00ff&"), ("bold", "")]),
    (r"{\pos(1,2)}{a}b{", "b{", [("position", "(1,2)")]),
    ("<v Mary>hi", "hi", [])])
def test_tags_are_read_by_their_meaning(line: str, text: str, meanings: list[tuple[str, str]]) -> None:
    assert read_line(line) == (text, meanings)


@pytest.mark.parametrize(("text", "time"), [
    ("01:02:03,400", 3_723_400), ("02:03.4", 123_400), ("1:00:00:00.000", 86_400_000), ("4", None), ("", None), ("1:2:3:4:5:6", None),
    ("00:00:01,23456", 1234)])
def test_times_of_a_clock(text: str, time: int | None) -> None:
    assert clock_time(text) == time


@pytest.mark.parametrize(("text", "time"), [
    ("1.5s", 1500), ("90m", 5_400_000), ("1h", 3_600_000), ("250ms", 250), ("30f", 1000), ("10000t", 1), ("00:00:01", 1000),
    ("00:00:01.250", 1250), ("00:00:01:15", 1500), ("soon", None)])
def test_times_of_ttml(text: str, time: int | None) -> None:
    assert offset_time(text) == time


def test_times_of_a_calendar_go_on_over_the_ends_of_days_months_and_years() -> None:
    second = [calendar_time(text) for text in ("20151231235959.500", "20160101000000.500", "20160229000000.0", "20160301000000.0", "2016")]

    assert second[1] - second[0] == 1000  # type: ignore[operator]
    assert second[3] - second[2] == 86_400_000  # type: ignore[operator]
    assert second[4] is None


def test_a_format_is_none_of_the_others() -> None:
    for one, other in product(Format, Format):
        if Format.RAW not in (one, other):
            assert (read(one, written(one)).format is read(other, written(other)).format) is (one is other)
