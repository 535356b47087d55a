"""TLS towards upstreams: always verified, never below 1.2."""

import ssl
from functools import lru_cache
from pathlib import Path

import certifi

from config import schema
from gateway.upstream.head import InvalidSetting


def client_context(tls: schema.Tls) -> ssl.SSLContext:
    """What a provider's certificate is judged by, and the certificate it is shown.

    Without `ca_file` the system's authorities count, and certifi's on a machine that has none. They take some 30 ms to
    read, which is for a thread, and a megabyte to hold, which providers without files of their own share.
    Raises InvalidSetting on files that can't be used.
    """
    return _context(tls) if tls.ca_file or tls.cert_file else _shared_context()


def token_context(tls: schema.Tls) -> ssl.SSLContext:
    """What the server that grants a provider's tokens is judged by: the usual authorities, and the provider's own.

    It is often another's server, and seldom shown the provider's client certificate.
    Raises InvalidSetting on a file that can't be used.
    """
    context = _context(schema.Tls())
    if tls.ca_file is not None:
        try:
            context.load_verify_locations(tls.ca_file)
        except OSError as error:
            raise InvalidSetting(f"tls.ca_file can't be used: {_reason(error)}.") from error
    return context


@lru_cache(maxsize=1)
def _shared_context() -> ssl.SSLContext:
    return _context(schema.Tls())


def _context(tls: schema.Tls) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=tls.ca_file or _fallback())
    except OSError as error:
        raise InvalidSetting(f"tls.ca_file can't be used: {_reason(error)}.") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if tls.cert_file is not None:
        try:
            context.load_cert_chain(tls.cert_file, tls.key_file, password=_refuse_password)
        except OSError as error:
            raise InvalidSetting(f"tls.cert_file and tls.key_file can't be used: {_reason(error)}.") from error
    return context


def _fallback() -> str | None:
    paths = ssl.get_default_verify_paths()
    if paths.cafile is not None or (paths.capath is not None and any(Path(paths.capath).iterdir())):
        return None
    return certifi.where()


def _refuse_password() -> str:
    """Without this, OpenSSL asks for the password on the terminal."""
    raise InvalidSetting("tls.key_file is encrypted: the gateway needs it without a password.")


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
