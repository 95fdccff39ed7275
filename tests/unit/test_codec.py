"""The codec: what is a frame comes back as it went; whatever is not is a FrameError, no more."""

from __future__ import annotations

import contextlib
import gzip
import json
import tracemalloc
import zlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from isal import isal_zlib

from blazebot.errors import (
    BadField,
    Forbidden,
    FrameError,
    FrameTooLarge,
    ServiceError,
    ServiceUnavailable,
    TooManyRequests,
    Unauthorized,
)
from blazebot.wire.codec import (
    compress,
    decode_frame,
    decode_json,
    decompress,
    encode_answer,
    encode_error,
    encode_json,
    encode_request,
    parse_frame,
    parse_push,
)
from blazebot.wire.frames import NOTHING, ErrorBody, Frame
from blazebot.wire.limits import FRAME_LIMIT, MIB, socket_limit
from blazebot.wire.messages import IncomingRequest, MessageRequest, MessageView

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**63), max_value=2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
present = json_values.filter(lambda value: value is not None)
names = st.text(min_size=1)


def refusal(data: bytes, **limit: int) -> str:
    with pytest.raises(FrameError) as caught:
        decode_frame(data, **limit)
    assert caught.value.__cause__ is None
    return str(caught.value)


# What is a frame


@given(names, st.text(), present)
def test_requests_round_trip(frame_id: str, action: str, params: Any) -> None:
    frame = decode_frame(encode_request(frame_id, action, params))
    assert (frame.id, frame.action) == (frame_id, action)
    assert json.loads(bytes(frame.params)) == params
    assert (frame.data, frame.error) == (NOTHING, None)


@given(names, st.text(), present)
def test_answers_round_trip(frame_id: str, action: str, data: Any) -> None:
    frame = decode_frame(encode_answer(frame_id, action, data))
    assert (frame.id, frame.action) == (frame_id, action)
    assert json.loads(bytes(frame.data)) == data
    assert (frame.params, frame.error) == (NOTHING, None)


@given(names, st.text())
def test_bare_frames_round_trip(frame_id: str, action: str) -> None:
    assert encode_request(frame_id, action) == encode_answer(frame_id, action)
    assert decode_frame(encode_request(frame_id, action)) == Frame(frame_id, action)


@given(st.integers(0, 2**31), st.integers(0, 2**31), st.text(min_size=1), json_values)
def test_errors_round_trip(status: int, code: int, description: str, extra: Any) -> None:
    error = ErrorBody(status, code, description, extra)
    assert decode_frame(encode_error("1", "ERROR", error)).error == error


@given(st.binary())
def test_gzip_round_trips_with_the_standard_library(data: bytes) -> None:
    assert gzip.decompress(compress(data)) == data
    assert decompress(gzip.compress(data)) == data


def test_frames_on_the_wire_are_compact_json() -> None:
    request = MessageRequest(conversation_id="c", message_id="m", category="x", status=None)
    assert json.loads(gzip.decompress(encode_request("1", "A", request))) == {
        "id": "1",
        "action": "A",
        "params": {"conversation_id": "c", "message_id": "m", "category": "x", "status": None},
    }
    assert gzip.decompress(encode_request("1", "A")) == b'{"id":"1","action":"A"}'
    assert encode_json({"a": "é"}) == '{"a":"é"}'.encode()


def test_fields_that_nobody_knows_are_ignored() -> None:
    assert parse_frame(b'{"new":{"a":[1]},"action":"A","id":"1"}') == Frame("1", "A")


def test_params_of_an_answer_may_be_anything() -> None:
    for value in ('"mRm5rm9bkQztvpsaTyz1Rib0BEM0S1FKl"', "null", "[1]", "0"):
        frame = parse_frame(f'{{"id":"1","action":"A","params":{value}}}'.encode())
        assert bytes(frame.params) == value.encode()


