"""What is pending, pushed, acknowledged, and told to the sender (section 6)."""

from __future__ import annotations

from blazebot.conformance.check import Need, check
from blazebot.conformance.expectations import data_of, expect
from blazebot.conformance.line import Line
from blazebot.conformance.shapes import VIEW
from blazebot.conformance.trial import Trial
from blazebot.wire.base64 import decode_base64
from blazebot.wire.frames import ACKNOWLEDGE_MESSAGE_RECEIPT, CREATE_MESSAGE
from blazebot.wire.messages import DELIVERED, READ, SENT

_LINE_AND_PERSON = Need.LINE | Need.PERSON
_HELLOS = ("Hello", "你好")
_SEVERAL = 5


@check("4 [S]", needs=_LINE_AND_PERSON)
async def nothing_before_listing(trial: Trial) -> None:
    """Nothing is delivered before LIST_PENDING_MESSAGES."""
    message_id = await trial.person.say("hi")
    async with trial.bot.line(listing=False) as line:
        expect(not await line.pushes(message_id), "the message was pushed before it was asked for")
        await line.list_pending()
        await line.view(message_id)


@check("6 [S]", needs=_LINE_AND_PERSON)
async def pushed_until_acknowledged(trial: Trial) -> None:
    """A message that is not acknowledged comes again: by asking again, and on the next line."""
    message_id = await trial.person.say("hi")
    async with trial.bot.line() as line:
        await line.view(message_id)
        await line.list_pending()
        await line.view(message_id)
    async with trial.bot.line() as line:
        await line.view(message_id)


@check("6 [S]", needs=_LINE_AND_PERSON)
async def acknowledged_comes_no_more(trial: Trial) -> None:
    """A message that is acknowledged, READ or DELIVERED, does not come again."""
    for status in (READ, DELIVERED):
        message_id = await trial.person.say("hi")
        async with trial.bot.line() as line:
            await line.view(message_id)
            await line.acknowledge(message_id, status=status)
            await line.list_pending()
            expect(not await line.pushes(message_id), f"it came again though it was {status}")


@check("6 [A]", needs=_LINE_AND_PERSON)
async def pending_in_order(trial: Trial) -> None:
    """What is pending in a conversation is pushed from the oldest on."""
    sent = [await trial.person.say(f"{number}") for number in range(_SEVERAL)]
    async with trial.bot.line() as line:
        pushed: list[str] = []
        while len(pushed) < len(sent):
            frame = await line.frame("push", lambda frame: frame.get("action") == CREATE_MESSAGE)
            message_id = (frame.get("data") or {}).get("message_id")
            pushed += [message_id] if message_id in sent else []
    expect(pushed == sent, f"they came in the order {[sent.index(one) for one in pushed]}")


@check("6 [S]", needs=_LINE_AND_PERSON)
async def acknowledged_on_the_line(trial: Trial) -> None:
    """ACKNOWLEDGE_MESSAGE_RECEIPT with READ is seen by the sender."""
    message_id = await trial.person.say("hi")
    async with trial.bot.line() as line:
        await line.view(message_id)
        receipt = {"message_id": message_id, "status": READ}
        await line.taken(ACKNOWLEDGE_MESSAGE_RECEIPT, receipt)
    await _expect_status(trial, message_id, READ)


@check("4 [C]", needs=_LINE_AND_PERSON)
async def acknowledged_in_a_batch(trial: Trial) -> None:
    """ACKNOWLEDGE_MESSAGE_RECEIPTS moves each of its messages."""
    sent = [await trial.person.say(f"{number}") for number in range(_SEVERAL)]
    async with trial.bot.line() as line:
        await line.acknowledge(*sent)
    for message_id in sent:
        await _expect_status(trial, message_id, READ)


@check("6 [S][D]", needs=Need.PERSON)
async def acknowledged_by_rest(trial: Trial) -> None:
    """POST /acknowledgements moves a message, without a line."""
    message_id = await trial.person.say("hi")
    data_of(await trial.bot.post("/acknowledgements", [{"message_id": message_id, "status": READ}]))
    await _expect_status(trial, message_id, READ)


@check("5 [S]", needs=_LINE_AND_PERSON)
async def status_forward(trial: Trial) -> None:
    """A status only moves forward: SENT, DELIVERED, READ."""
    message_id = await trial.person.say("hi")
    await _expect_status(trial, message_id, SENT)
    async with trial.bot.line() as line:
        for status, expected in ((DELIVERED, DELIVERED), (READ, READ), (DELIVERED, READ)):
            await line.acknowledge(message_id, status=status)
            await _expect_status(trial, message_id, expected)


@check("4 [C]", needs=_LINE_AND_PERSON)
async def sender_told(trial: Trial) -> None:
    """The sender is told when a message is received, and when it is read."""
    draft = trial.draft()
    async with trial.bot.line() as line:
        await line.taken(CREATE_MESSAGE, draft)
        await trial.person.sees()
        await _expect_receipt(line, draft["message_id"], DELIVERED)
        await trial.person.read(draft["message_id"])
        await _expect_receipt(line, draft["message_id"], READ)


@check("10 [C]", needs=_LINE_AND_PERSON)
async def own_sends_acknowledged(trial: Trial) -> None:
    """A receipt of the sender's own is taken without complaint, and moves nothing."""
    draft = trial.draft()
    async with trial.bot.line() as line:
        await line.taken(CREATE_MESSAGE, draft)
        await line.acknowledge(draft["message_id"])
    await _expect_status(trial, draft["message_id"], DELIVERED)


@check("6 [S]", needs=_LINE_AND_PERSON)
async def hello_of_a_friend(trial: Trial) -> None:
    """Who adds the bot as a friend says Hello to it."""
    async with trial.bot.line() as line:
        await trial.person.befriend()
        frame = await line.frame("Hello", lambda frame: frame.get("action") == CREATE_MESSAGE)
    view = frame.get("data") or {}
    text = decode_base64(str(view.get("data_base64"))).decode()
    expect(view.get("user_id") == trial.person.user_id, "it is not from the friend")
    expect(text in _HELLOS, f"it says {text!r}")


@check("6 [A]", needs=_LINE_AND_PERSON | Need.PEER)
async def bots_deaf_to_bots(trial: Trial) -> None:
    """What a bot sends to a group does not come to other bots in it."""
    group = await trial.person.create_group(trial.peer.user_id)
    draft = trial.draft(conversation_id=group, recipient_id=None)
    async with trial.peer.line() as line:
        data_of(await trial.bot.post("/messages", draft))
        expect(not await line.pushes(draft["message_id"]), "the other bot got it")


async def _expect_status(trial: Trial, message_id: str, status: str) -> None:
    seen = (await trial.person.sees_one(message_id))["status"]
    expect(seen == status, f"the message is {seen}, not {status}")


async def _expect_receipt(line: Line, message_id: str, status: str) -> None:
    receipt = await line.receipt(message_id, status)
    missing = ", ".join(sorted(set(VIEW) - set(receipt)))
    expect(not missing, f"the receipt is no whole view: it lacks {missing}")
    source = receipt.get("source")
    expect(source == ACKNOWLEDGE_MESSAGE_RECEIPT, f"the receipt's source is {source!r}")
