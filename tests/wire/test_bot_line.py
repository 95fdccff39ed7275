"""The line to the service: opened, refused, lost and found, closed."""

from __future__ import annotations

import asyncio
import socket
from typing import Any
from uuid import uuid4

import pytest

from blazebot import Bot, Message, SendTimeout, Text, Unauthorized
from blazebot.errors import NotRunning, SessionInUse
from blazebot.keys.issue import issue_keystore
from blazebot.testing.control import Control
from blazebot.testing.processes import SandboxProcess
from blazebot.wire.frames import LIST_PENDING_MESSAGES
from tests.wire.conftest import APP_ID, SESSION_ID, Logged
from tests.wire.scripted_service import Line, message, scripted
from tests.wire.world import MakeBot

pytestmark = pytest.mark.sandbox("shared")


async def nothing(line: Line) -> None:
    """Let the line be open."""


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# Refused for good


async def new_bot(control: Control, make_bot: MakeBot, url: str) -> Bot:
    bot_id = await control.create_bot("Bot")
    return make_bot(url, await control.issue_session(bot_id, "app"))


async def test_a_session_that_is_replaced_while_connected_ends_the_bot(
    sandbox: SandboxProcess, control: Control, make_bot: MakeBot
) -> None:
    # The sandbox says it in an ERROR frame on the open line.
    bot = await new_bot(control, make_bot, sandbox.url)
    async with bot:
        await control.issue_session(bot.id, "app")
        with pytest.raises(Unauthorized, match="Generate a new session") as refused:
            async with asyncio.timeout(20):
                await bot.wait_closed()
    assert refused.value.cause == "session"


async def test_a_session_that_was_replaced_is_told_at_the_handshake(
    sandbox: SandboxProcess, control: Control, make_bot: MakeBot
) -> None:
    bot = await new_bot(control, make_bot, sandbox.url)
    async with bot:
        pass
    await control.issue_session(bot.id, "app")
    with pytest.raises(Unauthorized) as refused:
        async with asyncio.timeout(20), bot:
            pass
    assert refused.value.cause == "session"


async def test_a_key_that_never_fitted(
    sandbox: SandboxProcess, control: Control, make_bot: MakeBot
) -> None:
    bot_id = await control.create_bot("Bot")
    document = await control.issue_session(bot_id, "app")
    other = issue_keystore("app", bot_id, document["session_id"]).document
    bot = make_bot(sandbox.url, document | {"session_private_key": other["session_private_key"]})
    with pytest.raises(Unauthorized, match="do not belong together") as refused:
        async with asyncio.timeout(20), bot:
            pass
    assert refused.value.cause == "key"


@pytest.mark.parametrize("offset", [-400, 400])
async def test_a_clock_that_is_off(
    sandbox: SandboxProcess, control: Control, make_bot: MakeBot, offset: int
) -> None:
    bot = await new_bot(control, make_bot, sandbox.url)
    await control.call("POST", "/clocks", {"token_offset": offset})
    with pytest.raises(Unauthorized, match=r"clock is [+-]?400 s off") as refused:
        async with asyncio.timeout(20), bot:
            pass
    assert refused.value.cause == "clock"