def test_message_views_read_null_as_absent() -> None:
    view = decode_json(b'{"message_id":"m","category":null,"data":null}', MessageView)
    assert not view.is_message
    assert view.created.timestamp() == 0
    view = decode_json(
        b'{"message_id":"m","created_at":"2020-11-02T12:47:32.472333Z"}', MessageView
    )
    assert view.created.isoformat() == "2020-11-02T12:47:32.472333+00:00"


def test_requests_need_nothing_but_their_id() -> None:
    assert decode_json(b'{"message_id":"m"}', IncomingRequest).conversation_id == ""
    with pytest.raises(FrameError, match="message_id"):
        decode_json(b"{}", IncomingRequest)


# What is none


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b'{"id":"1","action":"A"}', bytes(100), b"\x1f\x8b", zlib.compress(b"{}")],
)
def test_not_gzip(data: bytes) -> None:
    words = refusal(data)
    assert words.startswith(("not gzip", "truncated gzip"))


def test_truncated_gzip() -> None:
    whole = encode_request("1", "A", {"text": "x" * 100})
    for end in range(len(whole)):
        assert refusal(whole[:end]).startswith("truncated gzip")


def test_bytes_behind() -> None:
    whole = encode_request("1", "A")
    assert "3 bytes behind" in refusal(whole + b"abc")
    assert "bytes behind" in refusal(whole + whole)


def test_wrong_checksum() -> None:
    whole = bytearray(encode_request("1", "A"))
    whole[-6] ^= 1
    assert refusal(bytes(whole)).startswith("not gzip")


def test_limit_is_exact() -> None:
    data = compress(bytes(1000))
    assert len(decompress(data, 1000)) == 1000
    with pytest.raises(FrameTooLarge, match=r"999.*frame_limit"):
        decompress(data, 999)
    assert socket_limit(FRAME_LIMIT) > FRAME_LIMIT


