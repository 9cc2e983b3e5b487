"""The stores of files as configured: settings in, the archive over the disk, the bucket or both out."""
from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from api.config import ConfigurationError, Settings
from api.domain.signing import SigningKey
from api.domain.ticket import Ticket
from api.storage.archive import Archive
from api.storage.backends import LocalBackend
from api.storage.secret_file import load_secret


def load_signing_key(settings: Settings) -> SigningKey:
    """The configured secret, else the one in the file store. Raises ConfigurationError where neither can be had."""
    if settings.signing_key:
        return SigningKey(settings.signing_key.encode())
    try:
        return SigningKey(load_secret(settings.storage_root))
    except OSError as fault:
        raise ConfigurationError(f"SAMPLE_REPOSITORY: the signing key in it cannot be read or made: {fault.strerror}.") from fault


def make_archive(settings: Settings, key: SigningKey, clock: Callable[[], datetime], send_on: Callable[[str], None]) -> Archive:
    """The archive; `send_on` is told what has come in and is to go to the bucket."""
    def link(ticket: Ticket) -> str:
        return f"{settings.public_url}/api/v1/downloads/{ticket.sealed(key)}"

    local = LocalBackend(settings.storage_root, link)
    return Archive(
        [local], spool=local, clock=clock, link_lifetime=timedelta(seconds=settings.link_lifetime), send_on=send_on)
