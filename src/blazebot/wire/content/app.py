"""What only bots send: buttons and cards."""

from __future__ import annotations

from typing import ClassVar, Self

from blazebot.errors import ContentError
from blazebot.wire.content.base import Content, JsonContent, read_json, read_object, write_json
from blazebot.wire.content.checks import (
    ACTIONS,
    WEB,
    check_address,
    check_color,
    check_count,
    check_id,
    check_length,
)
from blazebot.wire.limits import (
    BUTTONS_DOCUMENTED,
    BUTTONS_LIMIT,
    DESCRIPTION_LENGTH,
    LABEL_LENGTH,
    TITLE_LENGTH,
)


class Button(JsonContent, frozen=True, omit_defaults=True):
    """A button: what stands on it, its color ``#RRGGBB``, and what pressing it does [S].

    ``action`` is a web address, a ``mixin://`` address, or ``input:TEXT``: the person's client then
    sends TEXT as a text message [D][C].
    """

    label: str
    color: str
    action: str

    def check(self) -> None:
        """Raise ContentError if label, color or action would be refused."""
        check_length("label", self.label, 1, LABEL_LENGTH)
        check_color("color", self.color)
        check_address("action", self.action, ACTIONS)


class ButtonGroup(Content, frozen=True):
    """``APP_BUTTON_GROUP``: buttons beside each other.

    The documents allow 6 [S]; today's clients show 18 [C], which ``many=True`` asks for.
    """

    CATEGORY: ClassVar[str] = "APP_BUTTON_GROUP"

    buttons: tuple[Button, ...]
    many: bool = False

    def check(self) -> None:
        """Raise ContentError if there are too many buttons, or one would be refused."""
        most = BUTTONS_LIMIT if self.many else BUTTONS_DOCUMENTED
        if most < len(self.buttons) <= BUTTONS_LIMIT:
            raise ContentError(
                f"buttons: there are {len(self.buttons)}; 1 to {most} are documented, and "
                f"up to {BUTTONS_LIMIT} go with many=True"
            )
        _check_buttons("buttons", self.buttons, 1, BUTTONS_LIMIT)

    def encode(self, message_id: str = "") -> bytes:
        """Return the buttons as JSON; raises as :meth:`Content.encode`."""
        self.check()
        return write_json(self.buttons)

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Return the buttons of a JSON list; raises as :meth:`Content.decode`."""
        buttons = read_json(raw)
        if not isinstance(buttons, list):
            raise ContentError("should be a JSON list")
        return cls(
            tuple(read_object(button, Button) for button in buttons),
            many=len(buttons) > BUTTONS_DOCUMENTED,
        )


class Card(JsonContent, frozen=True, kw_only=True, omit_defaults=True):
    """``APP_CARD``, in its older form (``icon_url``, ``action``) [S] or its newer one [D].

    The newer has a cover, and ``actions`` are buttons. A card with ``action`` is shown in the older
    look.
    """

    CATEGORY: ClassVar[str] = "APP_CARD"

    title: str
    description: str = ""
    app_id: str | None = None
    icon_url: str | None = None
    cover_url: str | None = None
    action: str | None = None
    actions: tuple[Button, ...] = ()
    shareable: bool | None = None

    def check(self) -> None:
        """Raise ContentError if a field would be refused."""
        check_length("title", self.title, 1, TITLE_LENGTH)
        check_length("description", self.description, 1, DESCRIPTION_LENGTH)
        if self.app_id is not None:
            check_id("app_id", self.app_id)
        if self.icon_url is not None:
            check_address("icon_url", self.icon_url, WEB)
        if self.cover_url is not None:
            check_address("cover_url", self.cover_url, WEB)
        if self.action is not None:
            check_address("action", self.action, ACTIONS)
        _check_buttons("actions", self.actions, 0, BUTTONS_LIMIT)


def _check_buttons(field: str, buttons: tuple[Button, ...], least: int, most: int) -> None:
    check_count(field, buttons, least, most)
    for number, button in enumerate(buttons):
        try:
            button.check()
        except ContentError as error:
            raise ContentError(f"{field}[{number}].{error}") from None
