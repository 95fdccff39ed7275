"""Middleware: what runs around filters and handlers, and the middleware that is there."""

from blazebot.bot.middleware.chain import Next, NextWith
from blazebot.bot.middleware.error_to_user import error_to_user
from blazebot.bot.middleware.locale import Translator, locale
from blazebot.bot.middleware.logs import LogContext, log_messages
from blazebot.bot.middleware.throttle import throttle
from blazebot.bot.middleware.timeout import timeout

__all__ = [
    "LogContext",
    "Next",
    "NextWith",
    "Translator",
    "error_to_user",
    "locale",
    "log_messages",
    "throttle",
    "timeout",
]
