"""Announcements through the real command, sandbox and kills: everybody once, within the quota."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.announcing import BLOCKED, Outcome, Run, Stage, most_in_window

SHORT = Run(people=2_000, quota=30_000, window=5.0, sender_kills=3, sandbox_kills=1)
"""The window is short, so that the limiter works for more than one of them."""

FULL = Run(people=60_000, quota=20_000, window=60.0, within=600.0)


async def outcome(run: Run, directory: Path) -> Outcome:
    async with Stage(run, directory).open() as stage:
        return await stage.perform()


def assert_held(run: Run, found: Outcome) -> None:
    assert found.is_perfect, found
    assert found.refused == 0, found
    assert found.most <= run.quota * run.window / 60, found
    assert found.unrecorded > 0, "no batch was in flight at any kill"
    blocked = run.people // 1000 * BLOCKED
    assert (found.sent, found.failed) == (run.people - blocked, blocked)


async def test_everybody_has_it_once_though_sender_and_sandbox_are_killed(tmp_path: Path) -> None:
    assert_held(SHORT, await outcome(SHORT, tmp_path))


@pytest.mark.soak
async def test_sixty_thousand_people(tmp_path: Path) -> None:
    assert_held(FULL, await outcome(FULL, tmp_path))


async def test_without_derived_ids_people_have_it_twice(tmp_path: Path) -> None:
    run = Run(
        people=1_000, quota=60_000, window=5.0, sender_kills=1, sandbox_kills=0, without="ids"
    )
    found = await outcome(run, tmp_path)
    assert found.repeated > 0, found
    assert not found.is_perfect


async def test_without_the_limiter_the_quota_does_not_hold(tmp_path: Path) -> None:
    run = Run(
        people=1_000, quota=6_000, window=2.0, sender_kills=0, sandbox_kills=0, without="limiter"
    )
    found = await outcome(run, tmp_path)
    assert found.refused > 0, found
    assert found.most > run.quota * run.window / 60, found


def test_the_most_in_any_window() -> None:
    writes = [(0.0, 10), (4.0, 10), (5.0, 10), (9.5, 1), (20.0, 25)]
    assert most_in_window(writes, 5.0) == 25
    assert most_in_window(writes[:4], 5.0) == 20
    assert most_in_window(writes[:2], 5.0) == 20
    assert most_in_window([], 5.0) == 0