def bomb(size: int) -> bytes:
    """Gzip of ``size`` zeros, made without ever holding them."""
    deflater = isal_zlib.compressobj(1, isal_zlib.DEFLATED, 31)
    pieces = [deflater.compress(bytes(MIB)) for _ in range(size // MIB)]
    return b"".join([*pieces, deflater.flush()])


def test_a_gzip_bomb_is_refused_while_inflating() -> None:
    data = bomb(1024 * MIB)
    tracemalloc.start()
    try:
        with pytest.raises(FrameTooLarge):
            decode_frame(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * MIB


@pytest.mark.parametrize("text", [b"", b"x", b"{", b'{"id":"1","action":"A"}x', b"{'id':1}"])
def test_not_json(text: bytes) -> None:
    assert refusal(compress(text)).startswith("not a frame")


@pytest.mark.parametrize("text", [b"[]", b"null", b'"text"', b"1", b"true"])
def test_not_an_object(text: bytes) -> None:
    assert "Expected `object`" in refusal(compress(text))


@pytest.mark.parametrize(
    "text",
    [
        b'{"action":"A"}',
        b'{"id":null,"action":"A"}',
        b'{"id":1,"action":"A"}',
        b'{"id":"","action":"A"}',
        b'{"id":"1"}',
        b'{"id":"1","action":null}',
        b'{"id":"1","action":"A","error":"x"}',
    ],
)
def test_wrong_shape(text: bytes) -> None:
    words = refusal(compress(text))
    assert any(name in words for name in ("`id`", "`action`", "$.id", "$.action", "$.error"))


@pytest.mark.parametrize("depth", [2_000, 1_000_000])
@pytest.mark.parametrize("field", [b"data", b"params", b"other", b"error"])
def test_deeply_nested_json(depth: int, field: bytes) -> None:
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
        text = b'{"id":"1","action":"A","%s":%s1%s}' % (field, opening * depth, closing * depth)
        # Raw fields are only skipped over, which may go deeper than reading them.
        with contextlib.suppress(FrameError):
            frame = parse_frame(text)
            for raw in (frame.data, frame.params):
                with contextlib.suppress(FrameError):
                    decode_json(raw, Any)
    with pytest.raises(FrameError, match="nested too deeply"):
        decode_json(b"[" * depth + b"]" * depth, list[Any])


def test_not_utf_8() -> None:
    for text in (b'{"id":"\xff","action":"A"}', b'{"id":"1","action":"\xc3("}'):
        assert "not a frame" in refusal(compress(text))


def test_lone_surrogates() -> None:
    with contextlib.suppress(FrameError):
        parse_frame(b'{"id":"\\ud800","action":"A"}')


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    with contextlib.suppress(FrameError):
        decode_frame(data)


@given(st.binary() | st.text().map(str.encode) | json_values.map(encode_json))
def test_any_inflated_bytes(text: bytes) -> None:
    with contextlib.suppress(FrameError):
        decode_frame(compress(text))


@given(
    st.dictionaries(st.sampled_from(["id", "action", "params", "data", "error"]), json_values),
)
def test_any_object(fields: dict[str, Any]) -> None:
    with contextlib.suppress(FrameError):
        assert parse_frame(encode_json(fields)).id == fields["id"]


@given(st.data())
def test_any_changed_byte(data: st.DataObject) -> None:
    whole = bytearray(encode_request("1", "A", {"text": "x" * 20}))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] = data.draw(st.integers(0, 255))
    with contextlib.suppress(FrameError):
        assert decode_frame(bytes(whole)).action == "A"


# What errors mean


@pytest.mark.parametrize("spelling", ["description", "desciption"])
def test_error_frames_in_both_spellings(spelling: str) -> None:
    text = (
        '{"id":"1","action":"CREATE_MESSAGE",'
        f'"error":{{"code":20121,"{spelling}":"Authorization code expired."}}}}'
    )
    error = parse_frame(text.encode()).error
    assert error is not None
    exception = error.to_exception()
    assert exception.code == 20121
    assert exception.description == "Authorization code expired."
    assert "20121: Authorization code expired." in str(exception)


@pytest.mark.parametrize(
    ("code", "kind", "temporary"),
    [
        (401, Unauthorized, False),
        (403, Forbidden, False),
        (429, TooManyRequests, True),
        (500, ServiceUnavailable, True),
        (7000, ServiceUnavailable, True),
        (7001, ServiceUnavailable, True),
        (10002, BadField, False),
    ],
)
def test_error_classes(code: int, kind: type[ServiceError], temporary: bool) -> None:
    exception = ErrorBody(status=202, code=code, extra={"field": "x"}).to_exception()
    assert type(exception) is kind
    assert (exception.status, exception.code, exception.extra) == (202, code, {"field": "x"})
    assert exception.temporary is temporary
    assert type(ErrorBody(status=code).to_exception()) is kind


def test_shapes_name_the_place() -> None:
    with pytest.raises(FrameError, match=r"\$\.message_id"):
        decode_json(msgspec.Raw(b'{"message_id":1}'), MessageView)


def test_a_message_is_read_in_one_go_and_nothing_else_is() -> None:
    push = parse_push(
        b'{"id":"1","action":"CREATE_MESSAGE","data":{"message_id":"m","category":"PLAIN_TEXT"}}'
    )
    assert push is not None
    assert (push.id, push.data.message_id, push.data.category) == ("1", "m", "PLAIN_TEXT")
    for other in (
        b'{"id":"1","action":"CREATE_MESSAGE"}',
        b'{"id":"","action":"CREATE_MESSAGE","data":{"message_id":"m"}}',
        b'{"id":"1","action":"CREATE_MESSAGE","data":{"message_id":5}}',
        b'{"id":"1","action":"CREATE_MESSAGE","data":{"message_id":"m"},"error":{"code":403}}',
        b'{"id":"1","action":"ACKNOWLEDGE_MESSAGE_RECEIPT","data":{"message_id":"m"}}',
        b"[" * 100_000,
    ):
        assert parse_push(other) is None
