"""What gateways and workers share that touches nothing outside: names, partitions, calls."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blazebot.errors import (
    BlazebotError,
    ConnectionLost,
    EngineError,
    Forbidden,
    RequestTimeout,
    TooManyRequests,
)
from blazebot.jetstream.bundle import Bundle, bundled
from blazebot.jetstream.calls import Answer
from blazebot.jetstream.connection import CURRENT, connect
from blazebot.jetstream.context import Context
from blazebot.jetstream.names import Names, partition_of
from blazebot.jetstream.streams import dropped
from blazebot.wire.codec import decode_json, encode_json

CLUSTER = Path(__file__).parents[2] / "examples" / "cluster"
APP_ID = "82d20bc7-9a97-4a69-bcd0-4da502374f6c"


@pytest.mark.parametrize(
    ("conversation_id", "partition"),
    [
        ("c87ff6c9-c33a-4bc3-98d7-3d449f4adfe8", 70),
        ("00000000-0000-0000-0000-000000000000", 9),
    ],
)
def test_a_conversation_stays_in_its_partition(conversation_id: str, partition: int) -> None:
    # Another number would let two workers have one conversation at once, after an update.
    assert partition_of(conversation_id, 128) == partition
    assert partition_of(conversation_id.upper(), 128) == partition


def test_conversations_spread_evenly() -> None:
    counts = [0] * 32
    for number in range(32_000):
        counts[partition_of(str(UUID(int=number * 2**64 + number)), 32)] += 1
    assert min(counts) > 800
    assert max(counts) < 1200


def test_names_of_two_bots_differ() -> None:
    one, other = Names(APP_ID), Names(APP_ID.replace("8", "9"))
    for name in ("messages", "handled", "dead_letters", "states", "calls", "line", "receipts"):
        assert getattr(one, name) != getattr(other, name)
    assert one.deduplication_id("x") == f"{APP_ID}:x"


@given(st.lists(st.text(max_size=40)), st.integers(10, 200))
def test_bundles_hold_everything_in_order_and_little_at_once(
    texts: list[str], largest: int
) -> None:
    items = [json.dumps(text).encode() for text in texts]
    bodies = bundled(items, largest)
    assert [text for body in bodies for text in json.loads(body)] == texts
    for body in bodies:
        assert len(body) <= largest or len(json.loads(body)) == 1


async def test_a_bundle_goes_to_its_subject_and_nothing_is_kept_of_it() -> None:
    published: list[tuple[str, bytes]] = []

    async def publish(subject: str, body: bytes) -> None:
        published.append((subject, body))

    bundle = Bundle(publish)
    for subject, item in (("a", b"1"), ("b", b"2"), ("a", b"3")):
        bundle.add(subject, item)
    await bundle.flush()
    assert published == [("a", b"[1,3]"), ("b", b"[2]")]
    assert bundle._items == {}


def refused() -> TooManyRequests:
    error = TooManyRequests(429, "slower", status=202, extra={"reason": "quota"})
    error.retry_after = 2.5
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (None, None),
        (Forbidden(403, "no"), Forbidden),
        (refused(), TooManyRequests),
        (RequestTimeout("too late"), ConnectionLost),
    ],
)
def test_a_worker_sees_the_error_of_the_service(
    error: BlazebotError | None, kind: type[BlazebotError] | None
) -> None:
    answer = decode_json(encode_json(Answer.of("1", error)), Answer)
    failure = answer.failure
    if error is None or kind is None:
        assert failure is None
        return
    assert type(failure) is kind
    assert str(failure) == str(error)
    for name in ("code", "status", "description", "extra", "retry_after"):
        assert getattr(failure, name, None) == getattr(error, name, None)


def test_what_a_server_dropped_is_found() -> None:
    asked = {"name": "a", "max_ack_pending": 1, "metadata": {"a": "b"}, "backoff": None}
    assert dropped(asked, {"name": "a", "max_ack_pending": 1, "more": 2}) == ["metadata"]
    assert dropped(asked, asked) == []


@pytest.mark.parametrize("url", ["127.0.0.1:4222", "http://127.0.0.1", "nats://", ""])
async def test_what_is_no_address_is_told(url: str) -> None:
    with pytest.raises(EngineError, match="nats://host:4222"):
        await connect(url, name="test", within=1)


SECRET = "hunter2"  # noqa: S105


@pytest.mark.parametrize(
    "url",
    [
        *(f"nats://me:{mark.join((SECRET, SECRET))}@127.0.0.1:4222" for mark in "#/?,["),
        *(f"nats://{SECRET}:1{mark}{SECRET}@127.0.0.1:4222" for mark in "#/?"),
        *(
            f"nats://me:{SECRET}@127.0.0.1{rest}"
            for rest in ("/x", "?x", "#x", ":99999", ":0", ":x")
        ),
        *(f"nats://me:{SECRET}{rest}" for rest in ("", "@", "@[bad")),
    ],
)
async def test_an_address_that_is_not_understood_is_not_repeated(url: str) -> None:
    with pytest.raises(EngineError, match=r"^engine: ") as caught:
        await connect(url, name="test", within=0.1)
    assert SECRET not in str(caught.value)


@given(st.text(min_size=1), st.text())
def test_user_and_password_are_as_they_were_before_they_were_encoded(
    user: str, password: str
) -> None:
    url = f"nats://{quote(user, safe='')}:{quote(password, safe='')}@[::1]:4222/, nats://host"
    context = Context(url)
    options = context.options()
    assert (options["user"], options["password"]) == (user, password)
    assert context.servers == ["nats://[::1]:4222", "nats://host"]
    assert context.hosts == ["[::1]:4222", "host"]
    assert Context(f"tls://{quote(user, safe='')}@host").options()["token"] == user


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nats://me:one@a,nats://me:two@b", "the same in all"),
        ("ws://127.0.0.1,wss://127.0.0.1", "has no TLS"),
    ],
)
async def test_addresses_that_do_not_go_together_are_told(url: str, words: str) -> None:
    with pytest.raises(EngineError, match=words):
        await connect(url, name="test", within=0.1)


@pytest.mark.parametrize("name", ["compose.yaml", "kubernetes.yaml"])
def test_the_examples_of_a_cluster_take_a_server_that_is_not_warned_of(name: str) -> None:
    text = (CLUSTER / name).read_text()
    versions = re.findall(r"\b(\d+)\.(\d+)-alpine", text)
    assert versions
    assert all((int(major), int(minor)) >= CURRENT for major, minor in versions)
    configuration = text if "sync_interval" in text else (CLUSTER / "nats.conf").read_text()
    assert re.search(r"sync_interval[:=] ?always", configuration)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read"),
        ("{", "no context file"),
        ('{"user": "me"}', "`url`"),
        ('{"url": "http://127.0.0.1"}', "nats://host:4222"),
        ('{"url": "nats://127.0.0.1:1", "ca": "/nowhere.pem"}', "cannot be used"),
        ('{"url": "nats://127.0.0.1:1", "creds": "/nowhere.creds"}', "pip install nkeys"),
    ],
)
async def test_what_is_no_context_file_is_told(
    tmp_path: Path, text: str | None, words: str
) -> None:
    path = tmp_path / "context.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(EngineError, match=words):
        await connect(str(path), name="test", within=1)


def test_a_context_does_not_show_its_secrets() -> None:
    secret, other = "hunter3", "hunter4"
    shown = repr(Context("nats://me:hunter2@host:4222", password=secret, token=other))
    assert shown == "Context(host:4222)"


async def test_a_password_is_not_told() -> None:
    with pytest.raises(EngineError, match="no connection") as caught:
        await connect("nats://me:hunter2@127.0.0.1:1", name="test", within=0.2)
    assert "hunter2" not in str(caught.value)
