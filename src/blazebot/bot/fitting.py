"""Whether a handler takes what it is registered for, by its annotations. Pure."""

from __future__ import annotations

from typing import Any, get_args

from blazebot.bot.message import takes
from blazebot.bot.receipts import Receipt
from blazebot.bot.signatures import Signature, show
from blazebot.wire.content import Content


def check_message(signature: Signature, kinds: tuple[type[Content], ...]) -> None:
    """Raise RegistrationError unless the handler takes messages with content of ``kinds``."""
    annotation = signature.given(0)
    if not takes(annotation, kinds):
        names = ", ".join(kind.__name__ for kind in kinds)
        fitting = " | ".join(kind.__name__ for kind in kinds)
        raise signature.error(
            f"takes {show(annotation)}, but is registered for {names}: annotate its message "
            f"Message[{fitting}]"
        )


def check_receipt(signature: Signature) -> None:
    """Raise RegistrationError unless the handler takes receipts."""
    annotation = signature.given(0)
    if annotation is not Any and not (
        isinstance(annotation, type) and issubclass(Receipt, annotation)
    ):
        raise signature.error(f"takes {show(annotation)}, but is registered for receipts")


def check_error(signature: Signature, kinds: tuple[type[BaseException], ...]) -> None:
    """Raise RegistrationError unless the handler takes errors of ``kinds``."""
    annotation = signature.given(1)
    if annotation is Any or (kinds == (BaseException,) and annotation is Exception):
        return
    members = get_args(annotation) or (annotation,)
    fits = all(isinstance(one, type) for one in members) and all(
        issubclass(kind, members) for kind in kinds
    )
    if not fits:
        names = ", ".join(kind.__name__ for kind in kinds)
        raise signature.error(
            f"takes {show(annotation)}, but is registered for {names}: write "
            f"@bot.on_error({show(annotation)})"
        )
