"""Tags in the text of cues: what they mean, and the text without them."""
from __future__ import annotations

import re
from html import unescape

# Tags of SRT, WebVTT, SAMI and TTML; overrides of ASS. A `<` that ends in no `>` is text.
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:]{0,15})([^<>]{0,400})>")
_OVERRIDES = re.compile(r"\{([^{}]{0,400})\}")
_OVERRIDE = re.compile(r"\\([0-9]?[a-zA-Z]{1,8})([^\\]{0,60})")
_BREAK = re.compile(r"<[Bb][Rr][ /]{0,3}>\r?\n?")
# A background is no colour of the text.
_COLOUR = re.compile(r"""(?<![A-Za-z])[Cc]olor[ =:"']{1,4}([#&]?[A-Za-z0-9]{1,20})""")
_STYLE = re.compile(r"""font(Style|Weight)[ =:"']{1,4}([A-Za-z]{1,12})""", re.IGNORECASE)
_UNDERLINE = re.compile(r"""textDecoration[ =:"']{1,4}underline""", re.IGNORECASE)

Meaning = tuple[str, str]

_PLAIN = {"i": "italic", "em": "italic", "u": "underline", "b": "bold", "strong": "bold"}
_STYLES = {"italic": "italic", "oblique": "italic", "bold": "bold"}
_ASS_FLAGS = {"i": "italic", "u": "underline", "b": "bold"}
_ASS_COLOURS = frozenset({"c", "1c"})
_ASS_POSITIONS = frozenset({"a", "an", "pos"})


def break_lines(text: str) -> list[str]:
    """The lines of a text in which `<br>` ends one."""
    return [line.strip("\r\n") for line in _BREAK.split(text)] if "<" in text else [text.strip("\r\n")]


def read_line(line: str) -> tuple[str, list[Meaning]]:
    """A line without its tags, its entities decoded, and what the tags mean; closing tags mean nothing."""
    meanings: list[Meaning] = []
    if "{" in line:
        for overrides in _OVERRIDES.findall(line):
            meanings += _meanings_of_overrides(overrides)
        line = _OVERRIDES.sub("", line)
    if "<" in line:
        for closing, name, attributes in _TAG.findall(line):
            meanings += [] if closing else _meanings_of_tag(name, attributes)
        line = _TAG.sub("", line)
    return (unescape(line) if "&" in line else line), meanings


def read_lines(lines: list[str]) -> tuple[tuple[str, ...], tuple[Meaning, ...]]:
    """Lines without their tags, and the meanings of all, sorted."""
    texts: list[str] = []
    meanings: list[Meaning] = []
    for line in lines:
        text, found = read_line(line)
        texts.append(text)
        meanings += found
    return tuple(texts), tuple(sorted(meanings))


def _meanings_of_tag(name: str, attributes: str) -> list[Meaning]:
    name = name.lower()
    if name in _PLAIN:
        return [(_PLAIN[name], "")]
    # WebVTT writes a colour as a class: <c.yellow>.
    if name == "c" and attributes.startswith("."):
        return [("colour", attributes[1:].strip().lower())]
    found = [("colour", colour.lower()) for colour in _COLOUR.findall(attributes)]
    found += [(_STYLES[value.lower()], "") for _, value in _STYLE.findall(attributes) if value.lower() in _STYLES]
    return found + [("underline", "")] * len(_UNDERLINE.findall(attributes))


def _meanings_of_overrides(overrides: str) -> list[Meaning]:
    found: list[Meaning] = []
    for name, value in _OVERRIDE.findall(overrides):
        if name in _ASS_FLAGS and value.strip() not in ("", "0"):
            found.append((_ASS_FLAGS[name], ""))
        elif name in _ASS_COLOURS and value.strip():
            found.append(("colour", value.strip().lower()))
        elif name in _ASS_POSITIONS and value.strip():
            found.append(("position", value.strip()))
    return found
