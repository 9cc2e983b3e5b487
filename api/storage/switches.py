"""What the platform's people switch: maintenance, blocked accounts, endings that are not taken; and the values that its programs keep."""
from __future__ import annotations

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError

from api.domain.errors import Conflict, NotFound
from api.domain.page import Page
from api.domain.runs.run import Platform
from api.storage.column_types import is_id
from api.storage.database import Base, change, session
from api.storage.platform_tables import BlockedUserRow, ForbiddenExtensionRow, GeneralDataRow, MaintenanceRow


def load_maintenance() -> dict[Platform, bool]:
    """Whether runs of each platform wait; of two rows of one platform, the later counts."""
    rows = session().execute(select(MaintenanceRow).order_by(MaintenanceRow.id)).scalars()
    stored = {row.platform: row.disabled for row in rows if row.platform is not None}
    return {platform: stored.get(platform, False) for platform in Platform}


def list_blocked_users(*, limit: int, offset: int) -> Page[tuple[int, str]]:
    """A page of the blocked GitHub accounts, by number, each with the reason."""
    shown = is_id(BlockedUserRow.user_id)
    total = session().execute(select(func.count()).select_from(BlockedUserRow).where(shown)).scalar_one()
    query = select(BlockedUserRow).where(shown).order_by(BlockedUserRow.user_id).limit(limit).offset(offset)
    rows = session().execute(query).scalars()
    return Page([(row.user_id, row.comment or "") for row in rows], limit, offset, total)


def find_general_value(key: str) -> str | None:
    """A value that the platform's programs keep; None where there is none of this key."""
    return session().execute(select(GeneralDataRow.value).where(GeneralDataRow.key == key)).scalar_one_or_none()


def block_user(user_id: int, comment: str) -> None:
    """Within a transaction: block a GitHub account. Raises Conflict for one that is blocked already."""
    _insert(BlockedUserRow(user_id=user_id, comment=comment), "This GitHub account is blocked already.")


def unblock_user(user_id: int) -> None:
    """Within a transaction: unblock a GitHub account. Raises NotFound for one that is not blocked."""
    if not change(delete(BlockedUserRow).where(BlockedUserRow.user_id == user_id)):
        raise NotFound("blocked_user", user_id, remedy="GET /system/blocked-users lists them.")


def list_forbidden_extensions(*, limit: int, offset: int) -> Page[str]:
    """A page of the endings that no sample may have, in alphabetical order."""
    total = session().execute(select(func.count()).select_from(ForbiddenExtensionRow)).scalar_one()
    rows = session().execute(
        select(ForbiddenExtensionRow.extension).order_by(ForbiddenExtensionRow.extension).limit(limit).offset(offset))
    return Page(list(rows.scalars()), limit, offset, total)


def forbid_extension(extension: str) -> None:
    """Within a transaction: take files of this ending no longer. Raises Conflict where they are not taken already."""
    _insert(ForbiddenExtensionRow(extension=extension), "Files of this ending are not taken already.")


def allow_extension(extension: str) -> None:
    """Within a transaction: take files of this ending again. Raises NotFound where they are taken."""
    if not change(delete(ForbiddenExtensionRow).where(ForbiddenExtensionRow.extension == extension)):
        raise NotFound("forbidden_extension", extension, remedy="GET /system/forbidden-extensions lists them.")


def _insert(row: Base, otherwise: str) -> None:
    try:
        with session().begin_nested():
            session().add(row)
    except IntegrityError as taken:
        raise Conflict(otherwise, remedy="Nothing is left to be done.") from taken
