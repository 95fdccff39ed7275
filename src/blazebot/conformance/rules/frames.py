"""What a bot's frames are answered with, good ones and bad ones (section 4)."""

from __future__ import annotations

from blazebot.conformance.check import Need, check
from blazebot.conformance.expectations import expect, refused_frame
from blazebot.conformance.line import Frame
from blazebot.conformance.shapes import ERROR, expect_shape
from blazebot.conformance.trial import Trial, new_id
from blazebot.wire.codec import compress
from blazebot.wire.frames import (
    ACKNOWLEDGE_MESSAGE_RECEIPT,
    ACKNOWLEDGE_MESSAGE_RECEIPTS,
    LIST_PENDING_MESSAGES,
)
from blazebot.wire.limits import BATCH_LIMIT
from blazebot.wire.messages import READ

_BAD_FRAMES = {
    "bytes that are not gzip": b"hello",
    "gzip that is cut off": compress(b'{"id": "1", "action": "X"}')[:-6],
    "gzip of what is not JSON": compress(b"{]"),
    "gzip of a list": compress(b"[1]"),
    "a frame without an id": compress(b'{"action": "X"}'),
}


@check("4 [S]", needs=Need.LINE)
async def frames_binary(trial: Trial) -> None:
    """Whatever comes on the line is binary: gzip of one JSON object."""
    async with trial.bot.line(listing=False) as line:
        await line.list_pending()


@check("4 [C]", needs=Need.LINE)
async def listing_answered_bare(trial: Trial) -> None:
    """The answer to LIST_PENDING_MESSAGES has the request's id and action, and nothing else."""
    async with trial.bot.line(listing=False) as line:
        _expect_bare(LIST_PENDING_MESSAGES, await line.list_pending())


@check("4 [C]", needs=Need.LINE)
async def listing_with_offset(trial: Trial) -> None:
    """LIST_PENDING_MESSAGES may have an offset: null, or a time."""
    async with trial.bot.line(listing=False) as line:
        for offset in (None, "2024-01-01T00:00:00.000000Z"):
            await line.taken(LIST_PENDING_MESSAGES, {"offset": offset})


@check("4 [A]", needs=Need.LINE)
async def listing_again(trial: Trial) -> None:
    """LIST_PENDING_MESSAGES may be sent again on the same line."""
    async with trial.bot.line() as line:
        await line.list_pending()


@check("4 [C]", needs=Need.LINE)
async def receipts_answered_bare(trial: Trial) -> None:
    """Answers to both acknowledgements have the request's id and action, and nothing else."""
    receipt = {"message_id": new_id(), "status": READ}
    async with trial.bot.line() as line:
        for action, params in (
            (ACKNOWLEDGE_MESSAGE_RECEIPT, receipt),
            (ACKNOWLEDGE_MESSAGE_RECEIPTS, {"messages": [receipt]}),
        ):
            _expect_bare(action, await line.request(action, params))


@check("10 [C]", needs=Need.LINE)
async def receipts_of_anything(trial: Trial) -> None:
    """A receipt for a message that is not there is taken without complaint."""
    async with trial.bot.line() as line:
        await line.taken(ACKNOWLEDGE_MESSAGE_RECEIPT, {"message_id": new_id(), "status": READ})


@check("4 [A]", needs=Need.LINE)
async def receipts_at_most_100(trial: Trial) -> None:
    """A batch of more than 100 receipts on the line is refused with 10002."""
    receipts = [{"message_id": new_id(), "status": READ}] * (BATCH_LIMIT + 1)
    async with trial.bot.line() as line:
        frame = await line.request(ACKNOWLEDGE_MESSAGE_RECEIPTS, {"messages": receipts})
    refused_frame(frame, 10002)


@check("4 [A]", needs=Need.LINE)
async def unknown_action(trial: Trial) -> None:
    """An action that there is not is refused with 10002, and the line goes on."""
    async with trial.bot.line() as line:
        refused_frame(await line.request("NO_SUCH_ACTION"), 10002)
        await line.list_pending()


@check("4 [S]", needs=Need.LINE)
async def error_frame(trial: Trial) -> None:
    """An error on the line has status and code as numbers, a description, and no data."""
    async with trial.bot.line() as line:
        frame = await line.request("NO_SUCH_ACTION")
    expect_shape("error", frame.get("error"), ERROR)
    expect(set(frame) == {"id", "action", "error"}, f"the frame has {_names(frame)}")


@check("4 [A]", needs=Need.LINE)
async def text_frame(trial: Trial) -> None:
    """A text frame is answered by an ERROR with 400, and the line goes on."""
    async with trial.bot.line() as line:
        await line.socket.send_str('{"id": "1", "action": "LIST_PENDING_MESSAGES"}')
        code = (await line.error()).get("code")
        expect(code == 400, f"answered by an ERROR with {code}")
        await line.list_pending()


@check("4 [A]", needs=Need.LINE)
async def bad_frame(trial: Trial) -> None:
    """What is no frame is answered by an ERROR with 400, and the line goes on."""
    async with trial.bot.line() as line:
        for what, data in _BAD_FRAMES.items():
            await line.socket.send_bytes(data)
            code = (await line.error()).get("code")
            expect(code == 400, f"{what}: answered by an ERROR with {code}")
        await line.list_pending()


def _expect_bare(action: str, frame: Frame) -> None:
    expect(frame.get("action") == action, f"the answer's action is {frame.get('action')}")
    expect(set(frame) == {"id", "action"}, f"the answer to {action} has {_names(frame)}")


def _names(frame: Frame) -> str:
    return ", ".join(sorted(frame))
