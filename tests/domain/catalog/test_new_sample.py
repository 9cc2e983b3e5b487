"""What may become a file of the library."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.catalog.new_sample import PROGRAMS, FileName, Forbidden, check_allowed, check_shown_name, parse_file_name
from api.domain.errors import Invalid, Unprocessable


@pytest.mark.parametrize(("text", "expected"), [
    ("news.ts", FileName("news.ts", "ts")), ("a/b\\c.tar.gz", FileName("c.tar.gz", "gz")), (" x.dvr-ms ", FileName("x.dvr-ms", "dvr-ms")),
    ("plain", FileName("plain", "")), (".hidden", FileName(".hidden", ""))])
def test_a_name_is_the_last_part_of_what_is_given(text: str, expected: FileName) -> None:
    assert parse_file_name(text) == expected


@pytest.mark.parametrize("text", ["", ".", "..", "a/", "a/..", "a\n.ts", "a.b c", "a.", "x" * 256, "a." + "b" * 11])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_file_name(text)


@given(st.text())
def test_no_name_has_a_part_that_leads_anywhere(text: str) -> None:
    try:
        name = parse_file_name(text)
    except Invalid:
        return

    assert not set(name.name) & set("/\\\0") and name.name not in (".", "..")
    assert name.name.endswith(name.extension)


@pytest.mark.parametrize("name", ["Evening news.ts", "news", "-x.ts", "中.ts", "part 1.of two"])
def test_a_sample_may_be_shown_under_any_name_of_a_file(name: str) -> None:
    check_shown_name(name)


@pytest.mark.parametrize("name", ["", " ", "..", "../a.ts", "a\\b.ts", "a\u202eb.ts", "a\n.ts", " a.ts", "x" * 256])
def test_a_sample_is_not_shown_under_a_path_or_what_cannot_be_seen(name: str) -> None:
    with pytest.raises(Invalid):
        check_shown_name(name)


def test_an_extension_is_forbidden_in_any_case() -> None:
    with pytest.raises(Unprocessable):
        check_allowed(FileName("a.ExE", "ExE"), b"media", Forbidden(extensions=("eXe",)))


@pytest.mark.parametrize("kind", PROGRAMS, ids=lambda kind: kind.extension)
def test_a_program_is_known_by_its_first_bytes_and_forbidden_by_its_type_or_its_extension(kind: object) -> None:
    program = next(each for each in PROGRAMS if each is kind)
    name, content = FileName("film.ts", "ts"), program.beginning + b"..."

    check_allowed(name, content, Forbidden())
    for forbidden in (Forbidden(types=(program.types[-1].upper(),)), Forbidden(extensions=(program.extension,))):
        with pytest.raises(Unprocessable):
            check_allowed(name, content, forbidden)
        check_allowed(name, b"media", forbidden)
