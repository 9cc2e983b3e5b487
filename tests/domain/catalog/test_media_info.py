"""MediaInfo's XML, from friends and from others."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.catalog.media_info import SIZE_LIMIT, Unreadable, parse_media_info

OLD = b"""<?xml version="1.0" encoding="UTF-8"?>
<Mediainfo version="0.7.64"><File>
<track type="General"><Complete_name>C:\\ci\\TempFiles\\a b.ts</Complete_name><Folder_name>/srv/ci</Folder_name>
  <Format> MPEG-TS </Format><Format>twice</Format><Empty/></track>
<track type="Audio" streamid="1"><Language>English</Language></track>
<track type="Audio" streamid="2"><Language>Fran\xc3\xa7ais</Language></track>
</File></Mediainfo>"""
NEW = b"""<?xml version="1.0"?><MediaInfo xmlns="https://mediaarea.net/mediainfo" version="2.0"><media ref="/srv/a.ts">
<track type="Text"><Format>EIA-608</Format><extra><CaptionServiceName>CC1</CaptionServiceName></extra></track><track/>
</media></MediaInfo>"""


def test_the_old_form_is_read_section_by_section() -> None:
    assert parse_media_info(OLD) == {
        "General": {"Complete_name": "a b.ts", "Format": "MPEG-TS"}, "Audio": {"Language": "English"}, "Audio #2": {"Language": "Français"}}


def test_the_new_form_is_read_too_with_what_stands_deeper() -> None:
    assert parse_media_info(NEW) == {"Text": {"Format": "EIA-608", "CaptionServiceName": "CC1"}, "Unknown": {}}


@pytest.mark.parametrize("content", [
    b"", b"no xml", b"<a><b></a>", b"<Mediainfo><File/></Mediainfo>", b"\x00\x01", b'<?xml version="1.0" encoding="nonsense"?><a/>',
    b'<!DOCTYPE a><a><track type="General"/></a>',
    b'<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]><a><track type="General"><b>&y;</b></track></a>',
    b'<a><track type="General"><b>&undefined;</b></track></a>', b"<a>" * 13 + b"</a>" * 13, b"<a>" + b"<track/>" * 101 + b"</a>",
    b"<a><track>" + b"".join(b"<f%d>x</f%d>" % (n, n) for n in range(201)) + b"</track></a>", b" " * (SIZE_LIMIT + 1)])
def test_what_mediainfo_would_never_write_is_refused(content: bytes) -> None:
    with pytest.raises(Unreadable):
        parse_media_info(content)


def test_long_texts_and_names_are_cut() -> None:
    found = parse_media_info(b'<a><track type="%s"><%s>%s</%s></track></a>' % (b"t" * 300, b"n" * 300, b"x" * 3000, b"n" * 300))

    assert found == {"t" * 100: {"n" * 100: "x" * 1000}}


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: f"<a><track type='x'><b>{text}</b></track></a>".encode()))
def test_anything_is_either_read_or_refused(content: bytes) -> None:
    try:
        found = parse_media_info(content)
    except Unreadable:
        return

    assert all(isinstance(text, str) for fields in found.values() for text in fields.values())
