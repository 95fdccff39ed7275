"""TLS under the service's own names: a certificate authority of our own, and what it signs.

The authority is made once and kept, so that clients are told only once to trust it. It is
constrained to those names: with its key nobody can impersonate anybody else.
"""

from __future__ import annotations

import os
import ssl
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from blazebot.errors import SandboxError
from blazebot.sandbox.impersonation.file_lock import locked

__all__ = ["CertificateAuthority", "make_authority", "open_authority", "server_context"]

_KEY_FILE: Final = "authority-key.pem"
"""The authority's key, and after it its certificate: one file, so that the two always fit."""

_AUTHORITY_LIFETIME: Final = timedelta(days=3650)

_SERVER_LIFETIME: Final = timedelta(days=397)
"""How long a sandbox may run at most. Its key is never kept; longer ones some clients refuse."""

_SLOW_CLOCKS: Final = timedelta(days=1)
"""How far a client's clock may be behind ours."""

_LOCK_WITHIN: Final = 5.0
"""Seconds to wait for another sandbox that is making the authority."""


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """An authority's certificate, and the key by which it signs."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def pem(self) -> bytes:
        """The certificate as clients are told it."""
        return self.certificate.public_bytes(Encoding.PEM)


def open_authority(directory: Path, names: Sequence[str], *, now: datetime) -> CertificateAuthority:
    """Return the authority for ``names`` that is kept in ``directory``.

    The directory is made with mode 0700 where it is missing, and the authority where there is none,
    where it was made for other names, or where it would end before what it is to sign.

    Raises:
        SandboxError: the directory cannot be used, or the authority in it is damaged or may be
            read by others; the message says what to do.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if stat.S_IMODE(directory.stat().st_mode) & 0o022:
            raise SandboxError(
                f"{directory} may be written by others: run chmod go-w {directory}, or set another "
                "directory with --ca-dir"
            )
        with locked(directory, within=_LOCK_WITHIN):
            path = directory / _KEY_FILE
            authority = _load(path)
            if authority is None or not _serves(authority, names, until=now + _SERVER_LIFETIME):
                authority = make_authority(names, now=now)
                _keep(path, authority)
            return authority
    except TimeoutError:
        raise SandboxError(
            f"another process is using {directory}: start again when it is done"
        ) from None
    except OSError as error:
        raise SandboxError(
            f"{error.filename or directory} cannot be used: {error.strerror}; set another "
            "directory with --ca-dir"
        ) from None


def make_authority(names: Sequence[str], *, now: datetime) -> CertificateAuthority:
    """Return a new authority that can sign for ``names`` and nothing else."""
    key = ec.generate_private_key(ec.SECP256R1())  # taken by every client, as Ed25519 is not
    name = _common_name("Blazebot sandbox certificate authority")
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SLOW_CLOCKS)
        .not_valid_after(now + _AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(_constraints(names), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
        .sign(key, SHA256())
    )
    return CertificateAuthority(certificate, key)


def server_context(
    authority: CertificateAuthority, names: Sequence[str], *, now: datetime
) -> ssl.SSLContext:
    """Return a server's context with a new key, and a certificate for ``names``."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_common_name(names[0]))
        .issuer_name(authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SLOW_CLOCKS)
        .not_valid_after(now + _SERVER_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.OID_SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_dns(names)), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer.value),
            critical=False,
        )
        .sign(authority.key, SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    # OpenSSL reads it from a file, which is this user's alone and is gone at once.
    with NamedTemporaryFile(prefix="blazebot-tls-") as file:
        file.write(_private_pem(key) + certificate.public_bytes(Encoding.PEM))
        file.flush()
        context.load_cert_chain(file.name)
    return context


def _load(path: Path) -> CertificateAuthority | None:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            pem = file.read()
    except FileNotFoundError:
        return None
    if mode & 0o077:
        raise SandboxError(
            f"{path} may be read by others (mode {mode:04o}): run chmod 600 {path}; if somebody "
            "may have read it, remove it instead, and another authority is made"
        )
    try:
        key = load_pem_private_key(pem, password=None)
        certificate = x509.load_pem_x509_certificate(pem)
        certificate.verify_directly_issued_by(certificate)
        whole = certificate.public_key() == key.public_key()
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        whole = False
    if not (whole and isinstance(key, ec.EllipticCurvePrivateKey)):
        raise SandboxError(
            f"{path} is damaged: remove it, and another authority is made, which clients then "
            "have to be told to trust"
        )
    return CertificateAuthority(certificate, key)


def _serves(authority: CertificateAuthority, names: Sequence[str], *, until: datetime) -> bool:
    certificate = authority.certificate
    try:
        kept = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return False
    return kept == _constraints(names) and certificate.not_valid_after_utc >= until


def _keep(path: Path, authority: CertificateAuthority) -> None:
    """Write the key and its certificate, at once and whole, to a file never readable by others."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)  # of a kill
    file = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(file, "wb") as writer:
        writer.write(_private_pem(authority.key) + authority.pem)
        writer.flush()
        os.fsync(file)
    part.replace(path)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _dns(names: Sequence[str]) -> list[x509.GeneralName]:
    return [x509.DNSName(name) for name in names]


def _constraints(names: Sequence[str]) -> x509.NameConstraints:
    # Permitted names say nothing of addresses, so these are excluded, all of them.
    addresses = [x509.IPAddress(ip_network(every)) for every in ("0.0.0.0/0", "::/0")]
    return x509.NameConstraints(permitted_subtrees=_dns(names), excluded_subtrees=addresses)


def _key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
