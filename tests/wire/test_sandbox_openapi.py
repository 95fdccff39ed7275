"""The control API's description, and schemathesis, which tries all that it describes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiohttp import ClientPayloadError, ClientSession, web
from msgspec import Struct

from blazebot.sandbox.control.endpoint import Control as ControlApi
from blazebot.sandbox.control.operations import Handler, Operation
from blazebot.sandbox.guard import CONTROL_PREFIX
from blazebot.sandbox.storage.store import Store
from blazebot.testing.control import Control
from blazebot.testing.processes import SandboxProcess

ROOT = Path(__file__).parents[2]

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "allow_header_conformance",
)

# How often schemathesis takes an id that there is.
PROBABILITY = 0.7

FIELDS = {
    "people": ("path.person_id", "body.creator_id", "body.participants[*]"),
    "bots": ("path.bot_id", "body.bot_id"),
    "conversations": ("path.conversation_id", "body.conversation_id"),
    "messages": ("body.message_ids[*]", "body.quote_message_id"),
    "codes": ("body.code_id",),
    "anybody": ("body.user_id", "body.recipient_id", "body.participants[*].user_id"),
}
"""The fields that hold ids, by what they are of."""

OF_OPERATIONS = {
    "DELETE /bots/{bot_id}": ("path.bot_id", "doomed_bots"),
    "DELETE /faults/{fault_id}": ("path.fault_id", "faults"),
    "POST /people/{person_id}/friends": ("body.user_id", "bots"),
    "POST /people/{person_id}/conversations/{conversation_id}/exit": (
        "path.conversation_id",
        "doomed_groups",
    ),
}
"""Operations that take other ids than those above: they end what has them, or need certain ones."""


async def make_ids(control: Control) -> dict[str, list[str]]:
    """Make people and bots who know each other; return the ids of what there is."""
    alice, bob = [await control.create_person(name) for name in ("Alice", "Bob")]
    bot, *doomed = [await control.create_bot("Bot") for _ in range(4)]
    await control.issue_session(bot, "app")
    talk = await control.call("POST", f"/people/{alice}/friends", {"user_id": bot})
    sent = await control.call(
        "POST", f"/people/{alice}/messages", {"recipient_id": bot, "text": "Hi"}
    )
    groups = [
        await control.call(
            "POST", f"/people/{alice}/conversations", {"participants": [bob, bot, *doomed]}
        )
        for _ in range(3)
    ]
    return {
        "people": [alice, bob],
        "bots": [bot],
        "doomed_bots": doomed,
        "conversations": [talk["conversation_id"], groups[0]["conversation_id"]],
        "doomed_groups": [group["conversation_id"] for group in groups[1:]],
        "messages": [sent["message_id"]],
        "faults": ["1", "2", "3"],
        "codes": [group["code_id"] for group in groups],
        "anybody": [alice, bob, bot],
    }


def config_of(ids: dict[str, list[str]]) -> str:
    """Return schemathesis' configuration in TOML: where to take which ids from."""

    def take(field: str, dictionary: str) -> str:
        return f'"{field}" = {{ dictionary = "{dictionary}", probability = {PROBABILITY} }}'

    # A list that is too long for the API is large for schemathesis too, which would complain.
    lines = ["request-timeout = 10", 'suppress-health-check = ["all"]', "[dictionaries]"]
    lines += [f"{name}.values = {json.dumps(values)}" for name, values in ids.items()]
    lines += ["[parameters]"]
    lines += [take(field, name) for name, fields in FIELDS.items() for field in fields]
    for operation, (field, name) in OF_OPERATIONS.items():
        lines += ["[[operations]]", f'include-name = "{operation}"']
        lines += [f"parameters = {{ {take(field, name)} }}"]
    # An answer that goes on for ever is for another test.
    lines += [
        "[[operations]]",
        'include-path = "/log"',
        'parameters = { "query.follow" = "false" }',
    ]
    return "\n".join(lines)


class Verdict(NamedTuple):
    """What schemathesis found; ``tested`` counts operations, but for that of the description."""

    passed: bool
    tested: int
    output: str


