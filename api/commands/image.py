"""`ci-api image`: builds the container image that jobs run in."""
from __future__ import annotations

import argparse
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from api.commands.failure import CommandFailed
from api.config import Settings
from api.jobs.project.host_image import ImageNotBuilt, write_host_image
from api.sandbox.containers.engine import Engine, EngineError


def add(commands: Any) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "image", help="make the image that a container engine runs jobs in",
        description="Make an image of this host's own Debian packages, with Python, and give it to the engine behind "
        "CI_CONTAINER_SOCKET under the name CI_CONTAINER_IMAGE. An image of that name is replaced.")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write it into a tar file instead, for `docker import`")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Make the image. Write it to the file given with --out, or else import it into the container engine."""
    if arguments.out is not None:
        _write(arguments.out)
        print(f"Wrote {arguments.out}.")
        return 0
    engine, name = _engine(settings), settings.container_image
    with tempfile.TemporaryDirectory(prefix="ci-image-") as folder:
        archive = Path(folder, "image.tar")
        _make(archive)
        try:
            engine.import_image(archive, name)
        except EngineError as fault:
            raise CommandFailed(f"The image was not imported: {fault}.") from fault
    print(f"The engine has the image {name}.")
    return 0


def _engine(settings: Settings) -> Engine:
    """Connect to the container engine, before the image is made. Raises CommandFailed if the settings or the engine do not allow it."""
    if not settings.container_socket or not settings.container_image:
        raise CommandFailed("CI_CONTAINER_SOCKET and CI_CONTAINER_IMAGE must say which engine is to have which image; or give --out FILE.")
    if "@" in settings.container_image:
        raise CommandFailed("CI_CONTAINER_IMAGE names an image by its digest, which nobody can choose; give it a tag.")
    engine = Engine(settings.container_socket)
    try:
        engine.get("/version")
    except EngineError as fault:
        raise CommandFailed(f"There is no engine for the image: {fault}.") from fault
    return engine


def _write(target: Path) -> None:
    """Write the image to a file atomically: an existing file is replaced only by a complete one. Raises CommandFailed."""
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        _make(fresh)
        fresh.replace(target)
    except OSError as fault:
        raise CommandFailed(f"{target}: {fault.strerror}.") from fault
    finally:
        with suppress(OSError):
            fresh.unlink()


def _make(target: Path) -> None:
    try:
        write_host_image(target)
    except ImageNotBuilt as fault:
        raise CommandFailed(f"{fault}.") from fault
    except OSError as fault:
        raise CommandFailed(f"The image could not be written to {target.parent}: {fault.strerror}.") from fault
