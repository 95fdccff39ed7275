"""Files of user ids, and templates: what is read, and what is refused with its line."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blazebot.announce.recipients import LINE_LIMIT, BadLine, Recipient, read_recipients
from blazebot.announce.templates import Template
from blazebot.errors import AnnouncementError, ContentError
from blazebot.wire.content import Image, Post, Text

ONE, TWO = str(UUID(int=1)), str(UUID(int=2))


def read(tmp_path: Path, name: str, content: bytes) -> list[Recipient | BadLine]:
    path = tmp_path / name
    path.write_bytes(content)
    return list(read_recipients(path))


def bad_lines(found: Sequence[Recipient | BadLine]) -> list[int]:
    return [one.line for one in found if isinstance(one, BadLine)]


def test_a_text_file(tmp_path: Path) -> None:
    lines = ["\ufeff" + ONE, "", "nobody", " " + TWO.upper() + "\r", ONE[:-1]]
    found = read(tmp_path, "people.txt", "\n".join(lines).encode())
    assert [one for one in found if isinstance(one, Recipient)] == [
        Recipient(1, ONE),
        Recipient(4, TWO),
    ]
    assert bad_lines(found) == [2, 3, 5]


def test_a_line_of_10_mb_is_never_in_memory(tmp_path: Path) -> None:
    lines = [ONE.encode(), b"x" * 10_000_000, TWO.encode()]
    (tmp_path / "people.txt").write_bytes(b"\n".join(lines))
    del lines
    tracemalloc.start()
    found = list(read_recipients(tmp_path / "people.txt"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == [Recipient(1, ONE), BadLine(2, "has more than 64 KiB"), Recipient(3, TWO)]
    assert peak < 1_000_000


@pytest.mark.parametrize("size", [LINE_LIMIT - 1, LINE_LIMIT, LINE_LIMIT + 1, 2 * LINE_LIMIT])
def test_lines_about_as_long_as_may_be(tmp_path: Path, size: int) -> None:
    found = read(tmp_path, "people.txt", b"x" * size + b"\n" + ONE.encode())
    assert bad_lines(found) == [1]
    assert found[1] == Recipient(2, ONE)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_with_values(tmp_path: Path, separator: str) -> None:
    text = io.StringIO()
    rows = csv.writer(text, delimiter=separator)
    rows.writerows([["name", "User_ID"], ["Ann, or; so", ONE], ["Bob"], ["", TWO]])
    text.write('"open' + separator + ONE + "\n")
    found = read(tmp_path, "people.csv", text.getvalue().encode())
    assert found[0] == Recipient(2, ONE, {"name": "Ann, or; so"})
    assert found[2] == Recipient(4, TWO, {"name": ""})
    assert bad_lines(found) == [3, 5]


def test_csv_without_names_has_ids_in_its_first_column(tmp_path: Path) -> None:
    found = read(tmp_path, "people.csv", f"{ONE},x\n{TWO},y\n".encode())
    assert found == [Recipient(1, ONE), Recipient(2, TWO)]
    with pytest.raises(AnnouncementError, match="name the columns"):
        read(tmp_path, "people.csv", b"id,name\n")


def test_json_lines(tmp_path: Path) -> None:
    lines = [
        json.dumps({"user_id": ONE, "name": "Ann", "age": 7, "none": None}),
        json.dumps(TWO),
        "{",
        "7",
        json.dumps({"name": "nobody"}),
        "\udcff",
    ]
    found = read(tmp_path, "people.jsonl", "\n".join(lines).encode("utf-8", "surrogateescape"))
    assert found[:2] == [Recipient(1, ONE, {"name": "Ann", "age": "7"}), Recipient(2, TWO)]
    assert bad_lines(found) == [3, 4, 5, 6]


@given(content=st.binary(), suffix=st.sampled_from([".txt", ".csv", ".jsonl"]))
def test_whatever_a_file_holds_each_line_is_somebody_or_told(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, suffix: str
) -> None:
    path = tmp_path_factory.mktemp("files") / f"people{suffix}"
    path.write_bytes(content)
    try:
        found = list(read_recipients(path))
    except AnnouncementError:
        assert suffix == ".csv"
        return
    lines = [one.line for one in found]
    assert lines == sorted(set(lines))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AnnouncementError, match="No such file"):
        list(read_recipients(tmp_path / "people.txt"))


# Templates


def test_values_go_in_as_they_are() -> None:
    template = Template(Post("# {name}, {{braces}} {name}{n}"))
    assert template.names == {"name", "n"}
    values = {"name": "{n} {0.__class__}", "n": "1", "other": "x"}
    assert template.render(values) == Post("# {n} {0.__class__}, {braces} {n} {0.__class__}1")
    with pytest.raises(ContentError, match=r"no value for \{n\}"):
        template.render({"name": "x"})


NO_NAMES = ["{a.b}", "{a[0]}", "{}", "{0}", "{a!r}", "{a:>9}", "{", "}", "{a"]


@pytest.mark.parametrize("text", NO_NAMES)
def test_nothing_but_names_stands_in_braces(text: str) -> None:
    with pytest.raises(ContentError, match="template"):
        Template(text)


def test_only_words_are_templates() -> None:
    with pytest.raises(ContentError, match="a text or a post"):
        Template(Image(attachment_id=ONE))  # type: ignore[arg-type]


@given(st.text(alphabet=st.characters(exclude_characters="{}", exclude_categories=["Cs"])))
def test_text_without_braces_is_itself(text: str) -> None:
    assert Template(text).render({}) == Text(text)
