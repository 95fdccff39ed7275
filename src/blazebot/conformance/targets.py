"""What can be checked: the service or any sandbox by its address, or a sandbox of our own."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final, Protocol

import aiohttp

from blazebot.client.http import open_http
from blazebot.conformance.check import Need
from blazebot.conformance.expectations import data_of
from blazebot.conformance.person import Person
from blazebot.conformance.raw_bot import RawBot
from blazebot.conformance.service import Service
from blazebot.conformance.trial import Trial
from blazebot.errors import ConnectionLost, KeystoreError, SettingsError, Unauthorized
from blazebot.keys.keystore import Keystore
from blazebot.testing.control import Control
from blazebot.testing.processes import SandboxProcess
from blazebot.wire.ids import contact_conversation_id, is_uuid

__all__ = ["SandboxTarget", "ServiceTarget", "Target", "own_sandbox", "service_at"]

_LANES: Final = 8

_WRITES_TO: Final = Need.RECIPIENT | Need.PERSON


class Target(Protocol):
    """Something to check. ``lanes`` is how many checks it takes at once."""

    @property
    def name(self) -> str:
        """What it is called in the report."""

    @property
    def offers(self) -> Need:
        """What checks can have of it."""

    @property
    def lanes(self) -> int:
        """How many checks may be tried at once."""

    def trial(self, needs: Need) -> AbstractAsyncContextManager[Trial]:
        """Make ready what a check needs."""


class ServiceTarget:
    """A service where there is a keystore and nothing else to act by.

    Its one line makes checks go one after another. ``peer`` is a second bot, ``recipient_id`` a
    user to write to if there is none.
    """

    lanes = 1

    def __init__(
        self,
        service: Service,
        keystore: Keystore,
        *,
        peer: Keystore | None = None,
        recipient_id: str | None = None,
    ) -> None:
        self.name = service.api
        self._bot = RawBot(keystore, service)
        self._peer = RawBot(peer, service) if peer else None
        self._recipient_id = recipient_id or (peer.app_id if peer else None)
        self.offers = Need.LINE
        if self._peer:
            self.offers |= Need.PEER
        if self._recipient_id:
            self.offers |= Need.RECIPIENT

    async def knock(self) -> None:
        """Return if the service lets the bots in.

        Raises:
            ConnectionLost: it cannot be reached.
            Unauthorized: it refuses a keystore.
        """
        for bot in (self._bot, self._peer):
            if bot is not None:
                await _knock(bot)

    @asynccontextmanager
    async def trial(self, needs: Need) -> AsyncIterator[Trial]:
        """Return the bot, and whoever is needed."""
        if needs & Need.RECIPIENT:
            await _open_conversation(self._bot, self._recipient_id or "")
        yield Trial(self._bot, peer=self._peer, recipient_id=self._recipient_id)


class SandboxTarget:
    """A sandbox whose control API is at hand: each check gets a bot of its own, and people."""

    lanes = _LANES
    offers = Need.LINE | Need.RECIPIENT | Need.PEER | Need.PERSON

    def __init__(self, service: Service, control: Control, *, name: str = "sandbox") -> None:
        self.name = name
        self._service = service
        self._control = control

    @asynccontextmanager
    async def trial(self, needs: Need) -> AsyncIterator[Trial]:
        """Return a new bot, and whoever is needed."""
        bot = await self._new_bot("app")
        peer = await self._new_bot("ed25519") if needs & Need.PEER else None
        if not needs & _WRITES_TO:
            yield Trial(bot, peer=peer)
            return
        person = Person(self._control, await self._control.create_person("Alice"), bot.user_id)
        await _open_conversation(bot, person.user_id)
        yield Trial(bot, peer=peer, person=person, recipient_id=person.user_id)

    async def _new_bot(self, form: str) -> RawBot:
        bot_id = await self._control.create_bot("Conformance")
        keystore = Keystore.load(await self._control.issue_session(bot_id, form))
        return RawBot(keystore, self._service)


@asynccontextmanager
async def service_at(
    address: str,
    keystore: str | None,
    *,
    peer_keystore: str | None = None,
    recipient_id: str | None = None,
) -> AsyncIterator[ServiceTarget]:
    """Return the service at an address, which lets its bots in; keystores as they are loaded.

    Raises:
        SettingsError: the address or the recipient's id is none.
        KeystoreError: a keystore cannot be used.
        ConnectionLost: the service cannot be reached.
        Unauthorized: it refuses a keystore.
    """
    bot = Keystore.load(keystore)
    peer = Keystore.load(peer_keystore) if peer_keystore else None
    for one in (bot, peer):
        if one is not None and one.authorization_id:
            raise KeystoreError("keystore: acts for a person; pass one of the bot's own")
    if peer is not None and peer.app_id == bot.app_id:
        raise KeystoreError("peer keystore: is of the same bot; pass that of another")
    if recipient_id is not None and (
        not is_uuid(recipient_id) or recipient_id.lower() == bot.app_id
    ):
        raise SettingsError(f"to: should be the id of another user, not {recipient_id!r:.80}")
    async with open_http() as http:
        target = ServiceTarget(
            Service.at(http, address),
            bot,
            peer=peer,
            recipient_id=recipient_id.lower() if recipient_id else None,
        )
        await target.knock()
        yield target


@asynccontextmanager
async def own_sandbox(environment: Mapping[str, str] | None = None) -> AsyncIterator[SandboxTarget]:
    """Start a sandbox in a process of its own, for as long as it is needed.

    ``environment`` may have its settings, ``BLAZEBOT_SANDBOX_*``.

    Raises:
        SandboxError: it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="blazebot-") as directory:
        process = SandboxProcess(Path(directory), environment=environment)
        try:
            await process.start()
            async with aiohttp.ClientSession() as http:
                service = Service.at(http, process.url)
                yield SandboxTarget(service, Control(http, process.url))
        finally:
            await process.stop()


async def _knock(bot: RawBot) -> None:
    where = bot.service.api
    try:
        answer = await bot.get("/me")
    except (aiohttp.ClientError, OSError) as error:
        raise ConnectionLost(
            f"{where} cannot be reached: {error or type(error).__name__}; check the address and "
            "the network"
        ) from None
    if answer.code == 401:
        raise Unauthorized(
            description=f"{where} refuses the keystore of {bot.user_id}",
            advice="Generate a new session, and check that the clock is right",
        )


async def _open_conversation(bot: RawBot, user_id: str) -> None:
    data_of(
        await bot.post(
            "/conversations",
            {
                "category": "CONTACT",
                "conversation_id": contact_conversation_id(bot.user_id, user_id),
                "participants": [{"user_id": user_id}],
            },
        )
    )
