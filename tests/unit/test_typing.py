"""What a type checker says of handlers: contents are typed, and a wrong kind is an error."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Each line that ends with a word behind `# E:` has an error with that word; no other line has any.
SNIPPET = """
import re
from pathlib import Path
from typing import Any, Unpack

import msgspec

from blazebot import (
    Bot, BotOptions, Button, Callback, Command, Content, F, File, Image, Job, Message, Next,
    NextWith, Receipt, Router, State, States, Step, Text, Transfer, Translator, User, at_step,
    in_group, middleware, quoted, run,
)

bot = Bot()
router = Router("router", in_group & (F.content.width > 100))


def is_long(message: Message[Text]) -> bool:
    return len(message.content.text) > 5


@router.on(Image)
async def picture(message: Message[Image]) -> None:
    reveal_type(message.content.width)  # E: "int"
    message.content.text  # E: no attribute


@router.on(Image, File)
async def either(message: Message[Image | File]) -> None: ...


@bot.on(Text, is_long, quoted | ~in_group, F.user_id == "x", lambda message: True)
async def text(message: Message[Text], user: User, *, me: Bot) -> None: ...


@bot.on(Text)  # E: incompatible type
async def wrong(message: Message[Image]) -> None: ...


@bot.on(Image, File)  # E: incompatible type
async def only_one(message: Message[Image]) -> None: ...


@bot.on(Text)  # E: incompatible type
def not_async(message: Message[Text]) -> None: ...


@bot.on("text")  # E: No overload variant
async def no_kind(message: Message[Text]) -> None: ...


@bot.command("start")
async def start(message: Message[Text], command: Command) -> None:
    reveal_type(command.args)  # E: "list[str]"


class Vote(Callback, tag="vote"):
    choice: str


@bot.on_callback(Vote, in_group)
async def voted(message: Message[Text], vote: Vote) -> None:
    Button("Yes", callback=Vote(5))  # E: incompatible type


@bot.on_callback(Text)  # E: incompatible type
async def no_callback(message: Message[Text]) -> None: ...


@bot.job(cron="0 9 * * *", tz="UTC")
async def job(job: Job[int], bare: Job) -> None:
    reveal_type(job.data)  # E: "int"
    await bot.jobs.schedule(voted, after=5)  # E: incompatible type


@bot.regex("x")  # E: incompatible type
async def found(message: Message[Image], match: re.Match[str]) -> None: ...


class Survey(States):
    name = Step()


class Answers(msgspec.Struct, frozen=True):
    name: str = ""


@bot.on(Text, Survey.name | ~at_step(Survey))
async def asked(message: Message[Text], state: State, answers: State[Answers]) -> None:
    reveal_type(state.data)  # E: Mapping[str, Any]
    reveal_type(answers.data.name)  # E: "str"
    state.set(Survey.nmae)  # E: no attribute
    async with bot.states.of("x", Answers) as other:
        reveal_type(other.data)  # E: Answers
    async with bot.states.of("x") as plain:
        reveal_type(plain.data)  # E: Mapping


@bot.on_transfer
async def paid(message: Message[Transfer]) -> None:
    reveal_type(message.content.amount)  # E: Decimal


@bot.on_transfer(F.content.amount > 5, in_group, lambda message: True)
async def paid_much(message: Message[Transfer], user: User) -> None: ...


@bot.on_transfer(lambda message: message.content.amount > 5)
async def paid_more(message: Message[Content]) -> None: ...


@bot.on_transfer  # E: incompatible type
async def no_transfer(message: Message[Image]) -> None: ...


@bot.on_transfer(F.content.amount > 5)  # E: incompatible type
async def no_transfer_either(message: Message[Image]) -> None: ...


@bot.on_recall()  # E: incompatible type
def recalled(message: Message[Content]) -> None: ...


@bot.fallback(is_long)
async def other(message: Message[Content]) -> None: ...


@bot.on_startup()
async def begin(me: Bot) -> None: ...


reveal_type(begin)  # E: (me: blazebot.bot.bot.Bot)


@bot.on_receipt
async def receipt(receipt: Receipt, me: Bot) -> None: ...


@bot.on_error(ValueError, KeyError)
async def failed(message: Message[Content], error: Exception) -> None: ...


@bot.on_error(KeyError)  # E: incompatible type
async def failed_otherwise(message: Message[Content], error: ValueError) -> None: ...


@bot.on_error
async def failed_anyhow(message: Message[Content], error: Exception, user: User) -> None: ...


@bot.outer
async def around(message: Message[Any], call_next: NextWith[Translator]) -> None:
    await call_next(message)  # E: Too few arguments


@bot.inner
async def inside(message: Message[Any], call_next: Next) -> None:
    await call_next(message)


bot.outer(middleware.throttle(5, per=60))
bot.include(bot)  # E: incompatible type
bot.provide(str, lambda: "x")

Bot("keystore.json", quota=600, data_dir=Path("data"))
Bot(quota="many")  # E: incompatible type
Bot(qouta=600)  # E: Unexpected keyword
run(bot, log_format="xml")  # E: incompatible type


def make(**options: Unpack[BotOptions]) -> Bot:
    return Bot("keystore.json", **options)
"""


def test_a_type_checker_knows_what_handlers_take(tmp_path: Path) -> None:
    api = pytest.importorskip("mypy.api")
    (tmp_path / "snippet.py").write_text(SNIPPET)
    cache = ROOT / ".mypy_cache"
    out, errors, _ = api.run(
        [
            *("--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(cache)),
            *("--no-error-summary", str(tmp_path / "snippet.py")),
        ]
    )
    assert not errors
    said: dict[int, str] = {}
    for number, words in re.findall(r"^\S+?:(\d+): (.*)$", out, re.MULTILINE):
        said[int(number)] = said.get(int(number), "") + words
    expected = {
        number: line.partition("# E: ")[2]
        for number, line in enumerate(SNIPPET.splitlines(), 1)
        if "# E: " in line
    }
    assert said.keys() == expected.keys(), out
    for number, words in expected.items():
        assert words in said[number], (number, said[number])
