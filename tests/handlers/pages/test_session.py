"""The way in, what a session opens, and what ends it."""
from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from api.domain.auth.access import Role, Scope
from api.domain.auth.session import LIFE
from api.storage.auth import accounts, tokens
from api.storage.database import transaction
from contract.documents import load_pages
from tests.builders import add_run, add_token
from tests.handlers.conftest import MakeSite
from tests.handlers.pages.conftest import SAME_ORIGIN, Reader
from tests.handlers.site import PASSWORD, Client, Site

WHOLE = "/runs"


def opens(reader: Client, path: str = WHOLE) -> bool:
    return bool(reader.get(path).status_code == 200)


def log_in(visitor: Client, path: str = "/login", **fields: str) -> Any:
    return visitor.post(path, data=fields, headers=SAME_ORIGIN)


def test_a_stranger_is_led_to_the_way_in_and_from_there_to_what_was_wanted(site: Site, visitor: Client) -> None:
    site.account(Role.USER)

    led = visitor.get("/runs?status=fail")
    begun = log_in(visitor, led.headers["location"], email="user@example.test", password=PASSWORD)

    assert (led.status_code, led.headers["location"]) == (303, "/login?next=%2Fruns%3Fstatus%3Dfail")
    assert (begun.status_code, begun.headers["location"]) == (303, "/runs?status=fail")


def test_a_password_begins_a_session_that_opens_the_pages(reader: Reader) -> None:
    assert opens(reader(Role.USER))


def test_the_cookie_can_be_read_by_no_script_and_is_sent_from_no_other_site(site: Site, visitor: Client) -> None:
    site.account(Role.USER)

    cookie = log_in(visitor, email="user@example.test", password=PASSWORD).headers["set-cookie"]

    assert {"HttpOnly", "SameSite=Lax", "Secure", "Path=/"} <= {part.strip() for part in cookie.split(";")}


@pytest.mark.parametrize("fields", [
    {"email": "user@example.test", "password": "wrong"}, {"email": "nobody@example.org", "password": PASSWORD}, {"token": "spci_wrong"}])
def test_a_wrong_password_or_token_is_refused(site: Site, visitor: Client, fields: dict[str, str]) -> None:
    site.account(Role.USER)

    answer = log_in(visitor, **fields)

    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


def test_a_token_begins_a_session_with_its_own_scopes(site: Site, visitor: Client) -> None:
    run_id = add_run()
    value = add_token(site.account(Role.ADMIN), Scope.RESULTS_READ, now=site.clock.now)

    begun = log_in(visitor, token=value)
    holder = visitor.with_headers(Cookie=begun.headers["set-cookie"].partition(";")[0], **SAME_ORIGIN)

    assert opens(holder)
    assert holder.post(f"/runs/{run_id}/cancel").status_code == 403


def test_a_session_ends_with_the_token_that_began_it(site: Site, visitor: Client) -> None:
    user_id = site.account(Role.USER)
    begun = log_in(visitor, token=add_token(user_id, Scope.RESULTS_READ, now=site.clock.now))
    holder = visitor.with_headers(Cookie=begun.headers["set-cookie"].partition(";")[0])
    before = opens(holder)

    with transaction():
        tokens.revoke_token(user_id, tokens.list_tokens(user_id, site.clock.now, limit=1, offset=0).items[0].token_id, site.clock.now)

    assert (before, opens(holder)) == (True, False)


def test_a_session_opens_nothing_of_the_api(site: Site, reader: Reader) -> None:
    cookie = reader(Role.ADMIN)._headers["Cookie"]

    by_cookie = site.client.get("/api/v1/runs", headers={"Cookie": cookie})
    as_token = site.client.as_(cookie.partition("=")[2]).get("/api/v1/runs")

    assert (by_cookie.status_code, as_token.status_code) == (401, 401)


def test_a_token_opens_no_page(site: Site, visitor: Client) -> None:
    value = add_token(site.account(Role.ADMIN), now=site.clock.now)

    assert visitor.as_(value).get(WHOLE).status_code == 303


