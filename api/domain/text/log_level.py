"""Detects the level of a log line, as compilers, make, package managers, test runners and shells mark it."""
from __future__ import annotations

import re
from enum import StrEnum

# What a level is told by stands at a line's beginning; colours before and within it are left out.
LOOKED_AT = 500


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
    "warning": LogLevel.WARNING, "warn": LogLevel.WARNING, "deprecation": LogLevel.WARNING,
    "error": LogLevel.ERROR, "err": LogLevel.ERROR, "fail": LogLevel.ERROR, "failed": LogLevel.ERROR, "failure": LogLevel.ERROR,
    "severe": LogLevel.ERROR,
    "critical": LogLevel.CRITICAL, "crit": LogLevel.CRITICAL, "fatal error": LogLevel.CRITICAL, "fatal": LogLevel.CRITICAL,
    "panic": LogLevel.CRITICAL, "alert": LogLevel.CRITICAL, "emergency": LogLevel.CRITICAL,
}
# What may stand before a line's own text: a time of day, syslog's beginning, a step of BuildKit, a sign of JavaScript's tools.
_TIME = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,6})?"
_LEAD = re.compile(
    rf" {{0,12}}(?:(?:\[{_TIME}\]|\({_TIME}\)|(?:[0-9]{{4}}/[0-9]{{2}}/[0-9]{{2}} )?{_TIME}"
    rf"|[A-Z][a-z]{{2}} [ 0-9][0-9] {_TIME} [\w.-]{{1,64}} [\w./-]{{1,64}}(?:\[[0-9]{{1,10}}\])?:"
    r"|#[0-9]{1,5}(?: [0-9]{1,6}\.[0-9]{1,3})?|YN[0-9]{4}:|[✘✖×▲│┃➤❌⚠]\ufe0f?) {1,4}){0,4}")
# A place in a file as compilers write it, `main.c:3:7: ` or `main.c(3,7): `, a program's name, `ld: ` or `[vite] `, a process of node.
_FILE = r"(?:[A-Za-z]:[\\/]|file://)?[^\s:][^:]{0,200}:[0-9]{1,7}:(?:[0-9]{1,7}:)? {1,4}"
_PLACE = (
    rf"(?:{_FILE}|[^\s:][^:]{{0,200}}:[0-9]{{1,7}}:[0-9]{{1,7}} - "
    rf"|(?:[A-Za-z]:)?[^\s(:][^(:]{{0,200}}\([0-9]{{1,7}}(?:,[0-9]{{1,7}})?\) ?: "
    r"|(?!note:|info:|debug:)[\w./+-]{1,100}(?:\[[0-9]{1,10}\])? ?: {1,4}|\[[\w:./@-]{1,40}\]:? |\(node:[0-9]{1,10}\) (?:\[\w{1,20}\] )?)?")
