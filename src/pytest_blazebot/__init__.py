"""The pytest plugin: fixtures for tests of bots (``docs/testing.md``).

pytest imports it at each start, also where no test is of a bot. So it stands outside of the package
``blazebot``, whose import takes a while, and imports that only where a fixture is used.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from blazebot import Bot
    from blazebot.testing import (
        Clock,
        CreatePerson,
        Faults,
        Person,
        RunBot,
        Sandbox,
        SandboxProcess,
    )

_BOT = "blazebot_bot"


def _async_fixture(function: Callable[..., Any]) -> Any:
    try:
        import pytest_asyncio  # noqa: PLC0415 - an optional extra
    except ImportError:
        pass
    else:
        return pytest_asyncio.fixture(function)

    def unusable() -> None:
        pytest.fail(
            "the fixtures of blazebot need pytest-asyncio: pip install 'blazebot[testing]'",
            pytrace=False,
        )

    return pytest.fixture(name=function.__name__)(unusable)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare what may be set."""
    parser.addini(_BOT, "The bot that the fixture `bot` runs, as module:name.", default="")


# The sandbox: one for all tests, and what each test sees of it


@pytest.fixture(scope="session")
def blazebot_settings() -> Mapping[str, object]:
    """Settings of the sandbox by name; define this fixture anew to have others."""
    return {}


@pytest.fixture(scope="session")
def blazebot_process(
    tmp_path_factory: pytest.TempPathFactory, blazebot_settings: Mapping[str, object]
) -> Iterator[SandboxProcess]:
    """The process of the sandbox, from the first test that needs it to the end."""
    from blazebot.testing import running_sandbox  # noqa: PLC0415

    directory = tmp_path_factory.mktemp("sandbox")
    with running_sandbox(directory, settings=blazebot_settings) as process:
        yield process


@_async_fixture
async def blazebot_sandbox(blazebot_process: SandboxProcess) -> AsyncIterator[Sandbox]:
    """The sandbox for one test: people, bots, the clock, faults, and ``url`` and ``control``."""
    from blazebot.errors import SandboxError  # noqa: PLC0415
    from blazebot.testing import Sandbox  # noqa: PLC0415

    sandbox = Sandbox(blazebot_process.url)
    try:
        await sandbox.open()
    except SandboxError as error:
        error.add_note(f"The log of the sandbox:\n{blazebot_process.log}")
        raise
    try:
        yield sandbox
    finally:
        await sandbox.close()


@pytest.fixture
def blazebot_clock(blazebot_sandbox: Sandbox) -> Clock:
    """The time, which the test moves."""
    return blazebot_sandbox.clock


@pytest.fixture
def blazebot_faults(blazebot_sandbox: Sandbox) -> Faults:
    """What goes wrong, by ``async with faults.on(...)``."""
    return blazebot_sandbox.faults


# Bots


@pytest.fixture
def blazebot_run_bot(blazebot_sandbox: Sandbox) -> RunBot:
    """``await run_bot(bot)`` runs one in the test's own loop until the end of the test."""
    return blazebot_sandbox.run


@_async_fixture
async def blazebot_bot(request: pytest.FixtureRequest, blazebot_sandbox: Sandbox) -> Bot:
    """The bot that the tests are about, running: that of the setting ``blazebot_bot``."""
    target = str(request.config.getini(_BOT))
    if not target:
        pytest.fail(
            f"no bot to run: write {_BOT} = 'module:name' among the settings of pytest, or a "
            "fixture `bot` that returns `await run_bot(...)`",
            pytrace=False,
        )
    return await blazebot_sandbox.run(target)


# People


@pytest.fixture
def blazebot_person(blazebot_sandbox: Sandbox) -> CreatePerson:
    """``carol = await person("Carol")`` creates one more."""
    return blazebot_sandbox.person


@_async_fixture
async def blazebot_alice(blazebot_sandbox: Sandbox) -> Person:
    """Alice, who is nobody's friend yet."""
    return await blazebot_sandbox.person("Alice")


@_async_fixture
async def blazebot_bob(blazebot_sandbox: Sandbox) -> Person:
    """Bob, who is nobody's friend yet."""
    return await blazebot_sandbox.person("Bob")


# Short names. A fixture of the project with such a name goes before.


@pytest.fixture
def sandbox(blazebot_sandbox: Sandbox) -> Sandbox:
    """Short for ``blazebot_sandbox``."""
    return blazebot_sandbox


@pytest.fixture
def clock(blazebot_clock: Clock) -> Clock:
    """Short for ``blazebot_clock``."""
    return blazebot_clock


@pytest.fixture
def faults(blazebot_faults: Faults) -> Faults:
    """Short for ``blazebot_faults``."""
    return blazebot_faults


@pytest.fixture
def bot(blazebot_bot: Bot) -> Bot:
    """Short for ``blazebot_bot``."""
    return blazebot_bot


@pytest.fixture
def run_bot(blazebot_run_bot: RunBot) -> RunBot:
    """Short for ``blazebot_run_bot``."""
    return blazebot_run_bot


@pytest.fixture
def person(blazebot_person: CreatePerson) -> CreatePerson:
    """Short for ``blazebot_person``."""
    return blazebot_person


@pytest.fixture
def alice(blazebot_alice: Person) -> Person:
    """Short for ``blazebot_alice``."""
    return blazebot_alice


@pytest.fixture
def bob(blazebot_bob: Person) -> Person:
    """Short for ``blazebot_bob``."""
    return blazebot_bob


# What a failed test shows


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the conversations to the report of a test that failed."""
    report = yield
    sandbox: Sandbox | None = getattr(item, "funcargs", {}).get("blazebot_sandbox")
    if sandbox is not None and report.failed and report.when == "call" and call.excinfo is not None:
        shown = str(call.excinfo.value)
        transcript = sandbox.transcript()
        if transcript not in shown:
            report.sections.append(("Conversations", transcript))
    return report
