"""Streams, the lease and states against a real server."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig

from blazebot.bot.states.storage import StateKey
from blazebot.errors import EngineError, StateError
from blazebot.jetstream import connection, streams
from blazebot.jetstream.connection import connect, warn_if_old
from blazebot.jetstream.lease import LOST_AFTER, TAKEN_AFTER, Lease
from blazebot.jetstream.names import Names
from blazebot.jetstream.states import BucketStateStorage
from blazebot.jetstream.streams import Terms, declare, gateways_bucket, states_bucket
from tests.nats.servers import NatsServers

NAMES = Names("82d20bc7-9a97-4a69-bcd0-4da502374f6c")
TERMS = Terms(partitions=4, replicas=1)
KEY = StateKey("82d20bc7-9a97-4a69-bcd0-4da502374f6c", "c87ff6c9-c33a-4bc3-98d7-3d449f4adfe8")


async def test_a_context_file_says_how_to_sign_in(tmp_path: Path) -> None:
    servers = NatsServers(tmp_path, arguments=("--user", "me", "--pass", "hunter2"))
    path = tmp_path / "context.json"
    document = {"description": "of the nats command", "url": servers.url, "user": "me"}
    await servers.nodes[0].start()
    try:
        path.write_text(json.dumps(document | {"password": "hunter3"}))
        with pytest.raises(EngineError, match="no connection"):
            await connect(str(path), name="test", within=2)
        path.write_text(json.dumps(document | {"password": "hunter2"}))
        client = await connect(str(path), name="test", within=10)
        await client.close()
    finally:
        await servers.stop()


async def test_streams_are_declared_again_and_not_otherwise(js: JetStreamContext) -> None:
    await declare(js, NAMES, TERMS)
    await declare(js, NAMES, TERMS)
    with pytest.raises(EngineError, match="engine_partitions"):
        await declare(js, NAMES, Terms(partitions=8, replicas=1))


async def test_what_the_server_drops_ends_the_start(
    js: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def newer(**fields: Any) -> ConsumerConfig:
        return ConsumerConfig(**fields, metadata={"since": "2.10"})

    version = js._nc.connected_server_version
    if (version.major, version.minor) >= (2, 10):
        pytest.fail("this nats-server knows metadata: take what it does not know")
    monkeypatch.setattr(streams, "ConsumerConfig", newer)
    with pytest.raises(EngineError, match="metadata"):
        await declare(js, NAMES, TERMS)


async def test_an_old_server_is_warned_of_where_it_is_a_cluster(
    js: JetStreamContext, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def warnings(current: tuple[int, int], replicas: int) -> int:
        caplog.clear()
        monkeypatch.setattr(connection, "CURRENT", current)
        connection._warn_of.cache_clear()
        for _ in range(2):  # a gateway and its worker, in one process
            warn_if_old(js._nc, replicas)
        return caplog.text.count("take a current one")

    assert warnings((99, 0), replicas=3) == 1
    assert warnings((99, 0), replicas=1) == 0
    assert warnings((2, 0), replicas=3) == 0


async def test_one_holds_the_lease_and_another_takes_it(js: JetStreamContext) -> None:
    bucket = await gateways_bucket(js, TERMS)
    one, other = Lease(bucket, "bot"), Lease(bucket, "bot")
    await one.acquire()
    keeping = asyncio.create_task(one.keep())
    waiting = asyncio.create_task(other.acquire())
    await asyncio.sleep(TAKEN_AFTER + 1)  # for so long it would have been free
    assert not waiting.done()
    assert not keeping.done()
    keeping.cancel()  # as if it had died
    began = time.monotonic()
    await asyncio.wait_for(waiting, 10)
    assert LOST_AFTER < time.monotonic() - began < TAKEN_AFTER + 1.5
    await asyncio.wait_for(one.keep(), LOST_AFTER + 2)  # it notices


async def test_a_lease_that_is_given_up_is_free_at_once(js: JetStreamContext) -> None:
    bucket = await gateways_bucket(js, TERMS)
    one, other = Lease(bucket, "bot"), Lease(bucket, "bot")
    await one.acquire()
    await one.give_up()
    await asyncio.wait_for(other.acquire(), 1)


async def test_the_holder_lets_go_before_another_may_take_it(
    servers: NatsServers, js: JetStreamContext
) -> None:
    lease = Lease(await gateways_bucket(js, TERMS), "bot")
    await lease.acquire()
    began = time.monotonic()
    servers.nodes[0].send_signal(signal.SIGSTOP)
    try:
        await lease.keep()
        assert time.monotonic() - began < TAKEN_AFTER
    finally:
        servers.nodes[0].send_signal(signal.SIGCONT)


async def test_states_are_not_written_over(js: JetStreamContext) -> None:
    bucket = await states_bucket(js, NAMES, TERMS)
    one, other = BucketStateStorage(bucket), BucketStateStorage(bucket)
    assert await one.load(KEY) is None
    assert await other.load(KEY) is None
    await one.save(KEY, b"1", None)
    with pytest.raises(StateError, match="another worker"):
        await other.save(KEY, b"2", None)
    assert await other.load(KEY) == b"1"
    await other.save(KEY, b"2", None)
    await other.save(KEY, b"3", None)
    assert await one.load(KEY) == b"3"


async def test_states_of_a_person_are_forgotten(js: JetStreamContext) -> None:
    storage = BucketStateStorage(await states_bucket(js, NAMES, TERMS))
    somebody, everybody = KEY._replace(user_id=KEY.conversation_id), KEY._replace(user_id="")
    for key in (KEY, somebody, everybody):
        await storage.load(key)
        await storage.save(key, b"1", None)
    await storage.forget(KEY.user_id)
    assert await storage.load(KEY) is None
    assert await storage.load(somebody) == b"1"
    assert await storage.load(everybody) == b"1"
    await storage.save(KEY, b"2", None)
    assert await storage.load(KEY) == b"2"
