"""Renders templates. All that is not ours stays text: everything is escaped, and the policy lets no script of a page run."""
from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

import flask
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from api.domain.auth.access import Caller
from api.domain.causes.words import cluster_words
from api.specfirst.responses.headers import PAGE_POLICY
from api.specfirst.transport.public_path import path_of

KIND = "text/html; charset=utf-8"
TONES = {
    "pass": "good", "fail": "bad", "error": "bad", "incomplete": "warn", "canceled": "off", "queued": "waiting", "running": "live",
    "missing_output": "bad", "skipped": "off", "pending": "waiting", "diff_mismatch": "bad", "match": "good"}
HEADERS = {
    "Content-Security-Policy": PAGE_POLICY.decode(), "Referrer-Policy": "same-origin", "Cache-Control": "no-store",
    "Vary": "Cookie"}
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def rendered(name: str, reader: Caller | None, public_url: str, now: datetime, **values: Any) -> str:
    """A template with these values; `root` is what every local address begins with."""
    return _templates().get_template(name).render(reader=reader, root=path_of(public_url), now=now, **values)


def compile_templates() -> None:
    """Compile all templates, so that no reader waits for it."""
    templates = _templates()
    for name in templates.list_templates():
        templates.get_template(name)


def page(text: str, status: int = 200) -> flask.Response:
    """The answer with a page."""
    return flask.Response(text, status, HEADERS, content_type=KIND)


def ago(then: datetime | None, now: datetime) -> str:
    """How long ago something was, in its largest unit."""
    if then is None:
        return "–"
    seconds = max(0, round((now - then).total_seconds()))
    for length, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return "just now"


def duration(milliseconds: int | None) -> str:
    """A length of time in its two largest units."""
    if milliseconds is None:
        return "–"
    if milliseconds < 1_000:
        return f"{milliseconds} ms"
    minutes, seconds = divmod(round(milliseconds / 1_000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def clock(milliseconds: int | None) -> str:
    """A cue's time as captions write it."""
    if milliseconds is None:
        return "–"
    sign, rest = ("-" if milliseconds < 0 else ""), abs(milliseconds)
    return f"{sign}{rest // 3_600_000:02}:{rest // 60_000 % 60:02}:{rest // 1_000 % 60:02}.{rest % 1_000:03}"


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("api.rendering.pages"), autoescape=select_autoescape(default=True), undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, auto_reload=False)
    made.filters |= {
        "ago": ago, "duration": duration, "clock": clock, "tone": lambda word: TONES.get(word, "plain"),
        "cause_words": lambda cause: cluster_words(cause.cluster)}
    return made
