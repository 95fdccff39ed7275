"""How a line is opened, kept and taken over (sections 3, 6 and 10)."""

from __future__ import annotations

import time
from collections.abc import Awaitable

from blazebot.conformance.check import Need, check
from blazebot.conformance.expectations import expect
from blazebot.conformance.raw_bot import SUBPROTOCOL
from blazebot.conformance.trial import Trial

_PING_LIMIT = 20.0  # seconds
_AT_ONCE = 1.0
_TRIES = 3  # of which the quickest counts: the network has its delays too
_PROTOCOL = "Sec-WebSocket-Protocol"


@check("6 [S]")
async def handshake_refused(trial: Trial) -> str:
    """A line with a bad token ends with 401: at the handshake, or by an ERROR and a close."""
    token = trial.bot.token(now=time.time() - 120, lifetime=60)
    answer = await trial.bot.handshake(token=token)
    if answer.status != 101:
        expect(answer.status == 401, f"the handshake was refused otherwise; {answer}")
        return "at the handshake"
    async with trial.bot.line(listing=False, token=token) as line:
        error = await line.error()
        expect(error.get("code") == 401, f"an ERROR came with the code {error.get('code')}")
        await line.closed()
    return "by an ERROR frame"


@check("10 [C]", needs=Need.LINE)
async def subprotocol_echoed(trial: Trial) -> None:
    """The subprotocol that is offered is echoed: either of two in use, or none for none."""
    for offered in (SUBPROTOCOL, "MixinBot-Blaze-1", None):
        answer = await trial.bot.handshake(headers={_PROTOCOL: offered} if offered else {})
        expect(answer.status == 101, f"offered {offered}: {answer}")
        echoed = answer.headers.get(_PROTOCOL)
        expect(echoed == offered, f"offered {offered}: answered with {echoed}")


@check("10 [C]", needs=Need.LINE)
async def no_deflate(trial: Trial) -> None:
    """The extension permessage-deflate is not taken up, though it is offered."""
    answer = await trial.bot.handshake(
        headers={"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}
    )
    expect(answer.status == 101, f"{answer}")
    extensions = answer.headers.get("Sec-WebSocket-Extensions", "")
    expect(not extensions, f"answered with {extensions}")


@check("3 [C]", needs=Need.LINE)
async def handshake_token_reused(trial: Trial) -> None:
    """A token opens the next line too."""
    token = trial.bot.token()
    for _ in range(2):
        async with trial.bot.line(token=token):
            pass


@check("6 [A]", needs=Need.LINE)
async def one_line_per_session(trial: Trial) -> None:
    """A second line of a session closes the first, and works."""
    async with trial.bot.line() as older, trial.bot.line() as newer:
        await older.closed()
        await newer.list_pending()


@check("10 [C]", needs=Need.LINE)
async def pings_answered(trial: Trial) -> None:
    """A ping is answered within 1 s, with what it holds."""
    async with trial.bot.line(autoping=False) as line:
        quickest = min([await _seconds(line.pong(b"are you there")) for _ in range(_TRIES)])
    expect(quickest <= _AT_ONCE, f"the quickest of {_TRIES} pongs took {quickest:.1f} s")


@check("10 [C]", needs=Need.LINE)
async def answers_in_time(trial: Trial) -> None:
    """A request is answered within 1 s."""
    async with trial.bot.line() as line:
        quickest = min([await _seconds(line.list_pending()) for _ in range(_TRIES)])
    expect(quickest <= _AT_ONCE, f"the quickest of {_TRIES} answers took {quickest:.1f} s")


@check("10 [C]", needs=Need.LINE, deadline=_PING_LIMIT + 15)
async def server_pings(trial: Trial) -> str:
    """The service pings within 20 s."""
    async with trial.bot.line(autoping=False) as line:
        return f"after {await _seconds(line.ping(_PING_LIMIT)):.0f} s"


async def _seconds(done: Awaitable[object]) -> float:
    began = time.monotonic()
    await done
    return time.monotonic() - began