_KIND = "(?:(?i:internal compiler|internal|runtime|syntax|parse|php|php parse) )?"
_WORDS = "|".join(WORDS)
_UPPER = "DEBUG|TRACE|INFO|NOTICE|WARNING|WARN|ERROR|SEVERE|CRITICAL|FATAL|FAILED|FAILURE|FAIL"
# What is said of nothing: a count, or that there is none.
_NOTHING = r"(?! {0,8}(?:[0-9]{1,9}|none|null|false|no)$)"
# Each begins at the line's own text, behind its time; the group `word` is looked up above, what has none is an error.
_FORMS = (
    # go's own words come before what it says after them.
    r"(?P<go>panic|fatal error): ",
    # gcc and clang, rustc's error[E0425]:, Microsoft's error C2065:, and `error: …` of any program.
    rf"{_PLACE}{_KIND}(?P<word>(?i:{_WORDS}))(?:\[[\w:-]{{1,40}}\]| [A-Z]{{1,8}}[0-9]{{1,6}})?:(?=\s|$){_NOTHING}",
    # Python's warnings and node's: DeprecationWarning: text.
    rf"{_PLACE}[A-Z]\w{{0,60}}?(?P<python>Warning): ",
    # Python's logging, log4j and their like: 12:00:00 - name - ERROR - text, [thread] ERROR, | ERROR |, ERROR:name:text.
    rf"(?:[-|] )?(?:[\w.-]{{1,100}} - |\[[^\]]{{1,60}}\] )?(?P<upper>{_UPPER})\b(?![-_])",
    # GitHub's ##[error] and ::error file=…::, npm ERR!, CMake Error at, logfmt, JSON, the one letter of glog.
    r"##\[(?P<github>[a-z]{4,7})\]", r"::(?P<command>error|warning|notice|debug)(?: [^:]{0,200})?::",
    r"npm (?P<npm>[A-Za-z]{3,5})\b", r"CMake (?P<cmake>Error|Warning)\b", r"(?:time=\S{1,60} )?level=(?P<logfmt>[a-z]{4,8})\b",
    r"""\{[^\n]{0,200}?"(?:level|levelname|severity)": ?"(?P<json>[A-Za-z]{3,11})\"""",
    r"(?P<glog>[IWEF])[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2}\.",
    r"\[[0-9/:.]{4,40}:(?P<chromium>[A-Z]{4,7}):[^\]]{1,200}\]", r"(?P<logrus>DEBU|INFO|WARN|ERRO|FATA|PANI)\[[0-9]{4,9}\] ",
    # apt and dpkg, Kotlin, pycodestyle, pylint and their like; make, ninja, CMake, Gradle, go.
    r"(?P<apt>[EW]): (?![0-9])", r"Err:[0-9]", r"dpkg: error\b", r"(?P<kotlin>[ew]): (?:file:|/|[A-Za-z]:\\)",
    rf"{_FILE}(?P<lint>[EFW])[0-9]{{3,4}}:? ", r"(?P<ruff>[EFW])[0-9]{3} (?:\[\*\] )?[A-Z`]",
    r"(?:mingw32-)?g?make(?:\[[0-9]{1,3}\])?: \*\*\* ", r"[^\s:]{1,200}:[0-9]{1,7}: \*\*\* ",
    r"g?make(?:\[[0-9]{1,3}\])?: \[[^\]]{1,200}\] Error [0-9]{1,3} \((?P<make>ignored)\)", r"ninja: build stopped",
    r"-- Configuring incomplete, errors occurred", r"Errors while running CTest", r"The following (?:tests FAILED|build commands failed):",
    r"Execution failed for task ", r"> Could not ", r"[^\s:]{1,200}\.go:[0-9]{1,7}:[0-9]{1,7}: ", r"exit status [1-9]", r"go: cannot ",
    # ESLint and yarn, which have no colon; pnpm.
    r"[0-9]{1,7}:[0-9]{1,7} {1,4}(?P<eslint>error|warning) {2,12}\S", r"(?P<yarn>error|warning) (?:[A-Z\"]|package\.json: )",
    r"[0-9]{1,6} problems? \([1-9]", r"(?:ERR_PNPM_[A-Z_]{2,60}|ELIFECYCLE)\b",
    # Prose that begins with what went wrong: Error response from daemon: text, Failed to compile.
    r"(?:docker: )?(?i:error) (?:response from|parsing|in|while|during|loading|reading|running|creating|building|opening)\b[^:]{1,200}: ",
    r"Failed to [a-z]", r"failed to [a-z ]{1,60}: ",
    r"(?:Cannot|Could not|Unable to) (?:connect|open|read|write|load|resolve|create|access)\b",
    r"OCI runtime [a-z]{1,20} failed: ", r"The command '[^']{1,300}' returned a non-zero code: ", r"(?:rake|cap) aborted!", r"CONFLICT \(",
    r"curl: \([0-9]{1,3}\) ", r"wget: unable to ", r"tar: Error is not recoverable", r"Undefined symbols for architecture ",
    r"ld: symbol\(s\) not found", r"(?P<language>Warning) messages?:$",
    # The shell's word on how a program ended, and on what it could not start.
    r"(?:[^\s:]{1,200}: line [0-9]{1,7}: +[0-9]{1,10} )?(?:Segmentation fault|Bus error|Illegal instruction|Floating point exception)\b",
    r"[^\s:]{1,200}: line [0-9]{1,7}: +[0-9]{1,10} (?:Aborted|Killed)\b", r"(?:Aborted|Killed)(?: \(core dumped\))?$",
    r"[\w./-]{1,200}: (?:(?:line )?[0-9]{1,7}: )?[^:]{0,200}(?:: [^:]{1,200})?: "
    r"(?:command not found|not found|No such file or directory|Permission denied)$",
    r"zsh: (?:command not found|no such file or directory|permission denied): ",
    # Exceptions and panics: Python, Java, JavaScript, .NET, Rust; the C library's; what pytest, TAP, GoogleTest and sanitizers say.
    r"Traceback \(most recent call last\):", r"KeyboardInterrupt$",
    r"(?:Caused by: |Exception in thread [^\n]{1,100} |Unhandled exception\. |Uncaught |\[!\] |Module not found: )?"
    r"(?:[A-Za-z_]\w{0,60}\.){0,8}[A-Z]\w{0,60}(?:Error|Exception)(?: \[\w{1,60}\])?(?::|$)", r"(?:Uncaught|Module not found:) Error: ",
    r"Error \[\w{1,60}\]: ",
    r"thread '[^']{0,100}'(?: \([0-9]{1,10}\))? panicked at ", r"E {2,8}\S", r"\[  FAILED  \]",
    r"Failed!  - Failed: ", r"Failed \S{1,300} \[[<0-9]", r"--- FAIL: ", r"not ok [0-9]{1,7}\b(?![^#]{0,300}# (?i:todo|skip))",
    r"Assertion failed: ", r"assertion [`f]", r"terminate called ", r"\*\*\* stack smashing detected", r"double free or corruption",
    r"(?:free|malloc|realloc)\(\): ",
    r"==[0-9]{1,10}== ?(?:ERROR:|ERROR SUMMARY: [1-9]|Invalid (?:read|write|free)|Conditional jump|Use of uninitialised)",
    r"==[0-9]{1,10}== ?Process terminating",
    r"==[0-9]{1,10}== ?(?P<sanitizer>WARNING|Warning): ",
)
_FORM = re.compile("|".join(f"(?:{form})" for form in _FORMS))
# One of these stands in every line that has a level above or below `info`; most lines have none, which is cheap to see.
_HINTS = (
    "err", "warn", "fail", "fatal", "fata", "debug", "debu", "dbug", "trace", "trce", "verbose", "severe", "crit", "pani", "alert",
    "emergency", "deprecation", "exception", "***", "not found", "no such file", "permission denied", "killed", "abort", "fault",
    "illegal instruction", "stopped", "undefined", "core dumped", "not recognized", "not ok", "not run", "assertion", "terminat",
    "double free", "(): ", ".go:", "exit status", "cannot", "could not", "unable to",
    "non-zero code", "conflict (", "curl: ", "problem", "elifecycle",
    "interrupt", "==", ": e", ": w", ": f")
