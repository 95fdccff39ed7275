"""Announcements of a bot that runs: who gets them, what is known of them, and who wants none."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from uuid import uuid4

import pytest

from blazebot import (
    EVERYONE,
    Announcement,
    AnnouncementError,
    Bot,
    Button,
    ButtonGroup,
    Callback,
    ContentError,
    Conversation,
    Template,
    announcement_words,
)
from blazebot.announce import hearing
from blazebot.announce.database import FILE_NAME
from blazebot.announce.sources import CHUNK
from blazebot.media import file
from tests.command_line import Program, afresh, forked
from tests.wire.world import World

pytestmark = pytest.mark.sandbox("shared")


async def test_everybody_who_ever_wrote_or_befriended(world: World) -> None:
    bot = await world.bot()
    async with bot:
        friend, writer = await world.person(bot), await world.person()
        stranger = await world.person()
        await world.say(writer, bot, "hi")
        await world.until(lambda: set(world.statuses(writer).values()) == {"READ"})
        await world.until(lambda: set(world.statuses(friend).values()) == {"READ"})
    async with bot:  # it is kept over a restart
        announcement = await bot.announce("news", EVERYONE)
        progress = await announcement.wait()
        assert (progress.state, progress.total, progress.sent) == ("done", 2, 2)
        await world.until(lambda: world.texts(friend, bot) == ["news"])
        await world.until(lambda: world.texts(writer, bot) == ["news"])
        # The same again is the same announcement: only who is new gets it.
        again = await bot.announce("news", [friend, stranger.upper()])
        assert again.id == announcement.id
        assert (await again.wait()).total == 3
        await world.until(lambda: world.texts(stranger, bot) == ["news"])
    assert world.texts(friend, bot) == ["news"]


async def test_whoever_is_read_is_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "WRITE_EVERY", 3600.0)  # it has to be written before
    bot = await world.bot()
    async with bot:
        writer = await world.person()
        await world.say(writer, bot, "hi")
        await world.until(lambda: set(world.statuses(writer).values()) == {"READ"})
        with sqlite3.connect(bot.announcements.directory / FILE_NAME) as database:
            assert database.execute("SELECT user_id FROM people").fetchall() == [(writer,)]
        database.close()


async def test_who_read_it_is_known_and_all_is_exported(world: World) -> None:
    bot = await world.bot()
    async with bot:
        people = [await world.person(bot) for _ in range(3)]
        nobody = str(uuid4())
        announcement = await bot.announce("news", [*people, nobody])
        await announcement.wait()
        await world.until(lambda: "news" in world.texts(people[0], bot))
        (message,) = [one for one in world.messages(people[0]) if one["text"] == "news"]
        reads = [{"person_id": people[0], "message_ids": [message["message_id"]]}]
        await world.people.call("read", reads=reads)
        await until_read(announcement)
        outcomes = {one.user_id: one async for one in announcement.recipients()}
    assert outcomes[people[0]].outcome == "read"
    assert outcomes[nobody].outcome == "failed"
    assert outcomes[nobody].reason


async def until_read(announcement: Announcement) -> None:
    async with asyncio.timeout(20):
        # It is on disk, where nothing tells of it.
        while not (await announcement.status()).read:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_people_stop_announcements_by_a_word(world: World) -> None:
    bot = await world.bot()
    bot.include(announcement_words())
    async with bot:
        alice = await world.person(bot)
        await world.say(alice, bot, " /STOP ")
        stopped = ["You will get no more announcements."]
        await world.until(lambda: world.texts(alice, bot) == stopped)
        progress = await (await bot.announce("news", [alice])).wait()
        assert (progress.sent, progress.skipped) == (0, 1)
        await world.say(alice, bot, "Subscribe")
        await world.until(lambda: len(world.texts(alice, bot)) == 2)
        assert (await (await bot.announce("more", [alice])).wait()).sent == 1


async def test_a_template_and_the_members_of_a_group(world: World) -> None:
    async with await world.bot() as bot:
        alice, bob = await world.person(bot), await world.person(bot)
        template = Template("Hello {name}")
        people = [(alice, {"name": "Alice"}), (bob, {"nickname": "B"}), (bob, {"name": "Bob"})]
        announcement = await bot.announce(template, people)
        await announcement.wait()
        await world.until(lambda: world.texts(bob, bot)[-1:] == ["Hello Bob"])
        count, bad = await bot.announcements.bad_lines(announcement.id)
        assert (count, bad[0].line) == (1, 2)
        group = await world.control.call(
            "POST", "/groups", {"creator_id": alice, "name": "g", "participants": [bot.id, bob]}
        )
        members = await bot.announce("to all", Conversation(group["conversation_id"]))
        assert (await members.wait()).sent == 2
        await world.until(lambda: world.texts(alice, bot)[-1:] == ["to all"])


async def test_one_gets_it_first_and_it_can_be_taken_back(world: World) -> None:
    async with await world.bot() as bot:
        me, other = await world.person(bot), await world.person(bot)
        announcement = await bot.announce("news", [other, me], first=me)
        progress = await announcement.wait()
        assert (progress.state, progress.sent, progress.waiting) == ("paused", 1, 1)
        await world.until(lambda: world.texts(me, bot) == ["news"])
        await announcement.resume()
        await announcement.wait()
        await world.until(lambda: world.texts(other, bot) == ["news"])
        await announcement.recall()
        assert (await announcement.wait()).recalled == 2
        await world.until(lambda: "news" not in world.texts(other, bot) + world.texts(me, bot))
        with pytest.raises(AnnouncementError, match="another id"):
            await bot.announce("news", [me])
        with pytest.raises(AnnouncementError, match="cannot pause"):
            await announcement.pause()


async def test_its_time_comes_by_the_clock_of_the_bot(world: World) -> None:
    async with await world.bot() as bot:
        alice = await world.person(bot)
        at = datetime.now(UTC) + timedelta(hours=1)
        announcement = await bot.announce("later", [alice], at=at)
        assert (await announcement.status()).waiting == 1
        bot.clock.move(3700.0)
        assert (await announcement.wait()).sent == 1
        with pytest.raises(AnnouncementError, match="time zone"):
            await bot.announce("x", [alice], at=datetime(2030, 1, 1))


async def test_encrypted_and_who_cannot_read_that(world: World) -> None:
    async with await world.bot() as bot:
        alice, bob = await world.person(bot), await world.person(bot)
        await world.control.open_session(bob, public_key=False)
        progress = await (await bot.announce("secret", [alice, bob], encrypt=True)).wait()
        assert (progress.sent, progress.failed) == (1, 1)
        await world.until(lambda: "secret" in world.texts(alice, bot))
        (message,) = [one for one in world.messages(alice) if one["text"] == "secret"]
        assert message["category"] == "ENCRYPTED_TEXT"


async def test_bad_lines_keep_it_back_where_that_is_asked_for(world: World, tmp_path: Path) -> None:
    async with await world.bot() as bot:
        alice = await world.person(bot)
        path = tmp_path / "people.txt"
        path.write_text(f"{alice}\n\nnobody\n{'x' * 10_000_000}\n{alice}\n")
        with pytest.raises(AnnouncementError, match=r"line 2 is empty; line 3 .*; line 4 .*line 5"):
            await bot.announce("news", path, strict=True)
        assert await bot.announcements.all() == []
        announcement = await bot.announce("news", path)
        assert (await announcement.wait()).sent == 1
        count, bad = await bot.announcements.bad_lines(announcement.id)
        assert (count, [one.line for one in bad]) == (4, [2, 3, 4, 5])
    assert world.texts(alice, bot) == ["news"]


async def test_people_who_are_yielded(world: World) -> None:
    async def people() -> AsyncIterator[str]:
        yield alice
        yield "nobody"
        yield bob

    async with await world.bot() as bot:
        alice, bob = await world.person(bot), await world.person()
        announcement = await bot.announce("news", people())
        seen = [one.sent async for one in announcement.progress()]
        assert seen[-1] == 2
        assert seen == sorted(seen)


async def test_people_without_a_conversation_all_get_it(world: World) -> None:
    async with await world.bot(quota=10**7) as bot:
        people = await world.people.create(["Alice"] * 900)
        progress = await (await bot.announce("news", people)).wait()
        assert (progress.sent, progress.failed) == (900, 0)


async def test_who_cancels_while_it_is_made_is_heard(world: World) -> None:
    async with await world.bot() as bot:
        alice = await world.person(bot)

        async def people() -> AsyncIterator[str]:
            yield alice
            await (await bot.announcements.get("news")).cancel()

        announcement = await bot.announce("news", people(), id="news")
        assert (await announcement.wait()).state == "cancelled"
        assert world.texts(alice, bot) == []


async def test_strict_adds_nobody_of_a_bad_file_to_one_that_is_sent(
    world: World, tmp_path: Path
) -> None:
    async with await world.bot() as bot:
        alice, bob = await world.person(bot), await world.person(bot)
        announcement = await bot.announce("news", [alice])
        path = tmp_path / "people.txt"
        path.write_text(f"{bob}\nnobody\n")
        with pytest.raises(AnnouncementError, match="line 2"):
            await bot.announce("news", path, strict=True)
        assert (await announcement.wait()).total == 1
        with pytest.raises(AnnouncementError, match="from a file alone"):
            await bot.announce("news", [bob], strict=True)
        path.write_text(f"{bob}\n")
        assert (await (await bot.announce("news", path, strict=True)).wait()).total == 2


async def test_what_cannot_be_announced_is_said(world: World, tmp_path: Path) -> None:
    async with await world.bot() as bot:
        alice = await world.person(bot)
        vote = ButtonGroup((Button("Yes", callback=Vote("yes")),))
        with pytest.raises(ContentError, match="input:"):
            await bot.announce(vote, [alice])
        await (await bot.announce("news", [alice])).wait()
        with pytest.raises(AnnouncementError, match="not encrypted"):
            await bot.announce("news", [alice], encrypt=True)
        with pytest.raises(AnnouncementError, match="cannot be read"):
            await bot.announce("more", tmp_path / "nowhere.txt")
        assert [one.state for one in await bot.announcements.all()] == ["done"]


class Vote(Callback):
    choice: str


async def test_a_misspelled_option_sends_nothing(world: World) -> None:
    async with await world.bot() as bot:
        alice = await world.person(bot)
        for options, words in (
            ({"dry_run": True}, "no option 'dry_run'; there are id, "),
            ({"at": "tomorrow"}, "at: should be a datetime with a time zone"),
            ({"id": 5}, "id: should be 1 to 100 characters"),
            ({"first": "me"}, "first: should be a user's id"),
            ({"strict": "yes"}, "strict: should be true or false"),
        ):
            with pytest.raises(AnnouncementError, match=words):
                await bot.announce("news", [alice], **options)
        assert await bot.announcements.all() == []


async def test_values_are_whatever_text_can_be_made_of(world: World) -> None:
    async with await world.bot() as bot:
        alice, bob = await world.person(bot), await world.person(bot)
        people: list[Any] = [
            (alice, {"n": 5}),
            (bob, {"n": None}),
            (bob, {"n": "\ud800"}),
            (bob, "n"),
            (bob, {"n": 1}, {}),
            None,
        ]
        announcement = await bot.announce(Template("Number {n}"), people)
        assert (await announcement.wait()).sent == 1
        await world.until(lambda: world.texts(alice, bot) == ["Number 5"])
        count, bad = await bot.announcements.bad_lines(announcement.id)
        assert (count, [one.line for one in bad]) == (5, [2, 3, 4, 5, 6])


async def test_people_with_their_values_as_json_has_them(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async with await world.bot() as bot:
        alice, bob = await world.person(bot), await world.person(bot)
        pairs: list[Any] = [[alice, {"n": 1}], [bob]]
        await (await bot.announce(Template("List {n}"), pairs)).wait()
        await (await bot.announce(Template("Mapping {n}"), {alice: {"n": 2}, bob: {"n": 3}})).wait()
        await world.until(lambda: world.texts(alice, bot) == ["List 1", "Mapping 2"])
        await world.until(lambda: world.texts(bob, bot) == ["Mapping 3"])
    (warning,) = [one.getMessage() for one in caplog.records if "goes past" in one.getMessage()]
    assert "goes past 1 of those it was to go to; the first: line 2 is not a user's id" in warning


async def test_an_id_says_one_thing_for_ever_a_file_too(world: World, tmp_path: Path) -> None:
    one, other = tmp_path / "one.bin", tmp_path / "other.bin"
    one.write_bytes(b"1")
    other.write_bytes(b"2")
    async with await world.bot() as bot:
        alice = await world.person(bot)
        await (await bot.announce("news", [alice], id="words")).wait()
        with pytest.raises(AnnouncementError, match="says something else"):
            await bot.announce(file(one), [alice], id="words")
        await (await bot.announce(file(one), [alice], id="file")).wait()
        await (await bot.announce(file(one), [alice], id="file")).wait()
        with pytest.raises(AnnouncementError, match="says something else"):
            await bot.announce(file(other), [alice], id="file")
        with pytest.raises(AnnouncementError, match="not encrypted"):
            await bot.announce(file(one), [alice], id="file", encrypt=True)
        assert [one.total for one in await bot.announcements.all()] == [1, 1]


async def test_a_file_whose_first_call_broke_off_goes_first_to_whom_the_next_names(
    world: World, tmp_path: Path
) -> None:
    path = tmp_path / "one.bin"
    path.write_bytes(b"1")

    async def broken_off(people: list[str]) -> AsyncIterator[str]:
        for _ in range(CHUNK):
            yield people[0]
        raise LookupError("of the application")

    async with await world.bot() as bot:
        me, other = await world.person(bot), await world.person(bot)
        with pytest.raises(LookupError):
            await bot.announce(file(path), broken_off([other]))
        announcement = await bot.announce(file(path), [other, me], first=me)
        progress = await announcement.wait()
        assert (progress.state, progress.sent, progress.waiting) == ("paused", 1, 1)
        got = [one.user_id async for one in announcement.recipients() if one.outcome != "waiting"]
        assert got == [me]


async def test_who_gets_it_first_has_it_before_the_others_wait(world: World) -> None:
    async with await world.bot() as bot:
        me, other = await world.person(bot), await world.person(bot)
        fault = await world.control.add_fault(
            "error", code=500, bot_id=bot.id, only="CREATE_*", times=None
        )
        announcement = await bot.announce("news", [other, me], first=me)
        await announcement.pause()  # as Ctrl-C does
        assert (await announcement.status()).sent == 0
        await world.control.clear_faults(fault)
        again = await bot.announce("news", [other, me], first=me)
        progress = await again.wait()
        assert (progress.state, progress.sent, progress.waiting) == ("paused", 1, 1)
        await world.until(lambda: world.texts(me, bot) == ["news"])
        assert world.texts(other, bot) == []


async def test_who_said_stop_is_not_even_the_first(world: World) -> None:
    async with await world.bot() as bot:
        alice, bob = await world.person(bot), await world.person(bot)
        await bot.announcements.stop(alice)
        progress = await (await bot.announce("news", [bob], first=alice)).wait()
        assert (progress.state, progress.sent, progress.skipped) == ("paused", 0, 1)


async def test_nothing_is_kept_where_nobody_could_be_read(world: World) -> None:
    async def people() -> AsyncIterator[str]:
        yield str(uuid4())
        raise LookupError("of the application")

    async with await world.bot() as bot:
        with pytest.raises(LookupError):
            await bot.announce("news", people())
        assert await bot.announcements.all() == []


async def test_who_is_forgotten_is_nowhere(world: World) -> None:
    bot = await world.bot()
    bot.include(announcement_words())
    async with bot:
        alice = await world.person(bot)
        await world.say(alice, bot, "stop")
        await world.until(lambda: set(world.statuses(alice).values()) == {"READ"})
        await (await bot.announce("news", [alice], first=alice)).wait()
        await bot.forget(alice.upper())
        # They said that they want none: that stays, without their name.
        assert await bot.announcements.has_stopped(alice)
        progress = await (await bot.announce("more", [alice])).wait()
        assert (progress.sent, progress.skipped) == (0, 1)
        await bot.forget(alice)
    assert not holds(bot, alice)


def holds(bot: Bot, user_id: str) -> list[Path]:
    """Return the files of a bot that name somebody."""
    directory = Path(bot.settings.data_dir or "") / bot.id
    return [path for path in directory.iterdir() if user_id.encode() in path.read_bytes()]


async def test_two_processes_of_one_bot_send_an_announcement_once(world: World) -> None:
    """The command beside a bot that runs: the line stays, and nobody gets it twice."""
    bot = await world.bot()
    async with bot:
        people = [await world.person(bot) for _ in range(5)]
        directory = Path(bot.settings.data_dir or "")
        (directory / "people.jsonl").write_text("\n".join(json.dumps(one) for one in people))
        (directory / "message.txt").write_text("news")
        done = await command(world, bot, "announce", "message.txt", "--to", "people.jsonl")
        assert done.returncode == 0, done.stderr
        await world.until(lambda: all(world.texts(one, bot) == ["news"] for one in people))
        assert (await world.control.bot(bot.id))["connections"] == 1
        assert (await command(world, bot, "forget", people[0])).returncode == 0
    assert [path.name for path in holds(bot, people[0])] == []


async def test_a_401_of_one_host_ends_no_announcement(world: World) -> None:
    async with await world.bot() as bot:
        stranger = await world.person()
        await world.control.add_fault("unauthorized", only="POST /conversations")
        announcement = await bot.announce("news", [stranger])
        async with asyncio.timeout(20):
            assert (await announcement.wait()).sent == 1
        assert [one["struck"] for one in await world.control.faults()] == [1]


async def test_a_401_ends_the_command_which_has_no_line(world: World) -> None:
    bot = await world.bot()
    alice = await world.person(bot)
    directory = Path(bot.settings.data_dir or "")
    directory.mkdir()  # noqa: ASYNC240 - nothing else runs
    (directory / "people.txt").write_text(alice)
    (directory / "message.txt").write_text("news")
    await world.control.add_fault("unauthorized", times=None)
    arguments = ("announce", "message.txt", "--to", "people.txt")
    ended = await command(world, bot, *arguments, program=forked)
    assert ended.returncode == 1
    assert "the service answered 401" in ended.stderr


async def command(
    world: World, bot: Bot, *arguments: str, program: Program = afresh
) -> CompletedProcess[str]:
    """Run ``blazebot`` as this bot."""
    directory = Path(bot.settings.data_dir or "")
    environment = {
        "BLAZEBOT_KEYSTORE": str(bot._keystore),
        "BLAZEBOT_SERVER": world.sandbox.url,
        "BLAZEBOT_DATA_DIR": str(directory),
    }
    return await asyncio.to_thread(program, directory, *arguments, **environment)