async def try_all(
    url: str, folder: Path, *options: str, ids: dict[str, list[str]] | None = None
) -> Verdict:
    """Let schemathesis try all that is described at ``url``."""
    (folder / "schemathesis.toml").write_text(config_of(ids) if ids else "")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", folder / "schemathesis.toml"),
        *("run", f"{url}{CONTROL_PREFIX}/openapi.json", "--phases", "coverage,fuzzing"),
        *("--checks", ",".join(CHECKS), "--warnings", "off", "--continue-on-failure", *options),
        cwd=folder,  # it leaves its cache there
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "SCHEMATHESIS_HOOKS": "tests.wire.fuzz_hooks",
            "FUZZ_IDS": json.dumps(ids or {}),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output = (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    tested = re.search(r"Tested: (\d+)", output)
    return Verdict(process.returncode == 0, int(tested[1]) if tested else 0, output)


async def describe(control: Control) -> list[dict[str, Any]]:
    """Return the operations of the description."""
    document = await control.call("GET", "/openapi.json")
    return [one for methods in document["paths"].values() for one in methods.values()]


@pytest.mark.sandbox("shared")
async def test_every_operation_is_described_in_words(control: Control) -> None:
    document = await control.call("GET", "/openapi.json")
    operations = await describe(control)
    assert len(operations) > 40
    for one in operations:
        assert one["summary"], one
        assert {"200", "403", "500"} <= set(one["responses"])
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        assert schema["description"], name
        assert "\n " not in schema["description"], name
    references = set(re.findall(r'"#/components/(\w+)/([\w.]+)"', json.dumps(document)))
    assert references == {
        *(("schemas", name) for name in schemas),
        *(("responses", status) for status in document["components"]["responses"]),
    }


@pytest.mark.sandbox("shared")
async def test_the_page_on_the_api_names_what_there_is(control: Control) -> None:
    document = await control.call("GET", "/openapi.json")
    page = (ROOT / "docs" / "control-api.md").read_text()
    named = re.findall(r"`(?:(GET|POST|DELETE) )(/[\w/{}]+)`", page)
    assert len(named) > 5
    for method, path in named:
        assert any(
            known.startswith(path) and method.lower() in methods
            for known, methods in document["paths"].items()
        ), (method, path)


@pytest.mark.sandbox("shared")
async def test_a_query_is_read_as_it_is_described(control: Control) -> None:
    document = await control.call("GET", "/openapi.json")
    before, limit = document["paths"][
        "/people/{person_id}/conversations/{conversation_id}/messages"
    ]["get"]["parameters"][2:]
    assert (before["name"], before["in"], before["schema"]["minimum"]) == ("before", "query", 0)
    assert (limit["name"], limit["schema"]["maximum"], limit["schema"]["default"]) == (
        "limit",
        1000,
        100,
    )


async def test_schemathesis_finds_nothing(
    sandbox: SandboxProcess, control: Control, tmp_path: Path
) -> None:
    await check_everything(sandbox, control, tmp_path, "--max-examples", "6", "--seed", "1")


@pytest.mark.soak
async def test_schemathesis_finds_nothing_in_ten_minutes(
    sandbox: SandboxProcess, control: Control, tmp_path: Path
) -> None:
    await check_everything(sandbox, control, tmp_path, "--max-time", "600", within=900)


async def check_everything(
    sandbox: SandboxProcess,
    control: Control,
    folder: Path,
    *options: str,
    within: float = 100,
) -> None:
    ids = await make_ids(control)
    async with asyncio.timeout(within):
        verdict = await try_all(sandbox.url, folder, *options, ids=ids)
    assert verdict.passed, verdict.output + sandbox.log
    assert verdict.tested == len(await describe(control)) - 1
    assert "failed" not in sandbox.log
    people = (await control.call("GET", "/people"))["people"]
    assert len(people) > len(ids["people"])  # it got through


# Schemathesis itself: it has to find what is wrong.


class Answer(Struct):
    """What the operation below says that it answers."""

    number: int


async def fine(_: web.Request, __: None) -> Answer:
    """Do as described."""
    return Answer(1)


async def failing(_: web.Request, __: None) -> Answer:
    """Fail."""
    raise RuntimeError


async def misdescribed(_: web.Request, __: None) -> dict[str, str]:
    """Answer something else than described."""
    return {"number": "one"}


async def refusing(_: web.Request, __: None) -> Answer:
    """Refuse with an undescribed status."""
    raise web.HTTPTooManyRequests


async def breaking(request: web.Request, _: None) -> web.StreamResponse:
    """Fail in the middle of an answer."""
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"half")
    raise RuntimeError


@asynccontextmanager
async def api_of(*handlers: Handler) -> AsyncIterator[str]:
    """Serve a control API of these operations, each with its name; yield its address."""
    store = Store(None)
    app = web.Application()
    operations = [Operation("GET", f"/{one.__name__}", one, answer=Answer) for one in handlers]
    control = ControlApi(store, operations, socket=no_socket)
    app.add_subapp(CONTROL_PREFIX, control.application())
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
        store.close()


async def no_socket(_: web.Request) -> web.StreamResponse:
    raise web.HTTPBadRequest


async def test_schemathesis_finds_what_is_wrong(tmp_path: Path) -> None:
    async with api_of(fine, failing, misdescribed, refusing) as url, asyncio.timeout(60):
        verdict = await try_all(url, tmp_path, "--max-examples", "2")
    assert not verdict.passed
    assert verdict.tested == 4
    _, *told = re.split(r"^_+ GET /(\w+) _+$", verdict.output, flags=re.MULTILINE)
    found = dict(zip(told[::2], told[1::2], strict=True))
    assert found.keys() == {"failing", "misdescribed", "refusing"}, verdict.output
    assert "Server error" in found["failing"]
    assert "Response violates schema" in found["misdescribed"]
    assert "Undocumented status code" in found["refusing"]


async def test_schemathesis_passes_what_is_right(tmp_path: Path) -> None:
    async with api_of(fine) as url, asyncio.timeout(60):
        verdict = await try_all(url, tmp_path, "--max-examples", "2")
    assert verdict.passed, verdict.output
    assert verdict.tested == 1


async def test_an_answer_that_fails_midway_is_broken_off(http: ClientSession) -> None:
    async with api_of(breaking) as url, http.get(f"{url}{CONTROL_PREFIX}/breaking") as answer:
        with pytest.raises(ClientPayloadError):
            await answer.read()
