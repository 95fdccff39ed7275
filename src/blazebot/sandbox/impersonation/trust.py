"""The files by which clients trust our certificate authority; they hold no secret."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from blazebot.errors import SandboxError

__all__ = ["TrustFiles", "write_trust_files"]

_CERTIFICATE_FILE: Final = "authority.pem"
_BUNDLE_FILE: Final = "bundle.pem"

_USUAL_BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # Alpine, macOS
)


class TrustFiles(NamedTuple):
    """``certificate`` is the authority's alone; ``bundle`` has the system's authorities too."""

    certificate: Path
    bundle: Path


def write_trust_files(
    directory: Path, authority: bytes, environment: Mapping[str, str]
) -> TrustFiles:
    """Write the authority's certificate (PEM), and the bundle, and return where they are.

    The system's authorities are those of ``SSL_CERT_FILE``, OpenSSL's default or a usual place,
    whichever there is first; where there is none, the bundle holds ours alone.

    Raises:
        SandboxError: a file cannot be written; the message says what to do.
    """
    files = TrustFiles(directory / _CERTIFICATE_FILE, directory / _BUNDLE_FILE)
    system = _system_authorities(environment, besides=files.bundle)
    try:
        _write(files.certificate, authority)
        _write(files.bundle, system + b"\n" + authority)
    except OSError as error:
        raise SandboxError(
            f"{error.filename or directory} cannot be written: {error.strerror}; set another "
            "directory with --ca-dir"
        ) from None
    return files


def _system_authorities(environment: Mapping[str, str], *, besides: Path) -> bytes:
    default = ssl.get_default_verify_paths().openssl_cafile
    for place in (environment.get("SSL_CERT_FILE"), default, *_USUAL_BUNDLES):
        # Who has pasted what we print has our own bundle there.
        if not place or Path(place).resolve() == besides.resolve():
            continue
        try:
            return Path(place).read_bytes()
        except OSError:
            continue
    return b""


def _write(path: Path, text: bytes) -> None:
    """Write a file at once and whole: clients may be reading it."""
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        part.write_bytes(text)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
