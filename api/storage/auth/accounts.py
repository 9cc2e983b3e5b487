"""Accounts: the platform's users, with what this server adds to them."""
from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from api.domain.auth.access import Role
from api.domain.errors import Conflict, NotFound
from api.domain.page import Page
from api.domain.text.casefold import casefold_ascii
from api.storage.database import casefolded, session
from api.storage.platform_tables import UserRow
from api.storage.tables.accounts import AccountRow


@dataclass(frozen=True, slots=True)
class Account:
    """A user as the login needs it. `password_hash` and `github_token` are secrets; who has no role that is known may do nothing.

    `github_number` is the number at GitHub of whoever had the login when it was stored; None where nobody asked.
    """

    user_id: int
    name: str
    email: str | None
    role: Role | None
    password_hash: str
    disabled: bool
    github_login: str | None
    github_token: str | None
    github_number: int | None = None

    def __repr__(self) -> str:
        return f"Account(user_id={self.user_id}, role={self.role})"


_ACCOUNTS = select(UserRow, AccountRow).outerjoin(AccountRow, AccountRow.user_id == UserRow.id).order_by(UserRow.id)


def find_account(email: str) -> Account | None:
    """The account with this e-mail, without regard to ASCII case; None where there is none."""
    rows = session().execute(_ACCOUNTS.where(casefolded(UserRow.email) == casefold_ascii(email))).all()
    # A database may take more for alike than the case of ASCII letters, such as accents.
    return next((_account(user, ours) for user, ours in rows if casefold_ascii(user.email or "") == casefold_ascii(email)), None)


def load_account(user_id: int) -> Account:
    """The account of this id. Raises NotFound."""
    row = session().execute(_ACCOUNTS.where(UserRow.id == user_id)).one_or_none()
    if row is None:
        raise NotFound("user", user_id)
    return _account(row[0], row[1])


def list_account_page(*, limit: int, offset: int) -> Page[Account]:
    """A page of the accounts, by id."""
    shown = UserRow.id > 0
    total = session().execute(select(func.count()).select_from(UserRow).where(shown)).scalar_one()
    rows = session().execute(_ACCOUNTS.where(shown).limit(limit).offset(offset))
    return Page([_account(row[0], row[1]) for row in rows], limit, offset, total)


def lock_account(user_id: int) -> Account:
    """Within a transaction: hold an account's row until the end. Raises NotFound."""
    session().execute(select(UserRow.id).where(UserRow.id == user_id).with_for_update())
    return load_account(user_id)


def find_account_by_github_number(number: int) -> Account | None:
    """The account whose GitHub login, of now, was that user's when it was stored; None where there is none."""
    query = _ACCOUNTS.where(AccountRow.github_number == number, AccountRow.github_login == UserRow.github_login)
    row = session().execute(query).first()
    return None if row is None else _account(row[0], row[1])


def has_github_login(login: str) -> bool:
    """Whether an account has this GitHub login, without regard to ASCII case, whoever's it was when it was stored."""
    rows = session().execute(select(UserRow.github_login).where(casefolded(UserRow.github_login) == casefold_ascii(login))).scalars()
    return any(casefold_ascii(each or "") == casefold_ascii(login) for each in rows)


def list_accounts() -> list[Account]:
    """All accounts, by id."""
    return [_account(row[0], row[1]) for row in session().execute(_ACCOUNTS)]


def _account(row: UserRow, ours: AccountRow | None) -> Account:
    login = row.github_login or None
    return Account(
        row.id, row.name, row.email, row.role, row.password, ours is not None and ours.disabled, login,
        row.github_token or None, ours.github_number if ours is not None and ours.github_login == login else None)


def create_account(
    name: str, email: str, role: Role, password_hash: str, github_login: str | None = None, github_number: int | None = None,
) -> int:
    """Within a transaction: make an account. Raises Conflict where the name or the e-mail is taken. Returns its id."""
    if find_account(email) is not None:
        raise Conflict("An account with this e-mail exists already.")
    row = UserRow(name=name, email=email, role=role, password=password_hash, github_login=github_login)
    try:
        with session().begin_nested():
            session().add(row)
    except IntegrityError as taken:
        raise Conflict("An account with this name or e-mail exists already.") from taken
    record_github_login(row.id, github_login, github_number)
    return row.id


def record_password(user_id: int, password_hash: str) -> None:
    """Within a transaction: replace a password's hash, which ends the account's tokens."""
    _row(user_id).password = password_hash


def replace_password(user_id: int, known_hash: str, password_hash: str) -> None:
    """Within a transaction: replace the hash that somebody has just shown the password of. Raises Conflict where it is another by now."""
    stored = session().execute(select(UserRow.password).where(UserRow.id == user_id).with_for_update()).scalar_one_or_none()
    if stored != known_hash:
        raise Conflict("The password was changed meanwhile.", remedy="Send the password of now as the current one.")
    record_password(user_id, password_hash)


def record_profile(user_id: int, name: str | None, email: str | None) -> None:
    """Within a transaction: give an account another name or address; None leaves it. Raises Conflict where another account has it."""
    row = _row(user_id)
    other = None if email is None else find_account(email)
    if other is not None and other.user_id != user_id:
        raise Conflict("An account with this e-mail exists already.", remedy="Choose another.")
    row.name, row.email = row.name if name is None else name, row.email if email is None else email
    try:
        with session().begin_nested():
            session().flush()
    except IntegrityError as taken:
        raise Conflict("An account with this name or e-mail exists already.", remedy="Choose another.") from taken


def forget_github_token(user_id: int) -> None:
    """Within a transaction: drop the token that the platform holds of an account at GitHub; its login stays as it is."""
    _row(user_id).github_token = None


def record_role(user_id: int, role: Role) -> None:
    """Within a transaction: change a role."""
    _row(user_id).role = role


def record_github_login(user_id: int, login: str | None, number: int | None = None) -> None:
    """Within a transaction: keep the GitHub login that was verified for an account, with its user's number where it is known."""
    _row(user_id).github_login = login
    ours = session().get(AccountRow, user_id)
    if ours is None and number is None:
        return
    if ours is None:
        ours = AccountRow(user_id=user_id, disabled=False)
        session().add(ours)
    ours.github_number, ours.github_login = number, login if number is not None else None


def record_disabled(user_id: int, disabled: bool) -> None:
    """Within a transaction: let an account in, or no longer."""
    session().merge(AccountRow(user_id=user_id, disabled=disabled))


def _row(user_id: int) -> UserRow:
    row = session().get(UserRow, user_id)
    if row is None:
        raise NotFound("user", user_id)
    return row
