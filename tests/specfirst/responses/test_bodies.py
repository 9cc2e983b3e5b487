"""The way of an answer's bytes from its encoder to the server: they are made once, and never copied."""
from __future__ import annotations

from typing import Any

import pytest

from api.app import Application
from api.specfirst.binding import flask_app
from tests.specfirst.asking import ask
from tests.specfirst.conftest import ADMIN


@pytest.mark.parametrize("target", ["/api/v1/things", "/api/v1/things/5"], ids=["without a tag", "with a tag"])
def test_the_encoded_bytes_themselves_are_sent(app: Application, monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    encode, made = flask_app.encode, []

    def recorded(content: Any) -> bytes:
        made.append(encode(content))
        return made[-1]

    monkeypatch.setattr(flask_app, "encode", recorded)

    answer = ask(app, target, token=ADMIN)

    assert answer.status == 200
    assert [answer.body is each for each in made] == [True]