_BEGINNINGS = ("E", "W", "F", "e: ", "w: ")
# Linkers, Windows' shell and test runners say it further on, or at the end.
_ANYWHERE = (
    "undefined reference to ", "(core dumped)", "is not recognized as an internal or external command", ": Assertion `",
    "***Failed", "***Exception", "***Timeout", "***Not Run")
_END = re.compile(
    r" (?:FAILED(?: {1,80}\[ {0,2}[0-9]{1,3}%\]| in [0-9.]{1,12}s|\.| \*\*)?|ERROR {1,80}\[ {0,2}[0-9]{1,3}%\]|\([A-Z]\w{0,60}Error\))$")
_MARKS = {
    "e": LogLevel.ERROR, "w": LogLevel.WARNING, "i": LogLevel.INFO, "f": LogLevel.CRITICAL, "ignored": LogLevel.WARNING,
    "debu": LogLevel.DEBUG, "erro": LogLevel.ERROR, "fata": LogLevel.CRITICAL, "pani": LogLevel.CRITICAL}


def own_text(text: str) -> str:
    """A line's text without what programs write before it."""
    return text[lead.end():] if (lead := _LEAD.match(text)) else text


def level_of(text: str) -> LogLevel | None:
    """The level that a line's text, without time and colours, marks itself with; None where it does not."""
    casefolded = text.lower()
    if not text.startswith(_BEGINNINGS) and not any(hint in casefolded for hint in _HINTS):
        return None
    found = _FORM.match(text)
    if found is None:
        return LogLevel.ERROR if _END.search(text) or any(words in text for words in _ANYWHERE) else None
    if found["lint"] == "F" or found["ruff"] == "F":
        return LogLevel.ERROR
    word = next((each for each in found.groups() if each is not None), "error").lower()
    return _MARKS.get(word) or WORDS.get(word)
