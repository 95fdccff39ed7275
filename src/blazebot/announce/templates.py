"""Texts with a value of each person in them: ``Hello {name}``. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter
from typing import TypeAlias

from blazebot.errors import ContentError
from blazebot.wire.content import Content, Post, Text

Values: TypeAlias = Mapping[str, str]
"""The values of one person, by name."""


class Template:
    """A text or post with names in braces, in the place of each of which goes a person's value.

    A name is one word; ``{{`` and ``}}`` stand for braces. Values go in as they are: in a post,
    what they hold is Markdown too.

    Raises:
        ContentError: it is no text or post, or what stands in braces is no name.
    """

    def __init__(self, content: Text | Post | str) -> None:
        content = Text(content) if isinstance(content, str) else content
        if not isinstance(content, Text | Post):
            raise ContentError(f"a template is a text or a post, not {type(content).__name__}")
        self.content: Text | Post = content
        self._parts = _parts(content.text)
        self.names = frozenset(name for _, name in self._parts if name is not None)
        """The values that each person needs."""

    def __repr__(self) -> str:
        return f"Template({self.content!r})"

    def missing(self, values: Values) -> str:
        """Return a name that has no value, the first of all; empty if there is none."""
        return min(self.names - values.keys(), default="")

    def render(self, values: Values) -> Content:
        """Return the content for one person.

        Raises:
            ContentError: a value is missing.
        """
        if name := self.missing(values):
            raise ContentError(f"there is no value for {{{name}}}")
        text = "".join(
            literal if name is None else literal + values[name] for literal, name in self._parts
        )
        return type(self.content)(text)


def _parts(text: str) -> list[tuple[str, str | None]]:
    """Return literals, each with the name behind it, if there is one."""
    try:
        parsed = list(Formatter().parse(text))
    except ValueError as error:
        raise ContentError(f"template: {error}; write {{{{ and }}}} for braces") from None
    for _, name, form, conversion in parsed:
        if name is not None and (not name.isidentifier() or form or conversion):
            raise ContentError(
                f"template: {{{name}}} is no name of a value: it is one word such as {{name}}; "
                "write {{ and }} for braces"
            )
    return [(literal, name) for literal, name, _, _ in parsed]
