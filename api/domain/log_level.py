"""The level of a log line, as the programs mark it that write build logs: compilers, make, package managers, test runners, shells."""
from __future__ import annotations

import re
from enum import StrEnum

# What a level is told by stands at a line's beginning; colours before and within it are left out.
LOOKED_AT = 500
COLOUR = re.compile(r"\x1b\[[0-9;:?]{0,40}[A-Za-z]")


class LogLevel(StrEnum):
    """How grave a line is."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


WORDS = {
    "debug": LogLevel.DEBUG, "dbug": LogLevel.DEBUG, "trace": LogLevel.DEBUG, "trce": LogLevel.DEBUG, "verbose": LogLevel.DEBUG,
    "info": LogLevel.INFO, "note": LogLevel.INFO, "notice": LogLevel.INFO, "information": LogLevel.INFO,
    "warning": LogLevel.WARNING, "warn": LogLevel.WARNING,
    "error": LogLevel.ERROR, "err": LogLevel.ERROR, "fail": LogLevel.ERROR, "failed": LogLevel.ERROR, "severe": LogLevel.ERROR,
    "critical": LogLevel.CRITICAL, "crit": LogLevel.CRITICAL, "fatal error": LogLevel.CRITICAL, "fatal": LogLevel.CRITICAL,
    "panic": LogLevel.CRITICAL, "alert": LogLevel.CRITICAL, "emergency": LogLevel.CRITICAL,
}
# A place in a file as compilers write it, `main.c:3:7: ` or `main.c(3,7): `, or a program's name, `ld: `.
_PLACE = (
    r"(?:[^\s:]{1,200}:[0-9]{1,7}:(?:[0-9]{1,7}:)? {1,4}|[^\s(]{1,200}\([0-9]{1,7}(?:,[0-9]{1,7})?\) ?: |[\w./+-]{1,100} ?: {1,4})?")
_WORDS = "|".join(WORDS)
_UPPER = "DEBUG|TRACE|INFO|NOTICE|WARNING|WARN|ERROR|SEVERE|CRITICAL|FATAL|FAILED"
# Each begins at the line's own text, behind its time; the group `word` is looked up above, what has none is an error.
_FORMS = (
    # gcc and clang, rustc's error[E0425]:, Microsoft's error C2065:, and `error: …` of any program.
    rf"{_PLACE}(?P<word>(?i:{_WORDS}))(?:\[[\w:-]{{1,40}}\]| [A-Z]{{1,8}}[0-9]{{1,6}})?:(?=\s|$)(?! {{0,8}}[0-9]{{1,9}}$)",
    # Python's logging, log4j and their like: 12:00:00 - name - ERROR - text, [thread] ERROR, | ERROR |, ERROR:name:text.
    rf"(?:[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(?:[.,][0-9]{{1,6}})? )?(?:[-|] )?(?:[\w.-]{{1,100}} - |\[[^\]]{{1,60}}\] )?"
    rf"(?P<upper>{_UPPER})\b(?![-_])",
    # GitHub's ##[error] and ::error file=…::, npm ERR!, CMake Error at, logfmt, JSON, the one letter of glog.
    r"##\[(?P<github>[a-z]{4,7})\]", r"::(?P<command>error|warning|notice|debug)(?: [^:]{0,200})?::",
    r"npm (?P<npm>[A-Za-z]{3,5})\b", r"CMake (?P<cmake>Error|Warning)\b", r"(?:time=\S{1,60} )?level=(?P<logfmt>[a-z]{4,8})\b",
    r"""\{[^\n]{0,200}?"(?:level|levelname|severity)": ?"(?P<json>[A-Za-z]{3,11})\"""",
    r"(?P<glog>[IWEF])[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2}\.",
    # apt and dpkg, make, ninja, CMake.
    r"(?P<apt>[EW]): ", r"Err:[0-9]", r"dpkg: error\b", r"(?:mingw32-)?g?make(?:\[[0-9]{1,3}\])?: \*\*\* ", r"ninja: build stopped",
    r"-- Configuring incomplete, errors occurred",
    # The shell's word on how a program ended, and on what it could not start.
    r"(?:[^\s:]{1,200}: line [0-9]{1,7}: +[0-9]{1,10} )?(?:Segmentation fault|Bus error|Illegal instruction|Floating point exception)\b",
    r"[^\s:]{1,200}: line [0-9]{1,7}: +[0-9]{1,10} (?:Aborted|Killed)\b", r"(?:Aborted|Killed)(?: \(core dumped\))?$",
    r"[\w./-]{1,200}: (?:(?:line )?[0-9]{1,7}: )?[^:]{0,200}(?:: [^:]{1,200})?: "
    r"(?:command not found|not found|No such file or directory|Permission denied)$",
    # Exceptions and panics: Python, Java, JavaScript, Rust; what pytest, GoogleTest and sanitizers say of failures.
    r"Traceback \(most recent call last\):",
    r"(?:Caused by: |Exception in thread [^\n]{1,100} )?(?:[A-Za-z_]\w{0,60}\.){0,8}[A-Z]\w{0,60}(?:Error|Exception)(?::|$)",
    r"thread '[^']{0,100}'(?: \([0-9]{1,10}\))? panicked at ", r"E {2,8}\S", r"\[  FAILED  \]", r"==[0-9]{1,10}== ?ERROR:",
)
_FORM = re.compile("|".join(f"(?:{form})" for form in _FORMS))
# One of these stands in every line that has a level above or below `info`; most lines have none, which is cheap to see.
_HINTS = (
    "err", "warn", "fail", "fatal", "debug", "dbug", "trace", "trce", "verbose", "severe", "crit", "panic", "alert", "emergency",
    "exception", "*** ", "not found", "no such file", "permission denied", "killed", "aborted", "fault", "illegal instruction", "stopped",
    "undefined reference", "core dumped", "not recognized")
_BEGINNINGS = ("E", "W", "F")
# Linkers and Windows' shell say it at the end.
_ANYWHERE = ("undefined reference to ", "(core dumped)", "is not recognized as an internal or external command")
_LETTERS = {"e": LogLevel.ERROR, "w": LogLevel.WARNING, "i": LogLevel.INFO, "f": LogLevel.CRITICAL}


def without_colours(text: str) -> str:
    """The beginning of a line, as a terminal would show it without its colours."""
    head = text[:LOOKED_AT]
    return COLOUR.sub("", head) if "\x1b" in head else head


def level_of(text: str) -> LogLevel | None:
    """The level that a line's text, without time and colours, marks itself with; None where it does not."""
    folded = text.lower()
    if not text.startswith(_BEGINNINGS) and not any(hint in folded for hint in _HINTS):
        return None
    found = _FORM.match(text)
    if found is None:
        return LogLevel.ERROR if any(words in text for words in _ANYWHERE) else None
    word = next((each for each in found.groups() if each is not None), "error").lower()
    return _LETTERS.get(word) or WORDS.get(word)
