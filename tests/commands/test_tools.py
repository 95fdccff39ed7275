"""The commands that look into things: token, call, keystore, decode, doctor, listen, send."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import pytest

from bench.certificate import make_certificate
from blazebot.delivery.limiter import QuotaLimiter
from blazebot.delivery.session_lock import SessionLock
from blazebot.keys.issue import FORMS
from blazebot.wire.codec import compress, decompress
from blazebot.wire.limits import QUOTA_PER_MINUTE
from tests.commands.box import Box

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_token_is_taken_for_its_request(box: Box) -> None:
    _, out, _ = await box.afresh.run("token", "get", "/me", "--keystore", "keystore.json")
    headers = {"Authorization": f"Bearer {out.strip()}"}
    async with box.http.get(f"{box.url}/me", headers=headers) as answer:
        assert (await answer.json())["data"]["user_id"] == box.bot_id
    async with box.http.get(f"{box.url}/friends", headers=headers) as answer:
        assert (await answer.json())["error"]["code"] == 401  # it was signed for another


async def test_a_call_shows_data_or_the_error(box: Box) -> None:
    _, out, _ = await box.afresh.run("call", "GET", "/me")
    assert json.loads(out)["user_id"] == box.bot_id
    (alice,) = await box.people.create(["Alice"])
    _, out, _ = await box.run("call", "POST", "/users/fetch", "-", typed=json.dumps([alice]))
    assert [one["full_name"] for one in json.loads(out)] == ["Alice"]
    code, _, err = await box.run("call", "GET", "/users/nobody")
    assert code == 1
    assert err.startswith("blazebot: ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("call", "POST", "/messages", "{"), "body: should be JSON"),
        (("send", "82d20bc7-9a97-4a69-bcd0-4da502374f6c", "x", "--as", "card"), "blazebot: "),
        (("keystore", "check", "none.json"), "there is no such file"),
        (("keystore", "convert", "keystore.json", "rsa.json", "--form", "rsa"), "another kind"),
        (("decode", "none.gz"), "cannot be read"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else "",
)
async def test_mistakes_say_what_to_do(box: Box, arguments: tuple[str, ...], words: str) -> None:
    code, _, err = await box.run(*arguments)
    assert code == 1
    assert words in err or words.replace("another kind", "the other kind") in err


async def test_a_keystore_is_told_without_its_secrets(box: Box) -> None:
    _, out, _ = await box.afresh.run("keystore", "check", "--json")
    facts = json.loads(out)
    assert facts["app_id"] == box.bot_id
    assert facts["algorithm"] == "EdDSA"
    _, words, _ = await box.run("keystore", "check", "keystore.json")
    assert facts["fingerprint"] in words
    assert box.keystore["session_private_key"] not in words + out


@pytest.mark.parametrize("form", sorted({*FORMS} - {"rsa"}))
async def test_a_converted_keystore_is_taken(box: Box, form: str) -> None:
    code, _, err = await box.afresh.run(
        "keystore", "convert", "keystore.json", f"{form}.json", "--form", form
    )
    assert code == 0, err
    assert (box.folder / f"{form}.json").stat().st_mode & 0o777 == 0o600
    _, out, _ = await box.run(
        "call", "GET", "/me", "--keystore", f"{form}.json", BLAZEBOT_KEYSTORE="none.json"
    )
    assert json.loads(out)["user_id"] == box.bot_id


async def test_a_new_keystore_can_be_read(box: Box) -> None:
    ids = (box.bot_id, box.keystore["session_id"])
    _, out, _ = await box.afresh.run("keystore", "new", *ids, "new.json", "--json")
    made = json.loads(out)
    _, facts, _ = await box.run("keystore", "check", made["keystore"], "--json")
    assert json.loads(facts)["session_id"] == box.keystore["session_id"]
    assert made["public_key"] not in (box.folder / "new.json").read_text()


async def test_a_frame_as_json_and_back(box: Box) -> None:
    text = (
        b'{"id":"1","action":"CREATE_MESSAGE","data":{"category":"PLAIN_TEXT","data_base64":"aGk"}}'
    )
    for name, data in {
        "frame.gz": compress(text),
        "frame.hex": compress(text).hex().encode(),
        "frame.json": text,
    }.items():
        (box.folder / name).write_bytes(data)
        _, out, _ = await box.run("decode", name, "--content")
        assert json.loads(out)["data"]["content"] == "hi"
    (box.folder / "bad.gz").write_bytes(compress(text)[:-5])
    code, _, err = await box.run("decode", "bad.gz")
    assert code == 1
    assert "truncated" in err


async def test_json_back_to_a_frame(tmp_path: Path) -> None:
    text = b'{"id":"1","action":"LIST_PENDING_MESSAGES"}'
    (tmp_path / "frame.json").write_bytes(text)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "blazebot", "decode", "--back", "frame.json"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
    )
    frame, _ = await process.communicate()
    assert decompress(frame) == text


async def test_words_of_every_kind_are_sent(box: Box) -> None:
    (bob,) = await box.people.create(["Bob"])
    await box.people.watch([bob])
    buttons = json.dumps([{"label": "Yes", "color": "#338855", "action": "input:yes"}])
    sent = {}
    for category, arguments, typed in (
        ("PLAIN_TEXT", ("-",), "from a pipe"),
        ("PLAIN_POST", ("# Title", "--as", "post"), ""),
        ("APP_BUTTON_GROUP", (buttons, "--as", "buttons"), ""),
    ):
        code, out, err = await box.run("send", bob, *arguments, "--json", typed=typed)
        assert code == 0, err
        sent[json.loads(out)["message_id"]] = category
    await box.people.until(lambda: sent.keys() <= box.people.seen[bob].keys(), 20)
    assert {key: box.people.seen[bob][key]["category"] for key in sent} == sent
    quota = QuotaLimiter(box.folder / "data" / box.bot_id / "quota", QUOTA_PER_MINUTE)
    assert quota.used >= len(sent)  # which a bot that runs knows of by that
    quota.close()


async def test_the_doctor_finds_nothing(box: Box) -> None:
    checks = await box.checks("--handshake", "--yes")
    assert {name: one["result"] for name, one in checks.items()} == dict.fromkeys(
        ("keystore", "address", "clock", "session", "line"), "ok"
    )


async def test_the_doctor_tells_causes_apart(box: Box) -> None:
    found = await box.afresh.checks(BLAZEBOT_KEYSTORE="none.json")
    assert "no such file" in found["keystore"]["detail"]

    away = await box.checks(BLAZEBOT_SERVER="http://127.0.0.1:1")
    assert away["address"]["result"] == "failed"
    assert away["session"]["result"] == "skipped"
    unknown = await box.checks(BLAZEBOT_SERVER="http://nowhere.invalid")
    assert "resolved" in unknown["address"]["detail"]
    no_tls = await box.checks(BLAZEBOT_SERVER=box.url.replace("http:", "https:"))
    assert "TLS" in no_tls["address"]["detail"]

    # A key that never fitted, and one that was accepted and then replaced.
    await box.run("keystore", "new", box.bot_id, box.keystore["session_id"], "wrong.json")
    wrong = await box.checks("--handshake", "--yes", BLAZEBOT_KEYSTORE="wrong.json")
    assert "cause: key" in wrong["session"]["detail"]
    assert wrong["line"]["result"] == "skipped"
    await box.checks("--handshake", "--yes")  # accepted
    session = await box.control.issue_session(box.bot_id, "app")
    ended = await box.checks()
    assert "cause: session" in ended["session"]["detail"]
    assert "dashboard" in ended["session"]["advice"]
    (box.folder / "keystore.json").write_text(json.dumps(session))
    (box.folder / "keystore.json").chmod(0o600)

    await box.control.call("POST", "/clocks", {"token_offset": 3600})
    off = await box.checks()
    await box.control.call("POST", "/clocks", {"token_offset": 0})
    assert off["clock"]["result"] == "failed"
    assert "cause: clock" in off["session"]["detail"]


async def test_the_doctor_tells_what_is_in_the_way_of_the_line(box: Box) -> None:
    await box.control.add_fault("refuse_handshake", times=None)
    refused = await box.checks("--handshake", "--yes", BLAZEBOT_OPEN_TIMEOUT="2")
    await box.control.clear_faults()
    assert refused["session"]["result"] == "ok"
    assert "no line within 2 s" in refused["line"]["detail"]

    session_id = json.loads((box.folder / "keystore.json").read_text())["session_id"]
    lock = SessionLock(box.folder / "data" / box.bot_id, session_id)
    lock.acquire()
    in_use = await box.checks("--handshake", "--yes")
    lock.release()
    assert "another process" in in_use["line"]["detail"]


async def test_the_doctor_needs_no_data_directory_and_tells_settings_apart(box: Box) -> None:
    (box.folder / "no-directory").touch()
    found = await box.checks(BLAZEBOT_DATA_DIR="no-directory")
    assert all(one["result"] == "ok" for one in found.values())
    wrong = await box.checks(BLAZEBOT_REQUEST_TIMEOUT="soon")
    assert "BLAZEBOT_REQUEST_TIMEOUT" in wrong["settings"]["detail"]
    proxied = await box.checks(BLAZEBOT_PROXY="http://127.0.0.1:1")
    assert "proxy" in proxied["address"]["detail"]


async def test_the_doctor_tells_what_is_wrong_with_an_address(box: Box, tmp_path: Path) -> None:
    _, context = make_certificate(tmp_path)

    async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    own = await asyncio.start_server(says_nothing, "127.0.0.1", 0, ssl=context)
    silent = await asyncio.start_server(says_nothing, "127.0.0.1", 0)
    async with own, silent:
        address = f"https://127.0.0.1:{own.sockets[0].getsockname()[1]}"
        untrusted = await box.checks(BLAZEBOT_SERVER=address)
        assert "certificate is not trusted" in untrusted["address"]["detail"]
        address = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
        late = await box.checks(BLAZEBOT_SERVER=address, BLAZEBOT_REQUEST_TIMEOUT="0.5")
        assert "no answer in time" in late["address"]["detail"]


async def test_listening_leaves_messages_to_the_bot_unless_told(box: Box) -> None:
    (carol,) = await box.people.create(["Carol"])
    await box.people.add_friend([carol], box.bot_id)
    await box.people.send(
        [
            {"person_id": carol, "recipient_id": box.bot_id, "text": words}
            for words in ("one", "two")
        ]
    )

    async def listen(*arguments: str) -> list[str]:
        code, out, err = await box.afresh.run("listen", "--yes", "--json", *arguments)
        assert code == 0, err
        return [json.loads(line)["content"] for line in out.splitlines()]

    first = await listen("--count", "2")
    assert await listen("--count", "2", "--ack") == first
    deadline = time.monotonic() + 10
    while (await box.control.bot(box.bot_id))["pending"] != 3 - 2:
        assert time.monotonic() < deadline


async def test_the_line_is_not_taken_unasked(box: Box) -> None:
    code, _, err = await box.run("listen", typed="n\n")
    assert code == 1
    assert "takes it from a bot" in err
