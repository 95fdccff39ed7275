"""Whole bots in simulated time, and the same with one mechanism switched off, which must fail."""

from __future__ import annotations

import asyncio
import logging
import re
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

import tests.simulation
from tests.simulation import world
from tests.simulation.switched_off import MECHANISMS, Mechanism

STEPS = 80
STEPS_UNTIL_IT_FAILS = 60


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder that is in memory where there is such a place: each disk waits for its fsync."""
    place = Path("/dev/shm")  # noqa: S108 - each test makes its own folder in it
    if not place.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=place) as folder:
        yield Path(folder)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What a bot in such a world complains of is not to be read."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_what_must_hold(memory: Path) -> None:
    run_all(range(4), memory)


class Outage(world.World):
    """A bot says things in a row while the service is away for longer than ``send_timeout``."""

    async def play(self, steps: int, often: Collection[str]) -> None:
        await self.begin()
        await asyncio.sleep(5.0)
        life, conversation = self.lives[world.APPS[0]], world.CONVERSATIONS[0]
        self.service.weather.refused[""] = self.service.now + 150.0
        life.network.lines[-1].cut()
        # Requests are looked at now and then: so of those below the first is given up last.
        self.speech.say(life, world.CONVERSATIONS[1], may_be_cancelled=False, waits=True)
        await asyncio.sleep(0.1)
        for _ in range(5):
            self.speech.say(life, conversation, may_be_cancelled=False, waits=True)
        await asyncio.sleep(250.0)
        assert not self.speech.tasks
        await self._end()
        texts = self.service.said[life.app_id, conversation]
        said = [text for text in texts if text.startswith("said")]
        assert said == [f"said {number}" for number in range(2, 7)]


def test_what_a_bot_says_in_an_outage_is_said_in_order_and_nothing_is_left(memory: Path) -> None:
    for seed in range(3):
        world.run(seed, 0, memory, Outage)


@pytest.mark.soak
def test_what_must_hold_for_long(memory: Path) -> None:
    run_all(range(1000, 3000), memory)


@pytest.mark.parametrize("mechanism", MECHANISMS, ids=lambda one: one.name)
def test_it_fails_without(
    mechanism: Mechanism, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mechanism.switch_off(monkeypatch)
    monkeypatch.setattr(world, "QUIET", 600.0)
    with pytest.raises(world.Broken, match=mechanism.complaint):
        run_all(range(20), memory, STEPS_UNTIL_IT_FAILS, mechanism.often)


def test_each_behaviour_is_listed_with_its_mechanisms() -> None:
    listed = set(re.findall(r"[a-z0-9]+(?:_[a-z0-9]+)+", tests.simulation.__doc__ or ""))
    assert listed - {"switched_off"} == {one.name for one in MECHANISMS}


def run_all(seeds: range, folder: Path, steps: int = STEPS, often: Collection[str] = ()) -> None:
    for seed in seeds:
        world.run(seed, steps, folder, often=often)
