"""``blazebot dead-letters``: messages that a bot gave up, to be looked at and handled again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Protocol
from uuid import UUID

import typer

from blazebot.cli.command import run
from blazebot.cli.engine import WITHIN
from blazebot.cli.options import AsJson
from blazebot.cli.roles import Engine, need_nats
from blazebot.errors import DeadLetterError

if TYPE_CHECKING:
    from pathlib import Path

    from blazebot.bot.settings import BotSettings
    from blazebot.delivery.dead_letters import DeadLetter, DeadLetters
    from blazebot.wire.content import Content

dead_letters = typer.Typer(
    help="List the messages that a bot gave up, look at them, and have them handled again.",
    invoke_without_command=True,
)

Bot = Annotated[
    UUID | None, typer.Option("--bot", help="The bot's id; by default that of BLAZEBOT_KEYSTORE.")
]
Ids = Annotated[
    list[str] | None, typer.Argument(metavar="[ID]...", help="Ids of messages, as `list` shows.")
]


@dead_letters.callback()
def main(
    context: typer.Context, *, bot: Bot = None, engine: Engine = None, as_json: AsJson = False
) -> None:
    """List the messages that a bot gave up, look at them, and have them handled again."""
    if context.invoked_subcommand is None:
        list_letters(bot=bot, engine=engine, as_json=as_json)
    elif bot or engine or as_json:
        raise typer.BadParameter(f"options come after {context.invoked_subcommand}")


@dead_letters.command("list")
def list_letters(*, bot: Bot = None, engine: Engine = None, as_json: AsJson = False) -> None:
    """List them, oldest first."""

    async def list_all() -> None:
        from blazebot.bot.shown import printable  # noqa: PLC0415

        async with _opened(bot, engine) as letters:
            kept = await letters.all()
        if as_json:
            print(json.dumps({"dead_letters": [_summary(one) for one in kept]}))  # noqa: T201
            return
        for one in kept:
            print(printable(_line(one)))  # noqa: T201
        if not kept:
            print("there are no dead letters")  # noqa: T201

    run(list_all)


@dead_letters.command()
def show(
    message_id: Annotated[
        str, typer.Argument(metavar="ID", help="The message's id, as `list` shows it.")
    ],
    *,
    bot: Bot = None,
    engine: Engine = None,
    as_json: AsJson = False,
) -> None:
    """Show one: what it says, from whom, and why it was given up."""

    async def show_one() -> None:
        from blazebot.bot.shown import printable  # noqa: PLC0415

        async with _opened(bot, engine) as letters:
            letter = await _get(letters, message_id)
        content = _content(letter)
        if as_json:
            print(json.dumps(_summary(letter) | {"content": _fields(content)}))  # noqa: T201
            return
        for name, value in _summary(letter).items():
            print(f"{name:17} {printable(str(value or '-'))}")  # noqa: T201
        print(f"{'content':17} {content!r}")  # noqa: T201

    run(show_one)


@dead_letters.command()
def replay(
    message_ids: Ids = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All dead letters.")] = False,
    bot: Bot = None,
    engine: Engine = None,
    as_json: AsJson = False,
) -> None:
    """Have them handled again: soon by the bot that runs, or when it runs next."""

    async def ask() -> None:
        async with _opened(bot, engine) as letters:
            chosen = await _chosen(letters, message_ids, every=every)
            await letters.ask_replay(chosen)
        _tell("replay", chosen, as_json=as_json, words="to be handled again")

    run(ask)


@dead_letters.command()
def drop(
    message_ids: Ids = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All dead letters.")] = False,
    bot: Bot = None,
    engine: Engine = None,
    as_json: AsJson = False,
) -> None:
    """Forget them for good."""

    async def forget() -> None:
        async with _opened(bot, engine) as letters:
            chosen = await _chosen(letters, message_ids, every=every)
            await letters.drop(chosen)
        _tell("dropped", chosen, as_json=as_json, words="dropped")

    run(forget)


# Which


class Letters(Protocol):
    """The dead letters of one bot, wherever they are kept."""

    async def all(self) -> list[DeadLetter]:
        """Return them, oldest first."""

    async def get(self, message_id: str) -> DeadLetter | None:
        """Return the one that is this message, if any."""

    async def ask_replay(self, message_ids: Sequence[str]) -> None:
        """Have messages handled again."""

    async def drop(self, message_ids: Sequence[str]) -> None:
        """Forget messages for good."""


class _LettersOnDisk:
    """Those of a bot that runs without an engine."""

    def __init__(self, letters: DeadLetters) -> None:
        self._letters = letters

    async def all(self) -> list[DeadLetter]:
        return self._letters.all() if self._letters.exists else []

    async def get(self, message_id: str) -> DeadLetter | None:
        return self._letters.get(message_id) if self._letters.exists else None

    async def ask_replay(self, message_ids: Sequence[str]) -> None:
        if message_ids:
            self._letters.ask_replay(message_ids)

    async def drop(self, message_ids: Sequence[str]) -> None:
        if message_ids:
            self._letters.drop(message_ids)


@asynccontextmanager
async def _opened(bot: UUID | None, engine: str | None) -> AsyncIterator[Letters]:
    from blazebot.bot.settings import load_bot_settings  # noqa: PLC0415

    settings = load_bot_settings()
    app_id = str(bot) if bot else _own_id(settings)
    url = engine or settings.engine
    if url is None:
        with _on_disk(settings.data_root / app_id) as letters:
            yield _LettersOnDisk(letters)
        return
    need_nats()
    from blazebot.jetstream.dead_letters import dead_letters_at  # noqa: PLC0415

    async with dead_letters_at(url, app_id, WITHIN) as stream:
        yield stream


@contextmanager
def _on_disk(directory: Path) -> Iterator[DeadLetters]:
    from blazebot.delivery.dead_letters import FILE_NAME, DeadLetters  # noqa: PLC0415

    path = directory / FILE_NAME
    letters = DeadLetters(path)
    try:
        if not directory.is_dir():
            raise DeadLetterError(
                f"{directory}: there is no such directory, so the bot has not run with it: see "
                "data_dir (BLAZEBOT_DATA_DIR) and --bot"
            )
        yield letters
    except (sqlite3.Error, OSError) as error:
        raise DeadLetterError(f"{path} cannot be used: {error}") from None
    finally:
        letters.close()


def _own_id(settings: BotSettings) -> str:
    from blazebot.keys.keystore import Keystore  # noqa: PLC0415

    return Keystore.load(settings.keystore).app_id


async def _get(letters: Letters, message_id: str) -> DeadLetter:
    letter = await letters.get(message_id.lower())
    if letter is None:
        raise DeadLetterError(
            f"there is no dead letter {message_id}: `blazebot dead-letters list` shows those there "
            "are"
        )
    return letter


async def _chosen(letters: Letters, message_ids: Sequence[str] | None, *, every: bool) -> list[str]:
    if every == bool(message_ids):
        raise DeadLetterError("give either the ids of messages, or --all")
    if every:
        return [one.view.message_id for one in await letters.all()]
    return [(await _get(letters, message_id)).view.message_id for message_id in message_ids or ()]


# What is shown


def _summary(letter: DeadLetter) -> dict[str, Any]:
    view = letter.view
    return {
        "message_id": view.message_id,
        "conversation_id": view.conversation_id,
        "user_id": view.user_id,
        "category": view.category,
        "created_at": view.created_at,
        "buried_at": _time(letter.buried_at),
        "tries": letter.tries,
        "error": letter.error,
        "replay_asked_at": letter.replay_asked_at and _time(letter.replay_asked_at),
    }


def _line(letter: DeadLetter) -> str:
    view = letter.view
    asked = ", to be handled again" if letter.replay_asked_at else ""
    error = letter.error.partition("\n")[0]
    return (
        f"{view.message_id}  {_time(letter.buried_at)}  {view.category} from {view.user_id}, "
        f"{letter.tries} tries: {error:.120}{asked}"
    )


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _content(letter: DeadLetter) -> Content:
    from blazebot.bot.incoming import is_encrypted, read_content  # noqa: PLC0415
    from blazebot.bot.settings import load_bot_settings  # noqa: PLC0415
    from blazebot.keys.encryption import MessageCipher  # noqa: PLC0415
    from blazebot.keys.keystore import Keystore  # noqa: PLC0415
    from blazebot.wire.content import decode_content  # noqa: PLC0415

    view = letter.view
    if not is_encrypted(view):
        return decode_content(view.category or "", view.data_base64, view.data)
    keystore = Keystore.load(load_bot_settings().keystore)
    return read_content(view, MessageCipher(keystore.session_id, keystore.private_key))


def _fields(content: Content) -> dict[str, Any]:
    import msgspec  # noqa: PLC0415

    from blazebot.bot.shown import SECRETS  # noqa: PLC0415

    fields = msgspec.to_builtins(content)
    return {
        "kind": type(content).__name__,
        **{name: value for name, value in fields.items() if name not in SECRETS},
    }


def _tell(key: str, message_ids: Sequence[str], *, as_json: bool, words: str) -> None:
    if as_json:
        print(json.dumps({key: message_ids}))  # noqa: T201
    else:
        print(f"{len(message_ids)} {words}")  # noqa: T201
