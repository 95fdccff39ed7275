"""Proxies: REST and the socket both pass through one, over TLS to the service's real names."""

from __future__ import annotations

import asyncio
import base64
import datetime
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import unused_port
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from yarl import URL

from blazebot import Bot
from blazebot.bot.settings import load_bot_settings
from blazebot.client import proxies
from blazebot.client.http import open_http
from blazebot.client.proxies import Proxies, parse_proxy
from blazebot.client.rest import RestClient
from blazebot.errors import ConnectionLost, SettingsError
from blazebot.keys.issue import issue_keystore
from blazebot.keys.keystore import Keystore
from tests.wire.scripted_service import Line, ScriptedService, scripted

API, BLAZE = "api.mixin.one", "blaze.mixin.one"
APP_ID = "82d20bc7-9a97-4a69-bcd0-4da502374f6c"
SESSION_ID = "c87ff6c9-c33a-4bc3-98d7-3d449f4adfe8"
KEYSTORE = Keystore.load(issue_keystore("app", APP_ID, SESSION_ID).document)

USER, PASSWORD = "me@home", "p:ss w%rd"  # both need percent-encoding in an address
ENCODED = "me%40home:p%3Ass%20w%25rd"


@pytest.fixture(autouse=True)
def no_proxy_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


MakeBot = Callable[..., Bot]


# A service with the real names' certificate


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for both names, with its key."""
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, API)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(API), x509.DNSName(BLAZE)]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "service.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + made.public_bytes(Encoding.PEM))
    return path


@pytest.fixture
def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


async def nothing(_: Line) -> None:
    """Push nothing."""


@pytest.fixture
async def service(certificate: Path) -> AsyncIterator[ScriptedService]:
    """The service over TLS; ``url`` has its port."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    service = ScriptedService(nothing)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", service.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    service.url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    yield service
    await runner.cleanup()


# Two little proxies, which lead every name to the service


