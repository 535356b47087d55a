"""Files that the configuration names: they must be there, and certificates must load."""

import os
import ssl
from pathlib import Path as FilePath

from config.report import Report
from config.schema import ServerTls, Tls
from config.tree import Path


def readable(name: str, folder: FilePath) -> str | None:
    """The absolute name of a file that can be read, a relative one from `folder`; None where there is none."""
    if "\0" in name:
        return None
    try:
        file = (folder / FilePath(name).expanduser()).absolute()
        return str(file) if file.is_file() and os.access(file, os.R_OK) else None
    except (OSError, RuntimeError):  # a name too long, a home that nobody has
        return None


def check_tls(tls: Tls | ServerTls, report: Report, path: Path) -> None:
    """Certificates that do not load, or do not fit their key, are mistakes now rather than at the first call."""
    if isinstance(tls, Tls):
        check_authorities(tls.ca_file, report, (*path, "ca_file"))
    if tls.cert_file:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(tls.cert_file, tls.key_file, password="")
        except (OSError, ValueError) as error:
            report.add((*path, "cert_file"), f"certificate and key can't be used together: {_reason(error)}")
    elif tls.key_file:
        report.add((*path, "key_file"), "a key_file needs its cert_file")


def check_authorities(ca_file: str | None, report: Report, path: Path) -> None:
    """A file without certificates is a mistake."""
    if ca_file is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(ca_file)
    except OSError as error:
        report.add(path, f"no certificates can be read from it: {_reason(error)}")


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or "an encrypted key is not taken"
    return str(reason).replace("_", " ").lower()
