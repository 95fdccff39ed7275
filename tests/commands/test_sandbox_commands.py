"""Commands that have no page of tests to themselves, each against a real sandbox."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from tests.commands.box import Box

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_faults_are_added_listed_and_cleared(box: Box) -> None:
    at = ("--server", box.url)
    fault = ("sandbox", "fault")
    added = await box.afresh.tells(
        *fault, "add", "slow", "--seconds", "0.1", "--times", "0", "--json", *at
    )
    second = await box.tells(*fault, "add", "drop", "--bot", box.bot_id, "--json", *at)
    listed = (await box.afresh.tells(*fault, "list", "--json", *at))["faults"]
    assert [one["kind"] for one in listed] == ["slow", "drop"]
    _, out, _ = await box.run(*fault, "list", *at)
    assert f"{second['fault_id']}: drop, struck 0, 1 left, bot {box.bot_id}" in out
    cleared = await box.afresh.tells(*fault, "clear", str(added["fault_id"]), "--json", *at)
    assert cleared == {"cleared": added["fault_id"]}
    await box.run(*fault, "clear", *at)
    assert (await box.tells(*fault, "list", "--json", *at)) == {"faults": []}
    code, _, err = await box.run(*fault, "add", "rain", *at)
    assert (code, "rain" in err, "slow" in err) == (2, True, True)


async def test_what_talks_to_a_sandbox_finds_it_by_the_environment(box: Box) -> None:
    made = await box.tells("bot", "Third", "third.json", "--json")
    assert (await box.control.bot(made["bot_id"]))["full_name"] == "Third"
    _, out, _ = await box.run("talk", made["bot_id"], typed="hello\n", COLUMNS="200")
    assert "adds Third as a friend" in out
    await box.tells("sandbox", "fault", "add", "slow", "--json")
    (fault,) = (await box.tells("sandbox", "fault", "list", "--json"))["faults"]
    assert fault["kind"] == "slow"
    await box.run("sandbox", "fault", "clear")
    assert await box.control.faults() == []
    await box.run("call", "GET", "/me")
    code, out, err = await box.run("sandbox", "log", "--json")
    assert (code, "/me" in out) == (0, True), err
    # The option goes over it, and what cannot be an address is said at once.
    code, _, err = await box.run("sandbox", "log", "--server", "http://127.0.0.1:1")
    assert (code, "`blazebot sandbox` starts one" in err) == (1, True)
    code, _, err = await box.run("sandbox", "log", BLAZEBOT_SERVER="127.0.0.1:7777")
    assert (code, "http:// or https://" in " ".join(err.split())) == (2, True)


async def test_the_sandbox_says_why_it_refuses(box: Box) -> None:
    nobody = str(uuid4())
    code, _, err = await box.run("talk", nobody)
    said = f"blazebot: GET /control/bots/{nobody}: 404: there is no bot {nobody}\n"
    assert (code, err) == (1, said)


async def test_the_log_shows_calls_in_words_and_as_json(box: Box) -> None:
    await box.run("call", "GET", "/me")
    code, out, _ = await box.afresh.run(
        "sandbox", "log", "--last", "1", "--json", "--server", box.url
    )
    entry = json.loads(out)
    assert (code, entry["kind"], entry["path"]) == (0, "call", "/me")
    _, out, _ = await box.run("sandbox", "log", "--last", "1", "--server", box.url)
    assert "GET /me 200" in out


async def test_an_announcement_is_paused_shown_and_cancelled(box: Box) -> None:
    people = await box.people.create(["Alice", "Bob"])
    await box.people.add_friend(people, box.bot_id)
    (box.folder / "people.txt").write_text("\n".join(people) + "\nnobody\n")
    (box.folder / "news.txt").write_text("news")
    made = await box.tells(
        *("announce", "news.txt", "--to", "people.txt", "--id", "news"), "--no-wait", "--json"
    )
    assert (made["state"], made["total"]) == ("sending", 2)
    of = ("announcements",)
    assert (await box.afresh.tells(*of, "pause", "news", "--json"))["state"] == "paused"
    shown = await box.afresh.tells(*of, "show", "news", "--json")
    assert (shown["state"], [one["line"] for one in shown["bad_lines"]]) == ("paused", [3])
    assert (await box.tells(*of, "resume", "news", "--no-wait", "--json"))["state"] == "sending"
    assert (await box.afresh.tells(*of, "cancel", "news", "--json"))["state"] == "cancelled"
    code, _, err = await box.run(*of, "show", "none")
    assert (code, "none" in err) == (1, True)


async def test_a_person_is_forgotten(box: Box) -> None:
    (alice,) = await box.people.create(["Alice"])
    assert await box.afresh.tells("forget", alice, "--json") == {"forgotten": alice}
    code, _, err = await box.run("forget", "nobody")
    assert (code, "UUID" in err) == (2, True)


async def test_what_is_made_is_told_as_json(box: Box) -> None:
    made = await box.tells("bot", "Second", "second.json", "--server", box.url, "--json")
    assert json.loads((box.folder / "second.json").read_text())["app_id"] == made["bot_id"]
    assert (await box.tells("new", "json-bot", "--json"))["package"] == "json_bot"
    converted = ("keystore", "convert", "second.json", "user.json", "--form", "network-user")
    assert await box.tells(*converted, "--json") == {"keystore": "user.json"}
    assert (await box.tells("token", "GET", "/me", "--json"))["token"].count(".") == 2
