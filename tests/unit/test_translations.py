"""Every page of the site is there in three languages, and says the same in each.

What can be compared is: headings by their level, code, tables by their rows, links, and that no
prose was left in the language that it was written in.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

DOCS = Path(__file__).parents[2] / "docs"
LANGUAGES = ("zh", "ja")

FOR_DEVELOPERS = {"architecture.md", "interop.md", "rules.md"}
"""Pages for Blazebot's own developers, which are no part of the site."""

NAMES = {
    *("api", "asyncio", "blazebot", "cronsim", "curl", "gzip", "http", "https", "keystore"),
    *("msgspec", "mypy", "nats", "pip", "pytest", "ruff", "schemathesis", "systemd", "uvloop"),
}
"""Names in small letters, which are the same in every language."""

_WORD = re.compile(r"(?<![\w./@:$-])[a-z]{2,}(?![\w/@:$-]|\.\w)")
_HAN = re.compile(r"[\u3400-\u9fff]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_OWN_ID = re.compile(r"\s*\{[^}]*\}\s*$")
_SOURCE = re.compile(r'\b(?:src|srcset|href)="([^"]+)"')
_ALT = re.compile(r'\balt="([^"]*)"')
_MANY_HAN = 12  # so many in a row of words are no coincidence in Chinese and Japanese


@dataclass
class Outline:
    """What of a page can be compared with its translations."""

    headings: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    links: Counter[str] = field(default_factory=Counter)
    prose: list[str] = field(default_factory=list)


def outline(text: str) -> Outline:
    """Return what can be compared of a page."""
    found = Outline()
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)
    row: list[str] | None = None
    for token in tokens:
        match token.type:
            case "heading_open":
                found.headings.append(token.tag)
            case "fence" | "code_block":
                found.code.append(f"{token.info}\n{token.content}")
            case "table_open":
                found.rows.append(0)
            case "tr_open":
                found.rows[-1] += 1
                row = []
            case "tr_close":
                found.prose.append(" | ".join(row or ()))
                row = None
            case "html_block":
                found.links.update(_SOURCE.findall(token.content))
                found.prose += _ALT.findall(token.content)
            case "inline" if token.content.startswith("::: "):
                found.code.append(token.content)
            case "inline":
                found.links.update(links(token))
                words = _OWN_ID.sub("", "".join(plain(token)))
                if row is None:
                    found.prose.append(words)
                else:
                    row.append(words)
    return found


def links(inline: Token) -> Iterator[str]:
    """Yield where a paragraph leads and what pictures it shows."""
    for token in inline.children or ():
        match token.type:
            case "link_open":
                yield str(token.attrs["href"])
            case "image":
                yield str(token.attrs["src"])
            case "html_inline":
                yield from _SOURCE.findall(token.content)


def plain(inline: Token) -> Iterator[str]:
    """Yield the words of a paragraph, without its code."""
    for token in inline.children or ():
        match token.type:
            case "text" | "image":
                yield token.content
            case "html_inline":
                yield from _ALT.findall(token.content)
            case "softbreak":
                yield " "


def is_prose(words: str) -> bool:
    """Tell whether there is more than names, code and numbers."""
    return any(word not in NAMES for word in _WORD.findall(words))


def is_in(language: str, words: str) -> bool:
    """Tell whether words with prose may be in Chinese, or in Japanese."""
    if language == "zh":
        return bool(_HAN.search(words))
    return bool(_HAN.search(words) or _KANA.search(words))


