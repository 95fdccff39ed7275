"""The sandbox's control API from the outside: make people and bots, act for people."""

from __future__ import annotations

import asyncio
import io
import itertools
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final, Self
from uuid import uuid4

import aiohttp
import msgspec

from blazebot.errors import SandboxError

ANSWER_TIMEOUT: Final = 30.0
"""Seconds for the sandbox to answer, its restarts included."""

_RECONNECT_PAUSE = 0.05
_REPEATABLE = ("GET", "DELETE")
_UNREACHABLE = (aiohttp.ClientError, OSError, TimeoutError)


class Control:
    """Calls of the control API of the sandbox at ``url``.

    One that cannot be reached, because it restarts, is called again for ``patience`` seconds.
    """

    def __init__(self, http: aiohttp.ClientSession, url: str, *, patience: float = 0.0) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._patience = patience

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """Return the answer's JSON; ``path`` is what follows ``/control``.

        Raises:
            SandboxError: the sandbox refused the call, or cannot be reached.
        """
        return msgspec.json.decode(await self._request(method, f"/control{path}", json=body))

    async def _request(self, method: str, path: str, **body: Any) -> bytes:
        deadline = time.monotonic() + self._patience
        while True:
            try:
                async with self._http.request(method, f"{self._url}{path}", **body) as response:
                    answer = await response.read()
                break
            except _UNREACHABLE as error:
                undone = isinstance(error, aiohttp.ClientConnectorError) or method in _REPEATABLE
                if not undone or time.monotonic() >= deadline:
                    raise _unreachable(error) from None
            await asyncio.sleep(_RECONNECT_PAUSE)
        if response.status != 200:
            raise SandboxError(f"{method} {path}: {response.status}: {_reason(answer)}")
        return answer

    async def create_person(self, name: str) -> str:
        """Create a person; return the user id."""
        person = await self.call("POST", "/people", {"full_name": name})
        return str(person["user_id"])

    async def create_bot(self, name: str) -> str:
        """Create a bot; return the user id."""
        bot = await self.call("POST", "/bots", {"full_name": name})
        return str(bot["user_id"])

    async def issue_session(self, bot_id: str, form: str) -> dict[str, Any]:
        """Give a bot a new session, which ends the one before; return its keystore."""
        keystore: dict[str, Any] = await self.call(
            "POST", f"/bots/{bot_id}/sessions", {"form": form}
        )
        return keystore

    async def add_friend(self, person_id: str, bot_id: str) -> None:
        """Let a person add a bot as a friend."""
        await self.call("POST", f"/people/{person_id}/friends", {"user_id": bot_id})

    async def open_session(
        self, person_id: str, *, public_key: bool = True, keep: bool = False
    ) -> dict[str, Any]:
        """Give a person a new session: ``session_id``, ``public_key`` and all ``sessions``.

        Without ``public_key`` it cannot read encrypted messages. Unless ``keep``, it ends those
        that the person has.
        """
        session: dict[str, Any] = await self.call(
            "POST", f"/people/{person_id}/sessions", {"public_key": public_key, "keep": keep}
        )
        return session

    async def transfer(self, person_id: str, bot_id: str, **fields: str) -> dict[str, Any]:
        """Let a person pay a bot; return the message about it: ``message_id``, ``transfer``.

        ``fields`` may be ``amount`` (a decimal string), ``category`` (``SYSTEM_ACCOUNT_SNAPSHOT``,
        ``SYSTEM_SAFE_SNAPSHOT`` or ``SYSTEM_SAFE_INSCRIPTION``), ``asset_id``, ``memo``,
        ``trace_id`` and ``inscription_hash``.
        """
        told: dict[str, Any] = await self.call(
            "POST", f"/people/{person_id}/transfers", {"bot_id": bot_id, **fields}
        )
        return told

    async def upload(self, person_id: str, data: bytes) -> dict[str, Any]:
        """Upload an attachment as a person: ``attachment_id``, ``size``, ``created_at``."""
        answer = await self._request(
            "POST", f"/control/people/{person_id}/attachments", data=io.BytesIO(data)
        )
        attachment: dict[str, Any] = msgspec.json.decode(answer)
        return attachment

    async def download(self, attachment_id: str) -> bytes:
        """Return the bytes of an attachment, as they are stored."""
        return await self._request("GET", f"/view/{attachment_id}")

    async def add_fault(self, kind: str, **fields: Any) -> int:
        """Let something go wrong, once unless ``times`` says otherwise; return the fault's id.

        ``fields`` may be ``bot_id``, ``times`` (None: until it is cleared), ``probability``,
        ``only``, ``seconds`` and ``code``; the kinds stand in ``docs/faults.md``.
        """
        fault = await self.call("POST", "/faults", {"kind": kind, **fields})
        return int(fault["fault_id"])

    async def faults(self) -> list[dict[str, Any]]:
        """Return the faults; ``struck`` is how often each has struck."""
        faults: list[dict[str, Any]] = (await self.call("GET", "/faults"))["faults"]
        return faults

    async def clear_faults(self, fault_id: int | None = None) -> None:
        """Switch one fault off, or all."""
        await self.call("DELETE", "/faults" if fault_id is None else f"/faults/{fault_id}")

    async def log(
        self, *, after: int = 0, bot_id: str = "", follow: bool = False
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield the wire log's entries with a greater number, and with ``follow`` what comes.

        Raises:
            SandboxError: the sandbox refused the call, or cannot be reached.
        """
        query = {"after": str(after), "bot_id": bot_id, "follow": str(follow).lower()}
        limits = aiohttp.ClientTimeout(total=None)
        try:
            async with self._http.get(
                f"{self._url}/control/log", params=query, timeout=limits
            ) as response:
                if response.status != 200:
                    words = _reason(await response.read())
                    raise SandboxError(f"GET /log: {response.status}: {words}")
                async for line in _lines(response.content):
                    yield msgspec.json.decode(line)
        except _UNREACHABLE as error:
            raise _unreachable(error) from None

    async def bot(self, bot_id: str) -> dict[str, Any]:
        """Return a bot's state: ``connected``, ``connections``, ``pending``, ``unacknowledged``."""
        state: dict[str, Any] = await self.call("GET", f"/bots/{bot_id}")
        return state


def _unreachable(error: Exception) -> SandboxError:
    words = str(error) or type(error).__name__
    return SandboxError(f"the sandbox cannot be reached: {words}; `blazebot sandbox` starts one")


def _reason(answer: bytes) -> str:
    """Return why the sandbox refused a call, in its words."""
    try:
        error = msgspec.json.decode(answer)["error"]
        extra = error.get("extra") or {}
        words = str(extra.get("reason") or error["description"])
    except (ValueError, KeyError, TypeError, AttributeError):  # something else listens there
        return f"{answer.decode(errors='replace'):.200}"
    return f"{extra['field']}: {words}" if "field" in extra else words


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Yield lines however long: an entry may hold a frame of some MiB."""
    held = b""
    async for chunk in content.iter_any():
        *lines, held = (held + chunk).split(b"\n")
        for line in lines:
            yield line


class People:
    """Acts for many people over one control socket, and keeps all that they see.

    It connects again by itself, from where it was, so that it misses nothing over a restart of
    the sandbox. ``seen[person_id][message_id]`` is a message as that person sees it now.
    """

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._people: list[str] | None = []  # None is all
        self._cursor = 0
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._open = asyncio.Event()
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.seen: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def watch(self, people: Sequence[str]) -> None:
        """See what these people see, from the beginning."""
        self._people = [*(self._people or ()), *people]
        self._cursor = 0
        await self.call("subscribe", people=self._people, after=0)

    async def watch_all(self) -> None:
        """See what all people see from now on, those who are yet to come too."""
        self._people = None
        answer = await self.call("subscribe")
        self._cursor = max(self._cursor, answer["cursor"])

    async def send(self, messages: Sequence[dict[str, Any]]) -> None:
        """Send texts for people, each ``{person_id, recipient_id | conversation_id, text}``.

        Instead of ``text`` a message may have ``category`` and ``data_base64``, and more: see
        ``PersonMessage`` of the sandbox.

        Returns when the sandbox has committed them; each takes effect once.

        Raises:
            SandboxError: the sandbox refused one; the others are sent.
        """
        with_ids = [{"message_id": str(uuid4()), **message} for message in messages]
        answer = await self.call("send", messages=with_ids)
        _raise_first_error(answer["messages"])

    async def create(self, names: Sequence[str]) -> list[str]:
        """Create people; return their user ids."""
        answer = await self.call("people", people=[{"full_name": name} for name in names])
        return [person["user_id"] for person in answer["people"]]

    async def add_friend(self, people: Sequence[str], bot_id: str) -> None:
        """Let people add a bot as a friend.

        Raises:
            SandboxError: the sandbox refused one.
        """
        friends = [{"person_id": person, "user_id": bot_id} for person in people]
        answer = await self.call("friends", friends=friends)
        _raise_first_error(answer["friends"])

    async def call(self, op: str, **arguments: Any) -> Any:
        """Do ``op`` and return its answer; tried again when the line breaks.

        Raises:
            SandboxError: the sandbox refused it, or did not answer in ``ANSWER_TIMEOUT`` seconds.
        """
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                return await self._call(op, arguments)
        except TimeoutError:
            raise SandboxError(
                f"{op}: no answer from the sandbox in {ANSWER_TIMEOUT:g} s; does it still run?"
            ) from None

    async def _call(self, op: str, arguments: dict[str, Any]) -> Any:
        while True:
            await self._open.wait()
            socket = self._socket
            call_id = next(self._ids)
            answer = asyncio.get_running_loop().create_future()
            self._answers[call_id] = answer
            try:
                if socket is not None:
                    await socket.send_str(
                        msgspec.json.encode({"id": call_id, "op": op, **arguments}).decode()
                    )
                    return await answer
            except _UNREACHABLE:
                self._open.clear()
            finally:
                self._answers.pop(call_id, None)

    async def catch_up(self, within: float) -> None:
        """Return when all is seen that has happened in the sandbox; raises TimeoutError."""
        newest = (await Control(self._http, self._url).call("GET", "/health"))["cursor"]
        await self.until(lambda: self._cursor >= newest, within)

    async def until(self, condition: Callable[[], bool], within: float) -> None:
        """Return when ``condition()`` holds, looking at each change; raises TimeoutError."""
        async with asyncio.timeout(within):
            while not condition():
                await self.change()

    async def change(self) -> None:
        """Return when something has changed, though perhaps not for these people."""
        self._news.clear()
        await self._news.wait()

    async def _run(self) -> None:
        while True:
            try:
                async with self._http.ws_connect(
                    f"{self._url}/control/socket", max_msg_size=0
                ) as socket:
                    await self._serve(socket)
            except _UNREACHABLE:
                pass
            self._open.clear()
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(ConnectionResetError("the control socket broke"))
            await asyncio.sleep(_RECONNECT_PAUSE)

    async def _serve(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        if self._people is None or self._people:
            await socket.send_json(
                {"id": 0, "op": "subscribe", "people": self._people, "after": self._cursor}
            )
        self._open.set()
        async for message in socket:
            frame = msgspec.json.decode(message.data)
            if "events" in frame:
                for event in frame["events"]:
                    self._see(event)
                self._cursor = max(self._cursor, frame["cursor"])
                self._news.set()
            else:
                self._answer(frame)

    def _see(self, event: dict[str, Any]) -> None:
        self._cursor = max(self._cursor, event["cursor"])
        message = event["message"]
        self.seen[event["person_id"]][message["message_id"]] = message

    def _answer(self, frame: dict[str, Any]) -> None:
        answer = self._answers.get(frame.get("id", 0))
        if answer is None or answer.done():
            return
        if "error" in frame:
            answer.set_exception(SandboxError(str(frame["error"])))
        else:
            answer.set_result(frame.get("data"))


def _raise_first_error(outcomes: Sequence[dict[str, Any]]) -> None:
    for outcome in outcomes:
        if "error" in outcome:
            raise SandboxError(f"the sandbox refused: {outcome['error']}")
