"""``blazebot doctor``: what is in the way between a bot and the service, each with what to do."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import aiohttp
import msgspec
import typer

from blazebot.cli.command import run
from blazebot.cli.options import AsJson, Keystore

if TYPE_CHECKING:
    from blazebot.cli.service import Service
    from blazebot.errors import Unauthorized


class Check(msgspec.Struct):
    """One thing that was looked at. ``advice`` says what to do where it failed."""

    name: str
    result: Literal["ok", "failed", "skipped"]
    detail: str
    advice: str = ""


def doctor(
    *,
    handshake: Annotated[
        bool, typer.Option("--handshake", help="Also open the bot's line, and close it again.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Take the line without asking.")] = False,
    keystore: Keystore = None,
    as_json: AsJson = False,
) -> None:
    """Find what is wrong between the bot and the service: keystore, names, TLS, clock, session.

    The exit code is 1 if something is. REST only, so a running bot keeps its line, but for
    --handshake.
    """
    if handshake:
        from blazebot.cli.line import confirm_taking  # noqa: PLC0415

        confirm_taking(yes=yes)

    async def look() -> int:
        checks: list[Check] = []
        async for check in _checks(keystore, handshake=handshake):
            checks.append(check)
            if not as_json:
                _print(check)
        healthy = all(check.result != "failed" for check in checks)
        if as_json:
            print(json.dumps({"ok": healthy, "checks": msgspec.to_builtins(checks)}))  # noqa: T201
        return 0 if healthy else 1

    run(look)


async def _checks(source: str | None, *, handshake: bool) -> AsyncIterator[Check]:
    from blazebot.cli.service import open_service  # noqa: PLC0415
    from blazebot.errors import KeystoreError, SettingsError  # noqa: PLC0415

    try:
        async with open_service(source) as service:
            keystore = service.keystore
            yield Check("keystore", "ok", f"app {keystore.app_id}, {keystore.algorithm}")
            reached = False
            settings = service.settings
            for url in dict.fromkeys((*settings.rest_addresses, *settings.blaze_addresses)):
                check = await _address(service, url)
                reached |= check.result == "ok"
                yield check
            if not reached:
                yield Check("session", "skipped", "the service cannot be reached")
                return
            accepted = True
            for check in await _session(service):
                accepted &= check.result == "ok"
                yield check
            if handshake and accepted:
                yield await _line(service)
            elif handshake:
                yield Check("line", "skipped", "the session is not accepted")
    except KeystoreError as error:
        yield Check("keystore", "failed", str(error), "`blazebot keystore check PATH` reads one.")
    except SettingsError as error:
        advice = "Settings come from options, BLAZEBOT_* in the environment, and blazebot.toml."
        yield Check("settings", "failed", str(error), advice)


async def _address(service: Service, url: str) -> Check:
    name = f"address {url}"
    plain = url.replace("wss://", "https://", 1).replace("ws://", "http://", 1)
    timeout = aiohttp.ClientTimeout(total=service.settings.request_timeout)
    try:
        async with service.http.get(plain, timeout=timeout, allow_redirects=False) as answer:
            return Check(name, "ok", f"answers ({answer.status})")
    except (aiohttp.ClientError, OSError) as error:
        causes = ((what, advice) for kinds, what, advice in _IN_THE_WAY if isinstance(error, kinds))
        what, advice = next(causes)
        return Check(name, "failed", what.format(error=str(error) or type(error).__name__), advice)


_IN_THE_WAY: Final[tuple[tuple[tuple[type[Exception], ...], str, str], ...]] = (
    (
        (aiohttp.ClientConnectorDNSError,),
        "its name cannot be resolved",
        "Check the name and this machine's DNS, or set a proxy (BLAZEBOT_PROXY).",
    ),
    (
        (aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError),
        "the proxy does not lead there: {error}",
        "Check the proxy: BLAZEBOT_PROXY, or HTTPS_PROXY and the like in the environment.",
    ),
    (
        (aiohttp.ClientConnectorCertificateError, ssl.SSLCertVerificationError),
        "its TLS certificate is not trusted: {error}",
        "Update this machine's CA certificates; a sandbox's authority: docs/impersonation.md.",
    ),
    (
        (aiohttp.ClientSSLError, ssl.SSLError),
        "TLS failed: {error}",
        "Is there a proxy or another program in between, or http at an https address?",
    ),
    (
        (TimeoutError,),
        "no answer in time",
        "A firewall may drop it; a proxy may be needed (BLAZEBOT_PROXY).",
    ),
    (
        (aiohttp.ClientError, OSError),
        "{error}",
        "Is the address right, and does something listen there?",
    ),
)
"""What can be in the way of an address, in words, and what to do. The first that fits counts."""


async def _session(service: Service) -> list[Check]:
    from blazebot.errors import BlazebotError, Unauthorized  # noqa: PLC0415
    from blazebot.wire.limits import CLOCK_TOLERANCE  # noqa: PLC0415

    refusal: BlazebotError | None = None
    try:
        me = await service.rest.me()
    except BlazebotError as error:
        refusal = error
    checks = []
    skew = service.rest.clock_skew
    if skew is None:
        checks.append(Check("clock", "skipped", "the service told no time"))
    else:
        near = abs(skew) <= CLOCK_TOLERANCE
        advice = "" if near else f"Set the clock (NTP): more than {CLOCK_TOLERANCE} s are refused."
        detail = f"{skew:+.1f} s beside the service's"
        checks.append(Check("clock", "ok" if near else "failed", detail, advice))
    if refusal is None:
        checks.append(Check("session", "ok", f"accepted: {me.full_name}"))
    elif isinstance(refusal, Unauthorized):
        checks.append(_refused(service, refusal))
    else:
        advice = "Try again; if it stays, see what docs/errors.md says of it."
        checks.append(Check("session", "failed", str(refusal), advice))
    return checks


def _refused(service: Service, refusal: Unauthorized) -> Check:
    from blazebot.client.unauthorized import explain_unauthorized  # noqa: PLC0415
    from blazebot.delivery.session_lock import last_accepted  # noqa: PLC0415

    keystore = service.keystore
    known = last_accepted(service.settings.data_root / keystore.app_id, keystore.session_id)
    error = explain_unauthorized(
        refusal,
        clock_skew=service.rest.clock_skew,
        accepted_before=known == keystore.fingerprint,
    )
    return Check("session", "failed", f"401, cause: {error.cause}", error.advice)


async def _line(service: Service) -> Check:
    from blazebot.cli.line import open_line  # noqa: PLC0415
    from blazebot.errors import BlazebotError  # noqa: PLC0415

    pushed: list[Any] = []
    try:
        async with open_line(service, pushed.append):
            detail = "opens, and answers; what is pending stays so"
            return Check("line", "ok", detail)
    except BlazebotError as error:
        return Check("line", "failed", str(error), "What else runs with this session?")


def _print(check: Check) -> None:
    mark = {"ok": "ok     ", "failed": "FAILED ", "skipped": "skipped"}[check.result]
    print(f"{mark} {check.name}: {check.detail}")  # noqa: T201
    if check.advice:
        print(f"        {check.advice}")  # noqa: T201
