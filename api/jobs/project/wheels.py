"""Makes wheels of packages that are installed here, so that jobs can install the same without an index."""
from __future__ import annotations

import importlib.metadata
import zipfile
from pathlib import Path

EPOCH = (1980, 1, 1, 0, 0, 0)
# What an installer writes for itself.
WRITTEN = frozenset({"INSTALLER", "REQUESTED", "direct_url.json", "RECORD"})


def write_wheel(distribution: importlib.metadata.Distribution, folder: Path) -> Path:
    """Write a wheel of an installed package of Python alone; its programs are made again from its entry points."""
    wheel = folder / f"{distribution.name.replace('-', '_')}-{distribution.version}-py3-none-any.whl"
    record, place = "", ""
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in distribution.files or ():
            source = Path(str(file.locate()))
            is_about_it = len(file.parts) == 2 and file.parts[0].endswith(".dist-info")
            place = file.parts[0] if is_about_it else place
            # Programs are listed with a way up out of the folder of packages.
            if ".." in file.parts or file.suffix == ".pyc" or (is_about_it and file.name in WRITTEN) or not source.is_file():
                continue
            archive.writestr(zipfile.ZipInfo(str(file), EPOCH), source.read_bytes(), zipfile.ZIP_DEFLATED)
            record += f"{file},,\n"
        archive.writestr(zipfile.ZipInfo(f"{place}/RECORD", EPOCH), f"{record}{place}/RECORD,,\n")
    return wheel
