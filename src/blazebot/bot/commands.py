"""Commands: texts such as ``/start now``, told apart and parsed."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from blazebot.bot.filters import AnyMessage, Check, Filter
from blazebot.bot.injection import Scope
from blazebot.errors import RegistrationError
from blazebot.wire.content import Content


class Command:
    """A command as a person wrote it: its name, in lower case, and the text behind it."""

    __slots__ = ("name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text

    def __repr__(self) -> str:
        return f"Command({self.name!r}, {self.text!r})"

    @property
    def args(self) -> list[str]:
        """The words behind the name; quotes keep words together, as in a shell.

        Where a quote is not closed, as in ``it's``, quotes are plain characters.
        """
        words = shlex.shlex(self.text, posix=True, punctuation_chars=False)
        words.whitespace_split = True
        words.commenters = ""
        words.escape = ""
        try:
            return list(words)
        except ValueError:
            return self.text.split()


class CommandFilter(Filter):
    """Take texts that begin with ``prefix`` and one of ``names``, and hand over the Command.

    Names are compared without regard to case.

    Raises:
        RegistrationError: there is no name, or one could never be written.
    """

    def __init__(self, names: Sequence[str], *, prefix: str = "/") -> None:
        if not names:
            raise RegistrationError('a command has a name: write @bot.command("start")')
        for name in names:
            if name.split() != [name] or name.startswith(prefix or " "):
                raise RegistrationError(
                    f"{name!r:.80} is no name of a command: it is one word, without the {prefix!r}"
                )
        if not isinstance(prefix, str) or prefix != prefix.strip():
            raise RegistrationError(f"{prefix!r:.80} is no prefix of commands: it is without space")
        self.prefix = prefix
        self.names = tuple(name.lower() for name in names)

    def __repr__(self) -> str:
        return " ".join(self.prefix + name for name in self.names)

    def parse(self, text: str) -> Command | None:
        """Return the command that ``text`` is, or None if it is none of these."""
        text = text.strip()
        if not text.startswith(self.prefix):
            return None
        name, *rest = text[len(self.prefix) :].split(maxsplit=1) or [""]
        if name.lower() not in self.names or not text.startswith(self.prefix + name):
            return None
        return Command(name.lower(), rest[0] if rest else "")

    def compile(self, scope: Scope, kinds: Sequence[type[Content]]) -> Check:
        """Return the filter ready to run; see :meth:`Filter.compile`."""
        parse, prefix = self.parse, self.prefix

        def run(message: AnyMessage) -> bool:
            text = message.content.text
            # Most texts are no commands, and looked at by many such filters.
            if not text.lstrip().startswith(prefix):
                return False
            command = parse(text)
            message.handed[Command] = command
            return command is not None

        return Check(run, hands={Command: True})
