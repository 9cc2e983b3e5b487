"""What the platform's people switch: maintenance, blocked accounts; and the values that its programs keep."""
from __future__ import annotations

from sqlalchemy import func, select

from api.domain.page import Page
from api.domain.runs.run import Platform
from api.storage.database import session
from api.storage.platform_tables import BlockedUserRow, GeneralDataRow, MaintenanceRow


def load_maintenance() -> dict[Platform, bool]:
    """Whether runs of each platform wait; of two rows of one platform, the later counts."""
    rows = session().execute(select(MaintenanceRow).order_by(MaintenanceRow.id)).scalars()
    stored = {row.platform: row.disabled for row in rows if row.platform is not None}
    return {platform: stored.get(platform, False) for platform in Platform}


def list_blocked_users(*, limit: int, offset: int) -> Page[tuple[int, str]]:
    """A page of the blocked GitHub accounts, by number, each with the reason."""
    total = session().execute(select(func.count()).select_from(BlockedUserRow)).scalar_one()
    rows = session().execute(select(BlockedUserRow).order_by(BlockedUserRow.user_id).limit(limit).offset(offset)).scalars()
    return Page([(row.user_id, row.comment or "") for row in rows], limit, offset, total)


def find_general_value(key: str) -> str | None:
    """A value that the platform's programs keep; None where there is none of this key."""
    return session().execute(select(GeneralDataRow.value).where(GeneralDataRow.key == key)).scalar_one_or_none()
