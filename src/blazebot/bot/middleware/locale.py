"""The language of who wrote, and texts in it from gettext catalogs."""

from __future__ import annotations

import gettext
import inspect
import os
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from blazebot.bot.message import Message
from blazebot.bot.middleware.chain import NextWith
from blazebot.errors import RegistrationError
from blazebot.wire.content import Content, Post, Text

Choose = Callable[[Message[Any]], str | Awaitable[str | None] | None]
"""Returns the language that a person has chosen, or None."""

_KANA = re.compile("[\u3041-\u30ff\uff66-\uff9d]")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
_LATIN = re.compile("[A-Za-z]")


class Translator:
    """Texts in one ``language``: ``translate("Hello")``, or ``_("Hello")`` if it is called so."""

    def __init__(self, language: str, catalog: gettext.NullTranslations) -> None:
        self.language = language
        self._catalog = catalog

    def __repr__(self) -> str:
        return f"<Translator {self.language}>"

    def __call__(self, text: str) -> str:
        """Return ``text`` in the language; as it is where the catalog does not have it."""
        return self._catalog.gettext(text)

    def plural(self, one: str, many: str, count: int) -> str:
        """Return the form of a text for ``count``, as the language has it."""
        return self._catalog.ngettext(one, many, count)


def language_of(text: str) -> str | None:
    """Return the language that the script of ``text`` speaks for, or None.

    Kana is Japanese, Han without kana Chinese, Latin English.
    """
    if _KANA.search(text):
        return "ja"
    if _HAN.search(text):
        return "zh"
    return "en" if _LATIN.search(text) else None


def locale(
    directory: str | os.PathLike[str],
    *,
    domain: str = "messages",
    languages: Sequence[str] = ("en", "zh", "ja"),
    source: str = "en",
    default: str = "en",
    choose: Choose | None = None,
) -> Locale:
    """Return outer middleware that hands over a Translator to the language of who wrote.

    Catalogs are ``directory/LANGUAGE/LC_MESSAGES/domain.mo``; ``source``, the language of the
    texts in the code, needs none. The language is what ``choose(message)`` returns, async or not;
    else what the script of the message's own text speaks for; else the default. Each only if it is
    one of ``languages``.

    Raises:
        RegistrationError: a catalog is missing or malformed, or ``default`` is not of the
            ``languages``.
    """
    if default not in languages:
        raise RegistrationError(f"locale: default {default!r} is not one of {', '.join(languages)}")
    translators: dict[str, Translator] = {}
    for language in languages:
        try:
            catalog = gettext.translation(
                domain, directory, [language], fallback=language == source
            )
        except (OSError, ValueError, UnicodeError) as error:
            raise RegistrationError(
                f"locale: there is no catalog {directory}/{language}/LC_MESSAGES/{domain}.mo that "
                f"can be read ({error}): make one by msgfmt, or leave {language!r} out of languages"
            ) from None
        translators[language] = Translator(language, catalog)
    return Locale(translators, default, choose)


class Locale:
    """See :func:`locale`."""

    def __init__(
        self, translators: dict[str, Translator], default: str, choose: Choose | None
    ) -> None:
        self._translators = translators
        self._default = default
        self._choose = choose

    async def __call__(self, message: Message[Content], call_next: NextWith[Translator]) -> None:
        """Pass the message on with a translator."""
        await call_next(message, await self._translator(message))

    async def _translator(self, message: Message[Content]) -> Translator:
        chosen = None if self._choose is None else self._choose(message)
        if inspect.isawaitable(chosen):
            chosen = await chosen
        content = message.content
        text = content.text if isinstance(content, Text | Post) else ""
        translators = self._translators
        return (
            translators.get(chosen or "")
            or translators.get(language_of(text) or "")
            or translators[self._default]
        )