def differences(original: str, translation: str, language: str) -> list[str]:
    """Return what a translation has otherwise than its original."""
    ours, theirs = outline(original), outline(translation)
    found = []
    if ours.headings != theirs.headings:
        found.append(f"headings: {' '.join(ours.headings)} became {' '.join(theirs.headings)}")
    found += [f"code is gone or changed:\n{code}" for code in ours.code if code not in theirs.code]
    found += [f"code is new:\n{code}" for code in theirs.code if code not in ours.code]
    if not found and ours.code != theirs.code:
        found.append("code is in another order")
    if ours.rows != theirs.rows:
        found.append(f"rows of tables: {ours.rows} became {theirs.rows}")
    if ours.links != theirs.links:
        lost, new = ours.links - theirs.links, theirs.links - ours.links
        found.append(f"links: lost {sorted(lost)}, new {sorted(new)}")
    if len(ours.prose) != len(theirs.prose):
        found.append(
            f"paragraphs, list items and rows: {len(ours.prose)} became {len(theirs.prose)}"
        )
    found += [
        f"not translated: {words}"
        for words in theirs.prose
        if is_prose(words) and not is_in(language, words)
    ]
    if language == "ja" and not _KANA.search(" ".join(theirs.prose)):
        found.append("there is no kana in it")
    if language == "zh":
        found += [f"Japanese: {words}" for words in theirs.prose if _KANA.search(words)]
    if language == "zh" and not _HAN.search(" ".join(theirs.prose)):
        found.append("there is no Chinese in it")
    return found


def pages() -> list[str]:
    """Return the English pages of the site."""
    found = (path.relative_to(DOCS).as_posix() for path in sorted(DOCS.rglob("*.md")))
    return [
        page
        for page in found
        if page not in FOR_DEVELOPERS
        and not page.endswith(tuple(f".{one}.md" for one in LANGUAGES))
    ]


def translated(page: str, language: str) -> Path:
    """Return where the translation of a page is, or would be."""
    return (DOCS / page).with_suffix(f".{language}.md")


def test_every_page_is_there_in_three_languages() -> None:
    missing = {
        page for page in pages() if not all(translated(page, one).exists() for one in LANGUAGES)
    }
    assert missing == set()


def test_every_translation_has_its_original() -> None:
    names = {str(path.relative_to(DOCS)) for one in LANGUAGES for path in DOCS.rglob(f"*.{one}.md")}
    assert {re.sub(r"\.\w\w\.md$", ".md", name) for name in names} <= set(pages())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("page", pages())
def test_a_page_says_the_same_in(page: str, language: str) -> None:
    translation = translated(page, language)
    found = differences((DOCS / page).read_text(), translation.read_text(), language)
    assert found == [], f"{translation.name}:\n" + "\n".join(found)


@pytest.mark.parametrize("page", pages())
def test_no_paragraph_is_the_same_in_chinese_and_japanese(page: str) -> None:
    paths = [translated(page, one) for one in LANGUAGES]
    zh, ja = ({*outline(path.read_text()).prose} for path in paths)
    assert [words for words in zh & ja if len(_HAN.findall(words)) >= _MANY_HAN] == []


ORIGINAL = """
# Sending {#sending}

A bot [sends](send.md) what is asked for; `to` is a user.

| name | meaning |
|---|---|
| `to` | to whom |
| NATS | JetStream |

```python
bot.send(to, "Hello")  # a greeting
```
"""
CHINESE = """
# 发送 {#sending}

机器人[发送](send.md)所要求的内容；`to` 是用户。

| 名称 | 含义 |
|---|---|
| `to` | 发给谁 |
| NATS | JetStream |

```python
bot.send(to, "Hello")  # a greeting
```
"""


def test_a_good_translation_has_no_differences() -> None:
    assert differences(ORIGINAL, CHINESE, "zh") == []


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("# 发送", "## 发送", "headings"),
        ("机器人[", "多余的一段。\n\n机器人[", "paragraphs"),
        ("发送](send.md)", "发送](sending.md)", "links"),
        ("| `to` | 发给谁 |\n", "", "rows"),
        ("发给谁", "to whom", "not translated"),
        ("机器人[", "ボット[", "Japanese"),
        ("# a greeting", "# 问候", "code is gone"),
        (CHINESE, ORIGINAL, "there is no Chinese"),
    ],
)
def test_a_bad_translation_is_found_out(before: str, after: str, told: str) -> None:
    found = differences(ORIGINAL, CHINESE.replace(before, after), "zh")
    assert any(one.startswith(told) for one in found), found
