"""Office documents are ZIP archives of XML: what is in one, before anything of it is unpacked."""

import zipfile
from pathlib import Path

from gateway.ingest.contract import FileRefused

_ENTRIES_MAX = 20_000
_UNPACKED_MAX = 2**30
"""Bytes, as the archive tells them; nothing here unpacks more of an entry than it tells."""


def kind_of_package(source: Path) -> str | None:
    """`word`, `ppt` or `xl`; None for an archive that is none of them.

    Raises FileRefused on one that is broken or would unpack to far too much.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError):
        raise FileRefused("invalid_file", "It begins like an Office document or archive and is a broken one.") from None
    if len(entries) > _ENTRIES_MAX or sum(entry.file_size for entry in entries) > _UNPACKED_MAX:
        raise FileRefused("invalid_file", "It would unpack to far more than a document has.")
    names = {entry.filename for entry in entries}
    if "[Content_Types].xml" not in names:
        return None
    return next((kind for kind in ("word", "ppt", "xl") if any(name.startswith(f"{kind}/") for name in names)), None)
