"""The page on which a person lets a bot act for them: ``/oauth/authorize`` (protocol section 3).

Here a developer chooses which person they are. The page has no script; all that it shows is
escaped, and where it leads is only the redirect address that was set for the bot.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Final, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

from aiohttp import web

from blazebot.errors import ServiceError
from blazebot.sandbox.bodies import read_whole
from blazebot.sandbox.guard import AUTHORIZE_PATH
from blazebot.sandbox.rules.directory import Directory
from blazebot.sandbox.rules.oauth import OAuth, read_scope
from blazebot.sandbox.rules.refusals import bad_field, bad_request
from blazebot.sandbox.storage.rows import PERSON, User
from blazebot.sandbox.storage.store import Store

__all__ = ["AuthorizePage"]

_PEOPLE_MOST: Final = 500
"""People to choose from; beyond it the first ones."""

_FIELDS_MOST: Final = 100
"""Fields of the form: a person, a decision, and the scopes."""

_PRINTABLE: Final = re.compile(r"[^\x00-\x1f\x7f]{0,2048}")

_MEANINGS: Final = {
    "PROFILE:READ": "See your name, picture and identity number",
    "PHONE:READ": "See your phone number",
    "CONTACTS:READ": "See your contacts",
    "ASSETS:READ": "See what you own",
    "SNAPSHOTS:READ": "See your transfers",
    "MESSAGES:REPRESENT": "Send messages in your name",
}

_STYLE: Final = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0; display: grid; place-items: start center; }
main { max-width: 26rem; padding: 2rem 1rem; box-sizing: border-box; width: 100%; }
h1 { font-size: 1.25rem; overflow-wrap: anywhere; }
label, select { display: block; width: 100%; box-sizing: border-box; }
select { font: inherit; padding: .4rem; margin-top: .25rem; }
fieldset { border: 1px solid #8884; border-radius: .5rem; margin: 1rem 0; padding: .5rem 1rem; }
code { overflow-wrap: anywhere; }
button { font: inherit; padding: .5rem 1.25rem; margin-right: .5rem; border-radius: .5rem;
  border: 1px solid #8886; }
"""

_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


class _Asked(NamedTuple):
    """What a bot asks for, checked."""

    bot: User
    redirect_uri: str
    scopes: list[str]
    code_challenge: str
    back: dict[str, str]
    """What goes back to the bot as it came: ``state`` and ``return_to``, where given."""


class AuthorizePage:
    """Shows what a bot asks for, and sends the person back with a code, or without."""

    def __init__(self, directory: Directory, store: Store, oauth: OAuth) -> None:
        self._directory = directory
        self._store = store
        self._oauth = oauth

    def routes(self) -> list[web.RouteDef]:
        """Return the page and where its form goes."""
        return [web.get(AUTHORIZE_PATH, self._show), web.post(AUTHORIZE_PATH, self._decide)]

    async def _show(self, request: web.Request) -> web.Response:
        try:
            asked = self._read(request.query)
        except ServiceError as error:
            return _complaint(error)
        people = self._store.users(PERSON)[:_PEOPLE_MOST]
        if not people:
            return _page("There is nobody yet", "<p>Create a person in the sandbox first.</p>")
        return _page(f"Let {asked.bot.full_name} act for you?", _form(asked, people), asked)

    async def _decide(self, request: web.Request) -> web.Response:
        """Send the person back to the bot [D]; denied as OAuth has it, with an ``error`` [A]."""
        try:
            asked = self._read(request.query)
            try:
                text = (await read_whole(request)).decode()
                form = parse_qs(text, max_num_fields=_FIELDS_MOST, errors="strict")
            except ValueError:  # bytes that are no text, or more fields than the form has
                raise bad_request("the form cannot be read") from None
            if form.get("decision") == ["allow"]:
                person = self._directory.person(form.get("person", [""])[0])
                granted = [scope for scope in form.get("scope", []) if scope in asked.scopes]
                scope = " ".join(granted)
                answer = {
                    "code": self._oauth.authorize(person, asked.bot, scope, asked.code_challenge)
                }
                await self._store.committed()
            else:
                answer = {"error": "access_denied"}
        except ServiceError as error:
            return _complaint(error)
        mark = "&" if "?" in asked.redirect_uri else "?"
        location = f"{asked.redirect_uri}{mark}{urlencode(answer | asked.back)}"
        return web.Response(status=303, headers=_headers(asked) | {"Location": location})

    def _read(self, query: Mapping[str, str]) -> _Asked:
        bot = self._directory.bot(query.get("client_id", ""))
        if query.get("response_type", "code") != "code":
            raise bad_field("response_type", "should be code")
        redirect_uri = self._oauth.app(bot.user_id).redirect_uri
        if not redirect_uri:
            raise bad_field(
                "redirect_uri",
                f"none is set for this bot: POST /control/bots/{bot.user_id} "
                '{"redirect_uri": "http://127.0.0.1:8000/oauth"}',
            )
        if query.get("redirect_uri", redirect_uri) != redirect_uri:
            raise bad_field("redirect_uri", f"should be the one that is set: {redirect_uri}")
        back = {name: query[name] for name in ("state", "return_to") if name in query}
        for name, value in back.items():
            if not _PRINTABLE.fullmatch(value):
                raise bad_field(name, "should have at most 2048 printable characters")
        scopes = read_scope(query.get("scope", "")).split()
        return _Asked(bot, redirect_uri, scopes, query.get("code_challenge", ""), back)


def _form(asked: _Asked, people: Iterable[User]) -> str:
    choices = "".join(
        f'<option value="{escape(one.user_id)}">'
        f"{escape(one.full_name)} ({escape(one.identity_number)})</option>"
        for one in people
    )
    scopes = "".join(
        f'<label><input type="checkbox" name="scope" value="{escape(scope)}" checked> '
        f"{escape(_MEANINGS.get(scope, scope))}</label>"
        for scope in asked.scopes
    )
    return (
        '<form method="post">'
        f'<label>You are <select name="person">{choices}</select></label>'
        f"<fieldset><legend>It may</legend>{scopes}</fieldset>"
        '<p><button name="decision" value="allow">Allow</button>'
        '<button name="decision" value="deny">Deny</button></p>'
        f"<p>Either leads to <code>{escape(asked.redirect_uri)}</code></p></form>"
    )


def _complaint(error: ServiceError) -> web.Response:
    extra = error.extra if isinstance(error.extra, dict) else {}
    words = ": ".join(str(extra[name]) for name in ("field", "reason") if name in extra)
    return _page("This cannot be authorised", f"<p>{escape(words)}</p>", status=400)


def _page(title: str, body: str, asked: _Asked | None = None, *, status: int = 200) -> web.Response:
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )
    return web.Response(status=status, text=text, content_type="text/html", headers=_headers(asked))


def _headers(asked: _Asked | None) -> dict[str, str]:
    # Browsers hold the redirect after a form to form-action as well.
    targets = f"'self' {_target(asked.redirect_uri)}" if asked else "'none'"
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action {targets}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        # The address may hold the token. "no-referrer" would make the form's Origin "null".
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


def _target(redirect_uri: str) -> str:
    parts = urlsplit(redirect_uri)
    if "[" in parts.netloc:  # the policy's grammar knows no IPv6 addresses
        return f"{parts.scheme}:"
    return f"{parts.scheme}://{parts.netloc}"