async def test_a_401_that_rest_does_not_confirm_is_a_loss_like_any_other(
    make_bot: MakeBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blazebot.client.blaze._BACKOFF_BASE", 0.01)
    again = asyncio.Event()

    async def script(line: Line) -> None:
        if len(service.lines) == 1:
            error = {"status": 202, "code": 401, "description": "Unauthorized"}
            await line.send({"id": str(uuid4()), "action": "ERROR", "error": error})
            await line.socket.close()
        else:
            again.set()

    async with scripted(script) as service:
        bot = make_bot(service.url)
        await bot.start()
        async with asyncio.timeout(20):
            await again.wait()
        await bot.stop()
        assert [path for path, _ in service.calls] == ["/me"]


async def test_a_401_to_the_listing_is_final_too(make_bot: MakeBot, logged: Logged) -> None:
    async def script(line: Line) -> None:
        pass

    error = {"status": 202, "code": 401, "description": "Unauthorized"}
    async with scripted(script) as service:
        service.me = {"error": error}
        service.listing = {"error": error}
        bot = make_bot(service.url)
        with pytest.raises(Unauthorized):
            async with asyncio.timeout(20), bot:
                pass
        await logged.until("the bot has stopped serving")


# Lost and found


async def test_a_listing_that_is_lost_and_then_refused_has_a_new_line_opened(
    make_bot: MakeBot,
) -> None:
    again = asyncio.Event()

    async def script(line: Line) -> None:
        if len(service.lines) > 1:
            again.set()
            return
        await line.request(LIST_PENDING_MESSAGES)
        service.listing = {}
        line.listing = {"error": {"status": 202, "code": 500, "description": "Internal"}}

    async with scripted(script) as service:
        service.listing = {"id": str(uuid4())}  # which answers nothing that was asked
        async with asyncio.timeout(20), make_bot(service.url, request_timeout=0.5):
            await again.wait()


async def test_the_alternate_host_is_tried(
    make_bot: MakeBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blazebot.client.blaze._BACKOFF_BASE", 0.01)
    async with scripted(nothing) as service:
        dead = f"127.0.0.1:{unused_port()}"
        bot = make_bot(
            "",
            api_urls=(f"http://{dead}", service.url),
            blaze_urls=(f"ws://{dead}/", service.url.replace("http", "ws") + "/"),
        )
        async with asyncio.timeout(20), bot:
            assert (await bot.rest.me()).user_id


async def test_a_service_that_is_down_at_the_start_is_waited_for(
    make_bot: MakeBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blazebot.client.blaze._BACKOFF_BASE", 0.01)
    async with scripted(nothing) as service:
        service.refusal = 502
        bot = make_bot(service.url)
        await bot.start()
        service.refusal = None
        async with asyncio.timeout(20):
            await bot.wait_open()
        await bot.stop()


async def test_a_send_without_an_answer_goes_again_with_the_same_ids(make_bot: MakeBot) -> None:
    view = message("hi")

    async def script(line: Line) -> None:
        line.answers = False
        await line.push(view)
        first = await line.request("CREATE_MESSAGE", 1)
        second = await line.request("CREATE_MESSAGE", 2)
        assert first == second  # the frame's id too: so a late answer to the first try counts
        await line.send({"id": first["id"], "action": "CREATE_MESSAGE"})
        line.answers = True
        await line.until_acknowledged(view["message_id"])
        done.set()

    done = asyncio.Event()
    async with scripted(script) as service:
        bot = make_bot(service.url, request_timeout=0.3)

        @bot.on(Text)
        async def echo(message: Message[Text]) -> None:
            await message.reply(message.content.text)

        async with asyncio.timeout(20), bot:
            await done.wait()
    assert not service.failures


async def test_a_send_outlives_its_line(make_bot: MakeBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blazebot.client.blaze._BACKOFF_BASE", 0.01)
    sent: list[dict[str, Any]] = []

    async def script(line: Line) -> None:
        line.answers = len(service.lines) > 1
        sent.append(await line.request("CREATE_MESSAGE"))
        if len(service.lines) == 1 and line.socket._req is not None:
            line.socket._req.transport.abort()  # type: ignore[union-attr]

    async with scripted(script) as service:
        bot = make_bot(service.url)
        async with asyncio.timeout(20), bot:
            message_id = await bot.send(str(uuid4()), "hi")
    assert sent[0] == sent[1]
    assert sent[0]["params"]["message_id"] == message_id


async def test_a_send_ends_at_its_deadline(make_bot: MakeBot) -> None:
    async def script(line: Line) -> None:
        line.answers = False

    async with scripted(script) as service:
        bot = make_bot(service.url, send_timeout=0.3, request_timeout=0.2)
        async with asyncio.timeout(20), bot:
            with pytest.raises(SendTimeout, match="send_timeout"):
                await bot.send(str(uuid4()), "hi")


@pytest.mark.parametrize("code", [429, 500, 7000])
async def test_a_temporary_refusal_is_tried_again_with_the_same_message_id(
    make_bot: MakeBot, code: int
) -> None:
    async def script(line: Line) -> None:
        line.answers = False
        first = await line.request("CREATE_MESSAGE", 1)
        error = {"status": 202, "code": code, "description": "later"}
        await line.send({"id": first["id"], "action": "CREATE_MESSAGE", "error": error})
        second = await line.request("CREATE_MESSAGE", 2)
        assert first["params"] == second["params"]
        await line.send({"id": second["id"], "action": "CREATE_MESSAGE"})

    async with scripted(script) as service:
        bot = make_bot(service.url)
        async with asyncio.timeout(20), bot:
            await bot.send(str(uuid4()), "hi")
    assert not service.failures


async def test_receipts_go_by_rest_when_the_socket_is_gone(
    make_bot: MakeBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = message("hi")
    handled = asyncio.Event()

    async def script(line: Line) -> None:
        await line.push(view)
        await handled.wait()
        service.refusal = 503
        await line.socket.close()

    async with scripted(script) as service:
        bot = make_bot(service.url, receipt_delay=0.5)

        @bot.on(Text)
        async def take(message: Message[Text]) -> None:
            handled.set()

        async with bot:
            receipts = await service.until_called("/acknowledgements")
    assert receipts == [{"message_id": view["message_id"], "status": "READ"}]


# One process per session


async def test_a_second_process_with_the_session_is_refused(make_bot: MakeBot) -> None:
    document = issue_keystore("app", APP_ID, SESSION_ID).document
    async with scripted(nothing) as service, make_bot(service.url, document):
        with pytest.raises(SessionInUse, match="stop the other process"):
            await make_bot(service.url, document).start()
    async with scripted(nothing) as service, make_bot(service.url, document):
        pass  # free again


async def test_a_session_used_elsewhere_backs_off_and_says_so(
    make_bot: MakeBot, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    monkeypatch.setattr("blazebot.client.blaze._BACKOFF_BASE", 0.01)

    async def script(line: Line) -> None:
        await line.socket.close()

    async with scripted(script) as service:
        bot = make_bot(service.url)
        await bot.start()
        await logged.until("another process uses this session")
        await bot.stop()
        assert len(service.lines) == 3


# The end


async def test_stop_finishes_what_runs_and_closes_with_1000(make_bot: MakeBot) -> None:
    running, let_finish = asyncio.Event(), asyncio.Event()
    one, two = message("runs"), message("waits")
    codes: list[int | None] = []
    over = asyncio.Event()

    async def script(line: Line) -> None:
        await line.push(one)
        await line.push(two)
        codes.append(await line.until_closed())
        over.set()

    async with scripted(script) as service:
        bot = make_bot(service.url)

        @bot.on(Text)
        async def take(message: Message[Text]) -> None:
            running.set()
            await let_finish.wait()
            await message.reply("done")

        async with asyncio.timeout(20), bot:
            await running.wait()
            stopping = asyncio.create_task(bot.stop())
            await asyncio.sleep(0)
            let_finish.set()
            await stopping
            await over.wait()
        line: Line = service.lines[0]
    assert codes == [1000]
    assert len(line.all("CREATE_MESSAGE")) == 1
    assert line.acknowledged() == {one["message_id"]: "READ"}


async def test_stop_lets_sends_end(make_bot: MakeBot) -> None:
    async def script(line: Line) -> None:
        line.answers = False
        asked = await line.request("CREATE_MESSAGE")
        await stopping.wait()
        await line.send({"id": asked["id"], "action": asked["action"]})
        line.answers = True

    stopping = asyncio.Event()
    async with scripted(script) as service:
        bot = make_bot(service.url)
        async with bot:
            sending = asyncio.create_task(bot.send(str(uuid4()), "last words"))
            await service.lines[0].request("CREATE_MESSAGE")
            stopping.set()
        await sending


async def test_stop_gives_up_a_handler_after_the_grace(make_bot: MakeBot) -> None:
    running = asyncio.Event()
    view = message("never ends")

    async def script(line: Line) -> None:
        await line.push(view)

    async with scripted(script) as service:
        bot = make_bot(service.url, stop_grace=0.2)

        @bot.on(Text)
        async def take(message: Message[Text]) -> None:
            running.set()
            await asyncio.Event().wait()

        async with asyncio.timeout(20), bot:
            await running.wait()
        assert service.lines[0].acknowledged() == {}


async def test_sending_without_running_says_what_to_do(make_bot: MakeBot) -> None:
    with pytest.raises(NotRunning, match=r"bot\.run"):
        await make_bot("http://127.0.0.1:1").send(str(uuid4()), "hi")