@pytest.mark.parametrize("ending", ["password", "role", "disabled", "age"])
def test_a_session_ends_with_what_it_began_under(site: Site, reader: Reader, ending: str) -> None:
    holder, user_id = reader(Role.CONTRIBUTOR), site.account(Role.CONTRIBUTOR)
    before = opens(holder)

    with transaction():
        match ending:
            case "password":
                accounts.record_password(user_id, "$argon2id$another")
            case "role":
                accounts.record_role(user_id, Role.ADMIN)
            case "disabled":
                accounts.record_disabled(user_id, True)
            case "age":
                site.clock.now += LIFE + timedelta(seconds=1)

    assert (before, opens(holder)) == (True, False)


def test_a_session_ends_at_the_logout(reader: Reader) -> None:
    holder = reader(Role.USER)

    answer = holder.post("/logout")

    assert (answer.status_code, opens(holder)) == (303, False)
    assert "ci_session=;" in answer.headers["set-cookie"]


@pytest.mark.parametrize("headers", [
    {}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"},
    {"Origin": ""}])
@pytest.mark.parametrize("path", ["/login", "/logout", "/runs/1/cancel"])
def test_a_form_of_another_site_is_refused(site: Site, visitor: Client, path: str, headers: dict[str, str]) -> None:
    site.account(Role.USER)

    answer = visitor.post(path, data={"email": "user@example.test", "password": PASSWORD}, headers=headers)

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("origin", ["https://ci.example.test", "http://testserver"])
def test_a_browser_that_tells_its_origin_alone_is_believed(site: Site, visitor: Client, origin: str) -> None:
    site.account(Role.USER)

    answer = visitor.post("/login", data={"email": "user@example.test", "password": PASSWORD}, headers={"Origin": origin})

    assert answer.status_code == 303


@pytest.mark.parametrize("wanted", ["//evil.example", "https://evil.example", "/\\evil.example", "/\tevil", "", "runs"])
def test_the_way_in_leads_to_no_other_server(site: Site, visitor: Client, wanted: str) -> None:
    site.account(Role.USER)

    answer = log_in(visitor, f"/login?{urlencode({'next': wanted})}", email="user@example.test", password=PASSWORD)

    assert answer.headers["location"] == "/"


@pytest.mark.parametrize(("body", "kind", "status"), [
    (b"email=a&email=b", "application/x-www-form-urlencoded", 400), (b"email=%ff", "application/x-www-form-urlencoded", 400),
    (b"&&&", "application/x-www-form-urlencoded", 400), (b"unknown=1", "application/x-www-form-urlencoded", 400),
    (b'{"email": "a"}', "application/json", 415), (b"a=" + b"1" * 100_000, "application/x-www-form-urlencoded", 413)])
def test_what_is_no_form_of_ours_is_refused(visitor: Client, body: bytes, kind: str, status: int) -> None:
    answer = visitor.post("/login", content=body, headers={**SAME_ORIGIN, "Content-Type": kind})

    assert answer.status_code == status


@pytest.mark.parametrize("path", ["/runs?status=fail&branch=a%26b", "/runs/999"])
def test_a_public_page_leads_to_the_way_in_and_from_there_back(make_site: MakeSite, path: str) -> None:
    visitor = Client(make_site(public_results=True).app, documents=(load_pages(),))

    link = visitor.get(path).text.partition('<a href="/login')[2].partition('"')[0]

    assert link == "?" + urlencode({"next": path})
    assert 'href="/login' not in visitor.get(f"/login{link}").text


def test_public_results_are_read_by_anybody_and_changed_by_nobody(make_site: MakeSite) -> None:
    site = make_site(public_results=True)
    run_id = add_run()
    visitor = Client(site.app, documents=(load_pages(),)).with_headers(**SAME_ORIGIN)

    assert opens(visitor) and opens(visitor, f"/runs/{run_id}")
    assert visitor.post(f"/runs/{run_id}/cancel").status_code == 401
    assert site.client.get("/api/v1/runs").status_code == 401