class Proxy:
    """``asked`` are the addresses that it was asked for, ``authorizations`` how by whom."""

    def __init__(self, service_port: int) -> None:
        self.service_port = service_port
        self.asked: list[str] = []
        self.authorizations: list[str] = []
        self.refuses = False
        self.port = 0

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Join a connection with one to the service."""
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.service_port)
        try:
            await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
        finally:
            far_writer.close()

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """HTTP CONNECT (RFC 9110, section 9.3.6)."""
        request, *headers = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        method, target, _ = request.split()
        assert method == "CONNECT"
        self.asked.append(target)
        given = dict(line.split(": ", 1) for line in headers if line)
        self.authorizations.append(given.get("Proxy-Authorization", ""))
        if self.refuses:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            return
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await self.relay(reader, writer)

    async def socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """SOCKS 5 with user and password (RFC 1928, 1929)."""
        _, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        if 2 in methods:
            writer.write(b"\x05\x02")
            await reader.readexactly(1)
            fields = [await reader.readexactly((await reader.readexactly(1))[0]) for _ in range(2)]
            self.authorizations.append(":".join(field.decode() for field in fields))
            writer.write(b"\x01\x00")
        else:
            writer.write(b"\x05\x00")
        _, _, _, kind = await reader.readexactly(4)
        assert kind == 3, "a name that the proxy is to look up"
        name = await reader.readexactly((await reader.readexactly(1))[0])
        port = int.from_bytes(await reader.readexactly(2), "big")
        self.asked.append(f"{name.decode()}:{port}")
        outcome = b"\x02" if self.refuses else b"\x00"  # not allowed by the rules
        writer.write(b"\x05" + outcome + b"\x00\x01" + bytes(6))
        if not self.refuses:
            await self.relay(reader, writer)


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, ssl.SSLError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def running(service: ScriptedService, kind: str) -> AsyncIterator[Proxy]:
    proxy = Proxy(URL(service.url).port or 0)
    speak = proxy.socks if kind.startswith("socks") else proxy.connect
    open_ones: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_ones.add(task)
        try:
            await speak(reader, writer)
        finally:
            open_ones.discard(task)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for task in list(open_ones):
            task.cancel()
        await asyncio.gather(*open_ones, return_exceptions=True)


KINDS = ["http", "socks5", "socks5h"]


# By setting


@pytest.fixture
def trusted_by_bots(monkeypatch: pytest.MonkeyPatch, trusting: ssl.SSLContext) -> None:
    monkeypatch.setattr("blazebot.bot.runtime.open_http", partial(open_http, tls=trusting))


@pytest.mark.usefixtures("trusted_by_bots")
@pytest.mark.parametrize("kind", KINDS)
async def test_rest_and_socket_pass_through_the_proxy(
    service: ScriptedService, tmp_path: Path, kind: str
) -> None:
    async with running(service, kind) as proxy:
        bot = Bot(
            KEYSTORE,
            api_urls=(f"https://{API}",),
            blaze_urls=(f"wss://{BLAZE}/",),
            proxy=f"{kind}://{ENCODED}@127.0.0.1:{proxy.port}",
            data_dir=str(tmp_path),
        )
        async with asyncio.timeout(10), bot:
            assert (await bot.rest.me()).user_id
        assert set(proxy.asked) == {f"{API}:443", f"{BLAZE}:443"}
        assert len(service.lines) == 1
        plain = f"{USER}:{PASSWORD}"
        basic = f"Basic {base64.b64encode(plain.encode()).decode()}"
        assert set(proxy.authorizations) == {basic if kind == "http" else plain}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_setting_stands_for_every_address(
    service: ScriptedService, trusting: ssl.SSLContext, kind: str
) -> None:
    trusting.check_hostname = False
    async with (
        running(service, kind) as proxy,
        open_http(Proxies(f"{kind}://127.0.0.1:{proxy.port}"), tls=trusting) as http,
    ):
        # By name, as a SOCKS proxy is asked for an address of this machine in another form.
        url = f"https://localhost:{URL(service.url).port}"
        await RestClient(KEYSTORE, http, urls=[url], timeout=5.0).me()
        assert proxy.asked == [url.removeprefix("https://")]


async def test_a_service_without_tls_is_asked_for_by_its_whole_address() -> None:
    asked: list[tuple[str, str]] = []

    async def forward(request: web.BaseRequest) -> web.StreamResponse:
        asked.append((request.raw_path, request.headers["Proxy-Authorization"]))
        return web.json_response({"data": {"user_id": APP_ID}})

    runner = web.ServerRunner(web.Server(forward))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"http://me:@127.0.0.1:{runner.addresses[0][1]}"
    async with open_http(Proxies(address)) as http:
        await RestClient(KEYSTORE, http, urls=["http://sandbox.test"], timeout=5.0).me()
    assert asked == [("http://sandbox.test/me", "Basic bWU6")]
    await runner.cleanup()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_proxy_that_refuses_or_is_not_there(
    service: ScriptedService,
    trusting: ssl.SSLContext,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("blazebot.client.calls._BACKOFF", 0.001)
    async with running(service, kind) as proxy:
        proxy.refuses = True
        for port in (proxy.port, unused_port()):
            address = f"{kind}://{ENCODED}@127.0.0.1:{port}"
            async with open_http(Proxies(address), tls=trusting) as http:
                rest = RestClient(KEYSTORE, http, urls=[f"https://{API}"], timeout=5.0)
                with pytest.raises(ConnectionLost, match="cannot be reached") as caught:
                    await rest.call("POST", "/me")
                assert "home" not in str(caught.value)
                assert "%rd" not in str(caught.value)
        assert len(proxy.asked) == 4  # nothing had been sent, so it was tried again
    assert service.calls == []


# By environment


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("kind", ["http", "socks5"])
async def test_the_environment_names_a_proxy(
    service: ScriptedService,
    trusting: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    kind: str,
) -> None:
    async with running(service, kind) as proxy, open_http(tls=trusting) as http:
        monkeypatch.setenv(variable, f"{kind}://127.0.0.1:{proxy.port}")
        await RestClient(KEYSTORE, http, urls=[f"https://{API}"], timeout=5.0).me()
        async with http.ws_connect(f"wss://{BLAZE}/", protocols=("Mixin-Blaze-1",)):
            pass
        assert proxy.asked == [f"{API}:443", f"{BLAZE}:443"]


def test_which_proxy_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    proxies = Proxies()
    assert proxies.of("https://api.mixin.one/me") is None
    monkeypatch.setenv("HTTP_PROXY", "http://plain:1")
    monkeypatch.setenv("ALL_PROXY", "all:2")
    assert proxies.of("http://host/") == URL("http://plain:1")
    assert proxies.of("ws://host/") == URL("http://plain:1")
    assert proxies.of("https://host/") == URL("http://all:2")
    monkeypatch.setenv("HTTPS_PROXY", "http://secure:3")
    assert proxies.of("https://host/") == proxies.of("wss://host/") == URL("http://secure:3")
    monkeypatch.setenv("NO_PROXY", "example.org, .zeromesh.net")
    for host in ("example.org", "mixin-api.zeromesh.net"):
        assert proxies.of(f"https://{host}/") is None
    assert proxies.of("https://api.mixin.one/") is not None
    monkeypatch.setenv("NO_PROXY", "*")
    assert proxies.of("https://api.mixin.one/") is None


@pytest.mark.parametrize(
    "host", ["127.0.0.1:7777", "127.8.9.1", "localhost:80", "bot.localhost", "[::1]:7777"]
)
def test_loopback_goes_through_no_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://proxy:1")
    assert Proxies().of(f"http://{host}/") is None
    assert Proxies().of(f"wss://{host}/") is None
    assert Proxies("http://set:1").of(f"http://{host}/") == URL("http://set:1")


async def test_a_bot_reaches_a_sandbox_whatever_the_environment_says(
    make_bot: MakeBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{unused_port()}")
    async with scripted(nothing) as service, asyncio.timeout(10), make_bot(service.url) as bot:
        assert (await bot.rest.me()).user_id


# Mistakes


@pytest.mark.parametrize(
    "text", ["ftp://secret@host", "http://", "http://secret@:80", "//x", "a b:"]
)
def test_what_is_no_proxy_is_told_without_its_secrets(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^proxy: should be the address") as caught:
        load_bot_settings({"proxy": text})
    assert "secret" not in str(caught.value)


def test_a_mistake_in_the_environment_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks9://secret@host")
    with pytest.raises(SettingsError, match="environment variable ALL_PROXY") as caught:
        Proxies().check(["https://api.mixin.one"])
    assert "secret" not in str(caught.value)


async def test_the_missing_extra_is_named_at_the_start(
    make_bot: MakeBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxies, "_SOCKS", "no_such_module")
    bot = make_bot("http://127.0.0.1:1", proxy="socks5://host:1")
    for _ in range(2):  # the second time too: nothing is held
        with pytest.raises(SettingsError, match=r"pip install 'blazebot\[socks\]'"):
            await bot.start()


def test_addresses_of_proxies() -> None:
    assert parse_proxy("socks5://host", "proxy").port == 1080
    assert parse_proxy("host:3128", "proxy") == URL("http://host:3128")
    assert "hidden" not in repr(load_bot_settings({"proxy": "http://u:hidden@h:1"}))
