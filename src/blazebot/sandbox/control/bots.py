"""The control API's part on bots: what their developers would do."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from blazebot.sandbox.control.actions import Actions
from blazebot.sandbox.control.answers import (
    BotDocument,
    BotList,
    ClientSecret,
    SessionList,
    session_document,
)
from blazebot.sandbox.control.operations import Done, Operation
from blazebot.sandbox.control.requests import BotChange, NewSession, NewUser
from blazebot.sandbox.rest.attachments import upload_chunks
from blazebot.sandbox.rules.avatars import Avatars
from blazebot.sandbox.rules.groups import Groups
from blazebot.sandbox.rules.oauth import OAuth
from blazebot.sandbox.rules.service import Service
from blazebot.sandbox.storage.rows import BOT, User

__all__ = ["BotOperations"]


class BotOperations:
    """Operations on bots."""

    def __init__(
        self,
        actions: Actions,
        service: Service,
        *,
        groups: Groups,
        oauth: OAuth,
        avatars: Avatars,
    ) -> None:
        self._actions = actions
        self._service = service
        self._directory = service.directory
        self._store = service.store
        self._groups = groups
        self._oauth = oauth
        self._avatars = avatars

    def operations(self) -> list[Operation]:
        """Return the operations."""
        bot = "/bots/{bot_id}"
        sessions, avatar = f"{bot}/sessions", f"{bot}/avatar"
        return [
            Operation("GET", "/bots", self._list, answer=BotList),
            Operation("POST", "/bots", self._create, body=NewUser, answer=BotDocument),
            Operation("GET", bot, self._show, answer=BotDocument),
            Operation("POST", bot, self._change, body=BotChange, answer=BotDocument),
            Operation("DELETE", bot, self._delete),
            Operation("POST", avatar, self._give_avatar, body=bytes, answer=BotDocument),
            Operation("DELETE", avatar, self._remove_avatar, answer=BotDocument),
            Operation("GET", sessions, self._list_sessions, answer=SessionList),
            Operation(
                "POST", sessions, self._issue_session, body=NewSession, answer=dict[str, Any]
            ),
            Operation("POST", f"{bot}/secret", self._new_secret, answer=ClientSecret),
        ]

    async def _list(self, _: web.Request, __: None) -> BotList:
        """List the bots."""
        return BotList([self._actions.bot_document(bot) for bot in self._store.users(BOT)])

    async def _create(self, _: web.Request, new: NewUser) -> BotDocument:
        """Create a bot; it has no session yet."""
        return self._actions.bot_document(self._directory.create_bot(new.full_name))

    async def _show(self, request: web.Request, _: None) -> BotDocument:
        """Show a bot and how it is doing."""
        return self._actions.bot_document(self._bot(request))

    async def _change(self, request: web.Request, change: BotChange) -> BotDocument:
        """Change a bot's name, or where people come back to who authorise it."""
        bot = self._bot(request)
        if change.redirect_uri is not None:
            self._oauth.set_redirect_uri(bot.user_id, change.redirect_uri)
        if change.full_name:
            bot = bot._replace(full_name=change.full_name)
            self._store.update_user(bot)
        return self._actions.bot_document(bot)

    async def _delete(self, request: web.Request, _: None) -> Done:
        """Delete a bot.

        Its session ends with 401, its groups see it leave, and what people granted it ends. The
        conversations of two stay with the people.
        """
        bot = self._bot(request)
        self._groups.exit_all(bot)
        self._oauth.forget_bot(bot.user_id)
        self._directory.delete(bot)
        self._service.end_session(bot.user_id)
        return Done()

    async def _give_avatar(self, request: web.Request, _: None) -> BotDocument:
        """Give a bot a picture: the body is that of a PNG, JPEG, GIF or WebP file."""
        self._bot(request)
        avatar_id = await self._avatars.receive(upload_chunks(request), field="body")
        return self._actions.bot_document(self._avatars.give(self._bot(request), avatar_id))

    async def _remove_avatar(self, request: web.Request, _: None) -> BotDocument:
        """Take a bot's picture away."""
        return self._actions.bot_document(self._avatars.give(self._bot(request), ""))

    async def _list_sessions(self, request: web.Request, _: None) -> SessionList:
        """List the sessions that a bot has had."""
        sessions = self._store.sessions(self._bot(request).user_id)
        return SessionList([session_document(one) for one in sessions])

    async def _issue_session(self, request: web.Request, new: NewSession) -> dict[str, Any]:
        """Give a bot a new session, which ends the one before; the answer is its keystore.

        The private key is shown only now.
        """
        bot = self._bot(request)
        issued = self._directory.issue_session(bot, new.form)
        self._service.end_session(bot.user_id)
        return issued.document

    async def _new_secret(self, request: web.Request, _: None) -> ClientSecret:
        """Give a bot a new client secret in place of its old one."""
        bot = self._bot(request)
        return ClientSecret(bot.user_id, self._oauth.new_secret(bot.user_id))

    def _bot(self, request: web.Request) -> User:
        return self._directory.bot(request.match_info["bot_id"])
