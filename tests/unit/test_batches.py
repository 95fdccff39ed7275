"""How messages are split into batches, and what a refused one among them costs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blazebot.announce.batch_size import BatchSize
from blazebot.delivery.batches import Refusal, RefusedTogether, in_pieces, split
from blazebot.errors import service_error
from blazebot.wire.codec import encode_json
from blazebot.wire.limits import REQUEST_LIMIT
from blazebot.wire.messages import SENT, MessageBatch, MessageRequest

SIZES = st.one_of(st.integers(0, 200), st.sampled_from([1300, 40_000, 130_000, 131_072, 200_000]))


@given(st.lists(SIZES, max_size=250), st.integers(1, 100))
def test_all_go_in_order_in_batches_that_fit_and_none_could_go_with_the_one_before(
    sizes: list[int], most: int
) -> None:
    requests = [
        MessageRequest(
            conversation_id="c", message_id=str(number), category="PLAIN_TEXT", status=SENT
        )
        for number in range(len(sizes))
    ]
    for request, size in zip(requests, sizes, strict=True):
        request.data_base64 = "x" * size
    batches = split(requests, most)
    assert [number for batch in batches for number in batch] == list(range(len(requests)))
    for batch in batches:
        frame = len(encode_json(MessageBatch([requests[number] for number in batch])))
        assert 1 <= len(batch) <= most
        assert len(batch) == 1 or frame <= REQUEST_LIMIT
    for batch, following in pairwise(batches):
        more = [requests[number] for number in (*batch, following[0])]
        assert len(more) > most or len(encode_json(more)) > REQUEST_LIMIT - 250


class Service:
    """Refuses batches that hold a bad message, and counts what is written."""

    def __init__(self, bad: set[int]) -> None:
        self.bad = bad
        self.taken: list[int] = []
        self.written = 0

    async def send(self, batch: Sequence[MessageRequest]) -> list[Refusal | None]:
        numbers = [int(one.message_id) for one in batch]
        self.written += len(numbers)
        if self.bad.isdisjoint(numbers):
            self.taken += numbers
            return [None] * len(batch)
        kind = RefusedTogether if len(batch) > 1 else Refusal
        return [kind(service_error(403, ""))] * len(batch)


def send(numbers: Sequence[int], bad: set[int]) -> Service:
    service = Service(bad)
    requests = [
        MessageRequest(conversation_id="c", message_id=str(one), category="PLAIN_TEXT", status=SENT)
        for one in numbers
    ]
    refusals = asyncio.run(in_pieces(requests, 100, service.send))
    assert [bool(one) for one in refusals] == [number in bad for number in numbers]
    return service


@given(st.integers(0, 250), st.sets(st.integers(0, 249), max_size=30))
def test_only_the_bad_are_refused_and_none_is_tried_more_than_three_times(
    count: int, bad: set[int]
) -> None:
    service = send(range(count), bad)
    assert service.taken == [one for one in range(count) if one not in bad]
    assert service.written <= 3 * count


@pytest.mark.parametrize("bad", [0, 57, 99])
def test_one_of_a_hundred_costs_little_more_than_a_second_try(bad: int) -> None:
    assert send(range(100), {bad}).written == 210


def test_where_three_of_a_thousand_are_bad_few_are_written_twice() -> None:
    bad = set(random.Random(7).sample(range(10_000), 30))
    size, written, begin = BatchSize(100), 0, 0
    while begin < 10_000:
        batch = range(begin, min(10_000, begin + int(size)))
        written += send(batch, bad).written
        if bad.isdisjoint(batch):
            size.taken()
        else:
            size.refused()
        begin = batch.stop
    assert written < 1.1 * 10_000


def test_batches_grow_again_and_are_never_empty() -> None:
    size = BatchSize(100)
    for _ in range(50):
        size.refused()
    assert int(size) == 1
    for _ in range(200):
        size.taken()
    assert int(size) == 100
