"""The certificate authority: made once, private, and good for the service's names only."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from blazebot.errors import SandboxError
from blazebot.sandbox.impersonation import tls
from blazebot.sandbox.impersonation.file_lock import locked
from blazebot.sandbox.impersonation.tls import (
    CertificateAuthority,
    make_authority,
    open_authority,
    server_context,
)
from blazebot.sandbox.impersonation.trust import write_trust_files
from blazebot.wire.hosts import SERVICE_HOSTS

NOW = datetime.now(UTC)
KEY = "authority-key.pem"


@pytest.fixture
def no_umask() -> Iterator[None]:
    """Whatever is private is so from the start, and not by luck."""
    before = os.umask(0)
    yield
    os.umask(before)


def opened(directory: Path, now: datetime = NOW) -> CertificateAuthority:
    return open_authority(directory, SERVICE_HOSTS, now=now)


def trusting(authority: CertificateAuthority) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authority.pem.decode())
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> ssl.SSLObject:
    """Do a handshake in memory; return the client's side."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(down, up, server_hostname=name)
    answering = server.wrap_bio(up, down, server_side=True)
    for side in (asking, answering, asking, answering):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return asking


@pytest.mark.parametrize("name", SERVICE_HOSTS)
def test_clients_that_trust_it_take_it_for_each_name(name: str) -> None:
    authority = make_authority(SERVICE_HOSTS, now=NOW)
    server = server_context(authority, SERVICE_HOSTS, now=NOW)
    side = shake_hands(trusting(authority), server, name)
    assert side.selected_alpn_protocol() == "http/1.1"
    assert side.version() == "TLSv1.3"
    assert server.minimum_version == ssl.TLSVersion.TLSv1_2


def test_clients_that_do_not_trust_it_refuse_it() -> None:
    server = server_context(make_authority(SERVICE_HOSTS, now=NOW), SERVICE_HOSTS, now=NOW)
    another = make_authority(SERVICE_HOSTS, now=NOW)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(trusting(another), server, "api.mixin.one")


@pytest.mark.parametrize("name", ["bank.example", "mixin.one", "zeromesh.net", "xapi.mixin.one"])
def test_what_it_signs_for_other_names_is_refused(name: str) -> None:
    authority = make_authority(SERVICE_HOSTS, now=NOW)
    server = server_context(authority, ["api.mixin.one", name], now=NOW)
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        shake_hands(trusting(authority), server, name)


def test_what_it_signs_for_an_address_is_refused(tmp_path: Path) -> None:
    authority = make_authority(SERVICE_HOSTS, now=NOW)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(hours=1))
        .not_valid_after(NOW + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("10.0.0.1"))]), True)
        .sign(authority.key, SHA256())
    )
    path = tmp_path / "server.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + certificate.public_bytes(Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    client = ssl.create_default_context(cadata=authority.pem.decode())
    with pytest.raises(ssl.SSLCertVerificationError, match="excluded subtree violation"):
        shake_hands(client, server, "10.0.0.1")


@pytest.mark.usefixtures("no_umask")
def test_it_is_made_once_and_private(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "ca"
    made = opened(directory)
    assert opened(directory).pem == made.pem
    assert directory.stat().st_mode & 0o777 == 0o700
    assert (directory / KEY).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in directory.iterdir()] == [KEY]
    assert "key" not in repr(made)


def test_sandboxes_that_start_at_once_share_it(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(opened, [tmp_path] * 8))
    assert len({one.pem for one in made}) == 1


def test_who_waits_too_long_for_another_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "_LOCK_WITHIN", 0.0)
    with locked(tmp_path, within=0), pytest.raises(SandboxError, match="another process"):
        opened(tmp_path)


def test_it_is_made_anew_before_it_ends(tmp_path: Path) -> None:
    first = opened(tmp_path)
    assert opened(tmp_path, NOW + timedelta(days=3200)).pem == first.pem
    late = NOW + timedelta(days=3300)
    second = opened(tmp_path, late)
    assert second.pem != first.pem
    assert opened(tmp_path, late).pem == second.pem


def test_it_is_made_anew_for_other_names(tmp_path: Path) -> None:
    first = open_authority(tmp_path, ["api.example"], now=NOW)
    assert opened(tmp_path).pem != first.pem


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    opened(tmp_path)
    (tmp_path / KEY).chmod(mode)
    with pytest.raises(SandboxError, match=f"chmod 600 {tmp_path / KEY}"):
        opened(tmp_path)


def test_a_damaged_key_is_refused_without_being_shown(tmp_path: Path) -> None:
    opened(tmp_path)
    path = tmp_path / KEY
    whole = path.read_bytes()
    other = make_authority(SERVICE_HOSTS, now=NOW).pem
    for damaged in (
        b"",
        whole[: len(whole) // 2],
        whole.replace(b"M", b"N"),
        b"\xff" + whole[:100],
        whole.partition(b"-----BEGIN CERT")[0] + other,
    ):
        path.write_bytes(damaged)
        with pytest.raises(SandboxError, match="damaged: remove it") as raised:
            opened(tmp_path)
        assert "PRIVATE" not in str(raised.value)


def test_a_directory_that_others_may_write_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(SandboxError, match="chmod go-w"):
        opened(tmp_path)


def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SandboxError, match="--ca-dir"):
        opened(tmp_path / "file" / "ca")


def test_the_bundle_has_the_system_s_authorities_and_ours(tmp_path: Path) -> None:
    system, ours = (make_authority(SERVICE_HOSTS, now=NOW).pem for _ in range(2))
    (tmp_path / "system.pem").write_bytes(system)
    elsewhere = {"SSL_CERT_FILE": str(tmp_path / "system.pem")}
    certificate, bundle = write_trust_files(tmp_path, ours, elsewhere)
    assert certificate.read_bytes() == ours
    assert bundle.read_bytes() == system + b"\n" + ours
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(bundle)
    assert context.cert_store_stats()["x509_ca"] == 2


def test_a_bundle_of_ours_is_no_system_s(tmp_path: Path) -> None:
    ours = make_authority(SERVICE_HOSTS, now=NOW).pem
    _, bundle = write_trust_files(tmp_path, ours, {})
    before = bundle.read_bytes()
    for _ in range(2):
        write_trust_files(tmp_path, ours, {"SSL_CERT_FILE": str(bundle)})
    assert bundle.read_bytes() == before
