"""How messages are split into batches."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from blazebot.delivery.batches import split
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
