"""What can be in the way between a bot and the service, looked at one by one."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from typing import Any, Final, Literal

import aiohttp
import msgspec

from blazebot.cli.line import open_line
from blazebot.cli.service import Service, open_service
from blazebot.client.unauthorized import explain_unauthorized
from blazebot.delivery.session_lock import last_accepted
from blazebot.errors import BlazebotError, KeystoreError, SettingsError, Unauthorized
from blazebot.wire.limits import CLOCK_TOLERANCE


class Check(msgspec.Struct):
    """One thing that was looked at. ``advice`` says what to do where it failed."""

    name: str
    result: Literal["ok", "failed", "skipped"]
    detail: str
    advice: str = ""


async def checks(source: str | None, *, handshake: bool) -> AsyncIterator[Check]:
    """Look at everything in turn, for the keystore ``source``; at the line with ``handshake``."""
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
    refusal: BlazebotError | None = None
    try:
        me = await service.rest.me()
    except BlazebotError as error:
        refusal = error
    seen = []
    skew = service.rest.clock_skew
    if skew is None:
        seen.append(Check("clock", "skipped", "the service told no time"))
    else:
        near = abs(skew) <= CLOCK_TOLERANCE
        advice = "" if near else f"Set the clock (NTP): more than {CLOCK_TOLERANCE} s are refused."
        detail = f"{skew:+.1f} s beside the service's"
        seen.append(Check("clock", "ok" if near else "failed", detail, advice))
    if refusal is None:
        seen.append(Check("session", "ok", f"accepted: {me.full_name}"))
    elif isinstance(refusal, Unauthorized):
        seen.append(_refused(service, refusal))
    else:
        advice = "Try again; if it stays, see what docs/errors.md says of it."
        seen.append(Check("session", "failed", str(refusal), advice))
    return seen


def _refused(service: Service, refusal: Unauthorized) -> Check:
    keystore = service.keystore
    known = last_accepted(service.settings.data_root / keystore.app_id, keystore.session_id)
    error = explain_unauthorized(
        refusal,
        clock_skew=service.rest.clock_skew,
        accepted_before=known == keystore.fingerprint,
    )
    return Check("session", "failed", f"401, cause: {error.cause}", error.advice)


async def _line(service: Service) -> Check:
    pushed: list[Any] = []
    try:
        async with open_line(service, pushed.append):
            detail = "opens, and answers; what is pending stays so"
            return Check("line", "ok", detail)
    except BlazebotError as error:
        return Check("line", "failed", str(error), "What else runs with this session?")
