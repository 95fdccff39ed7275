"""OAuth: the authorise page, codes, both kinds of authorization, and what they may do."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import AsyncIterator
from html import escape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import jwt
import pytest
import yarl
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from blazebot.keys.keystore import Keystore
from blazebot.keys.tokens import sign_token
from blazebot.wire.base64 import decode_base64, encode_base64, encode_padded_base64
from blazebot.wire.ids import contact_conversation_id
from tests.wire.sandbox_peers import Box, new_id, sandbox_here, text

VERIFIER = encode_base64(bytes(range(32)))
CHALLENGE = encode_base64(hashlib.sha256(VERIFIER.encode()).digest())
BACK = "http://127.0.0.1:9/oauth?from=sandbox"
YEAR = 365 * 24 * 3600


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    async with sandbox_here() as box:
        yield box


@pytest.fixture
async def bot(box: Box) -> Keystore:
    return await box.bot()


@pytest.fixture
async def alice(box: Box) -> str:
    return await box.person("Alice")


async def authorize(
    box: Box, person_id: str, bot: Keystore, scope: str = "PROFILE:READ", challenge: str = CHALLENGE
) -> str:
    path = f"/people/{person_id}/authorizations"
    body = {"bot_id": bot.app_id, "scope": scope, "code_challenge": challenge}
    code: str = (await box.do("POST", path, body))["code"]
    return code


async def exchange(box: Box, bot: Keystore, code: str, **fields: str) -> Any:
    """The answer: its data, or the code of its error."""
    body = {"client_id": bot.app_id, "code": code} | fields
    async with box.http.post(
        f"{box.url}oauth/token", json=body, headers={"Authorization": "Bearer "}
    ) as answer:
        document = await answer.json()
        assert (answer.status == 200) == ("data" in document)
        return document["data"] if answer.status == 200 else document["error"]["code"]


class Granted:
    """A bot that acts for a person by a key of its own."""

    def __init__(self, box: Box, keystore: Keystore, service_key: Ed25519PublicKey) -> None:
        self.box = box
        self.keystore = keystore
        self.service_key = service_key

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON, once its signature is checked."""
        request_id = new_id()
        raw = b"" if body is None else json.dumps(body).encode()
        token = sign_token(self.keystore, method, path, raw, now=time.time())
        url = yarl.URL(self.box.url.rstrip("/") + path, encoded=True)
        headers = {"Authorization": f"Bearer {token}", "X-Request-Id": request_id}
        async with self.box.http.request(method, url, data=raw, headers=headers) as answer:
            signed = (method + path).encode() + await answer.read()
            signature = answer.headers["X-Integrity-Token"]
            claims = jwt.decode(signature, self.service_key, algorithms=["EdDSA"])
            assert claims["jti"] == request_id
            assert claims["sig"] == hashlib.sha256(signed).hexdigest()
            assert claims["exp"] > claims["iat"]
            return await answer.json()


async def grant(
    box: Box, person_id: str, bot: Keystore, scope: str = "PROFILE:READ"
) -> tuple[Granted, str]:
    key = Ed25519PrivateKey.generate()
    public = encode_base64(key.public_key().public_bytes_raw())
    code = await authorize(box, person_id, bot, scope)
    granted = await exchange(box, bot, code, code_verifier=VERIFIER, ed25519=public)
    assert set(granted) == {"scope", "authorization_id", "ed25519"}
    keystore = Keystore.load(
        {
            "client_id": bot.app_id,
            "authorization_id": granted["authorization_id"],
            "scope": granted["scope"],
            "private_key": encode_base64(key.private_bytes_raw()),
        }
    )
    service_key = Ed25519PublicKey.from_public_bytes(decode_base64(granted["ed25519"]))
    return Granted(box, keystore, service_key), granted["authorization_id"]


async def with_token(
    box: Box, token: str, method: str, path: str, body: Any = None
) -> tuple[int, Any]:
    async with box.http.request(
        method,
        box.url.rstrip("/") + path,
        json=body,
        headers={"Authorization": f"Bearer {token}"},
    ) as answer:
        document = await answer.json()
        return document.get("error", {}).get("code", 0), document


async def test_a_key_signs_for_a_person(box: Box, bot: Keystore, alice: str) -> None:
    bob = await box.person("Bob")
    for person_id in (bot.app_id, bob):
        friend = {"user_id": person_id, "action": "ADD"}
        await box.do("POST", f"/people/{alice}/relationships", friend)
    granted, _ = await grant(box, alice, bot, "PROFILE:READ CONTACTS:READ")
    me = (await granted.ask("GET", "/me"))["data"]
    assert (me["user_id"], me["full_name"], me["relationship"]) == (alice, "Alice", "ME")
    friends = (await granted.ask("GET", "/friends"))["data"]
    assert {one["user_id"] for one in friends} == {bot.app_id, bob}
    assert (await granted.ask("GET", "/me?x=%7E"))["data"]["user_id"] == alice


async def test_what_was_not_granted_is_403(box: Box, bot: Keystore, alice: str) -> None:
    granted, _ = await grant(box, alice, bot, "CONTACTS:READ")
    where = await box.befriend(alice, bot)
    message = {"conversation_id": where, "message_id": new_id(), "category": "PLAIN_TEXT"}
    conversation = {
        "category": "CONTACT",
        "conversation_id": contact_conversation_id(alice, bot.app_id),
        "participants": [{"user_id": bot.app_id}],
    }
    for method, path, body in (
        ("GET", "/me", None),
        ("POST", "/conversations", conversation),
        ("POST", "/messages", message),
        ("POST", "/acknowledgements", []),
        ("POST", "/me", {"full_name": "Mallory"}),
        ("POST", "/relationships", {"user_id": bot.app_id, "action": "BLOCK"}),
        ("POST", "/attachments", {}),
        ("GET", f"/conversations/{where}", None),
    ):
        answer = await granted.ask(method, path, body)
        assert answer["error"]["code"] == 403, path
    assert (await box.sees(alice))[-1]["text"] == "Hello"
    token = sign_token(granted.keystore, "GET", "/", now=time.time())
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await box.dial(token)
    assert refused.value.status == 401


async def test_an_access_token_stands_for_itself(box: Box, bot: Keystore, alice: str) -> None:
    secret = (await box.do("POST", f"/bots/{bot.app_id}/secret"))["client_secret"]
    code = await authorize(box, alice, bot, challenge="")
    assert await exchange(box, bot, code) == 403  # neither secret nor verifier
    assert await exchange(box, bot, code, code_verifier=VERIFIER) == 403
    assert await exchange(box, bot, code, client_secret=new_id()) == 403
    granted = await exchange(box, bot, code, client_secret=secret)
    assert set(granted) == {"scope", "access_token"}
    token = granted["access_token"]
    for _ in range(2):
        status, document = await with_token(box, token, "GET", "/me")
        assert (status, document["data"]["user_id"]) == (0, alice)
    assert (await with_token(box, token, "GET", "/friends"))[0] == 403
    assert (await with_token(box, token, "POST", "/messages", []))[0] == 403
    head, _, signature = token.rpartition(".")
    forged = head + "." + ("B" if signature[0] == "A" else "A") + signature[1:]
    assert (await with_token(box, forged, "GET", "/me"))[0] == 401
    newer = (await box.do("POST", f"/bots/{bot.app_id}/secret"))["client_secret"]
    code = await authorize(box, alice, bot)
    assert await exchange(box, bot, code, client_secret=secret, code_verifier=VERIFIER) == 403
    assert await exchange(box, bot, code, client_secret=newer) == 403  # the challenge stays
    both = await exchange(box, bot, code, client_secret=newer, code_verifier=VERIFIER)
    assert both["access_token"]
    await box.do("POST", "/clocks", {"token_offset": YEAR + 1})
    assert (await with_token(box, token, "GET", "/me"))[0] == 401


async def test_both_ways_to_hash_a_verifier_are_taken(box: Box, bot: Keystore, alice: str) -> None:
    of_bytes = encode_base64(hashlib.sha256(bytes(range(32))).digest())
    for challenge in (CHALLENGE, of_bytes, f"{of_bytes}="):
        code = await authorize(box, alice, bot, challenge=challenge)
        wrong = encode_base64(bytes(32))
        for verifier in ("", wrong, "ü", VERIFIER + "A"):
            assert await exchange(box, bot, code, code_verifier=verifier) == 403
        assert (await exchange(box, bot, code, code_verifier=VERIFIER))["access_token"]


async def test_a_code_works_once_and_soon_and_for_its_bot(
    box: Box, bot: Keystore, alice: str
) -> None:
    other = await box.bot()
    code = await authorize(box, alice, bot)
    proof = {"code_verifier": VERIFIER}
    assert await exchange(box, other, code, **proof) == 20121
    assert await exchange(box, bot, new_id(), **proof) == 20121
    assert await exchange(box, bot, code, **proof, ed25519="AAAA") == 10002
    assert (await exchange(box, bot, code, **proof))["scope"] == "PROFILE:READ"
    assert await exchange(box, bot, code, **proof) == 20121
    late = await authorize(box, alice, bot)
    await box.do("POST", "/clocks", {"retention_offset": 601})
    assert await exchange(box, bot, late, **proof) == 20121
    async with box.http.post(f"{box.url}oauth/token", data=b"{") as answer:
        assert (await answer.json())["error"]["code"] == 400
    async with box.http.post(f"{box.url}oauth/token", json={"code": "x"}) as answer:
        assert (await answer.json())["error"]["code"] == 10002


async def test_an_authorization_ends(box: Box, bot: Keystore, alice: str) -> None:
    granted, authorization_id = await grant(box, alice, bot)
    kept, _ = await grant(box, alice, bot)
    path = f"/people/{alice}/authorizations"
    listed = (await box.do("GET", path))["authorizations"]
    assert [one["bot_id"] for one in listed] == [bot.app_id] * 2
    bob = await box.person()
    for wrong in (f"/people/{bob}/authorizations/{authorization_id}", f"{path}/{new_id()}"):
        assert (await box.control("DELETE", wrong))[0] == 404
    await box.do("DELETE", f"{path}/{authorization_id}")
    answer, document = await box.rest(granted.keystore, "GET", "/me")
    assert (answer.status, document["error"]["code"]) == (202, 401)
    assert "X-Integrity-Token" not in answer.headers
    assert (await kept.ask("GET", "/me"))["data"]["user_id"] == alice
    await box.do("POST", "/clocks", {"retention_offset": YEAR + 1})
    _, document = await box.rest(kept.keystore, "GET", "/me")
    assert document["error"]["code"] == 401


async def test_only_its_own_key_signs_for_an_authorization(
    box: Box, bot: Keystore, alice: str
) -> None:
    granted, authorization_id = await grant(box, alice, bot)
    forms = {"client_id": bot.app_id, "authorization_id": authorization_id, "scope": "FULL"}
    key = encode_base64(Ed25519PrivateKey.generate().private_bytes_raw())
    for wrong in (
        forms | {"private_key": key},
        forms | {"private_key": key, "authorization_id": new_id()},
    ):
        _, document = await box.rest(Keystore.load(wrong), "GET", "/me")
        assert document["error"]["code"] == 401
    token = sign_token(granted.keystore, "GET", "/me", now=time.time())
    assert (await with_token(box, token, "GET", "/friends"))[0] == 401  # for another request


async def test_after_oauth_the_bot_makes_the_conversation_itself(
    box: Box, bot: Keystore, alice: str
) -> None:
    granted, _ = await grant(box, alice, bot)
    user_id = (await granted.ask("GET", "/me"))["data"]["user_id"]
    where = contact_conversation_id(user_id, bot.app_id)
    message = {
        "conversation_id": where,
        "message_id": new_id(),
        "category": "PLAIN_TEXT",
        "data_base64": text("welcome"),
    }
    _, document = await box.rest(bot, "POST", "/messages", message)
    assert document["error"]["code"] == 403
    conversation = {
        "category": "CONTACT",
        "conversation_id": where,
        "participants": [{"user_id": user_id}],
    }
    answer, _ = await box.rest(bot, "POST", "/conversations", conversation)
    assert answer.status == 200
    assert (await box.rest(bot, "POST", "/messages", message))[1] == {}
    assert [one["text"] for one in await box.sees(alice)] == ["welcome"]


async def test_the_services_key_outlives_a_restart(tmp_path: Any) -> None:
    db = str(tmp_path / "box.db")
    async with sandbox_here(db=db) as box:
        bot, alice = await box.bot(), await box.person()
        granted, _ = await grant(box, alice, bot)
    async with sandbox_here(db=db) as box:
        granted.box = box
        assert (await granted.ask("GET", "/me"))["data"]["user_id"] == alice
        newer, _ = await grant(box, alice, bot)
        assert newer.service_key == granted.service_key


async def test_bots_are_set_up_by_the_control_api(box: Box, bot: Keystore) -> None:
    path = f"/bots/{bot.app_id}"
    changed = await box.do("POST", path, {"redirect_uri": BACK, "full_name": "Echo"})
    assert (changed["redirect_uri"], changed["full_name"]) == (BACK, "Echo")
    for good in ("http://localhost", "http://[::1]:8000/x", "https://bots.example/oauth?a=b", ""):
        assert (await box.do("POST", path, {"redirect_uri": good}))["redirect_uri"] == good
    for wrong in (
        "http://bots.example/oauth",
        "ftp://127.0.0.1/",
        "javascript:alert(1)",
        "//127.0.0.1/",
        "http://user@127.0.0.1/",
        "http://127.0.0.1@evil.example/",
        "http://127.0.0.1/#code",
        "http://127.0.0.1/a b",
        "http://127.0.0.1:99999/",
        "https://a;b/",
        "http://127.0.0.1/\r\nX: y",
        "https://[::1",
    ):
        status, answer = await box.control("POST", path, {"redirect_uri": wrong})
        assert (status, answer["error"]["extra"]["field"]) == (400, "redirect_uri"), wrong
    secret = await box.do("POST", f"{path}/secret")
    assert secret["client_id"] == bot.app_id
    assert len(secret["client_secret"]) == 64
    authorizations = f"/people/{await box.person()}/authorizations"
    for wrong_grant, status in (
        ({"bot_id": bot.app_id, "scope": "read my mail"}, 400),
        ({"bot_id": bot.app_id, "scope": " "}, 400),
        ({"bot_id": bot.app_id, "code_challenge": "short"}, 400),
        ({"bot_id": new_id()}, 404),
    ):
        assert (await box.control("POST", authorizations, wrong_grant))[0] == status


# The page


def page_url(box: Box, bot: Keystore, **query: str) -> yarl.URL:
    query = {
        "client_id": bot.app_id,
        "scope": "PROFILE:READ CONTACTS:READ",
        "response_type": "code",
        "state": "s & t=é",
        "code_challenge": CHALLENGE,
    } | query
    return yarl.URL(f"{box.url}oauth/authorize?{urlencode(query)}", encoded=True)


async def decide(
    box: Box, url: yarl.URL, form: list[tuple[str, str]], **headers: str
) -> aiohttp.ClientResponse:
    body = aiohttp.FormData(form)
    async with box.http.post(url, data=body, allow_redirects=False, headers=headers) as answer:
        await answer.read()
        return answer


async def test_the_page_leads_back_with_a_code(box: Box, bot: Keystore, alice: str) -> None:
    await box.do("POST", f"/bots/{bot.app_id}", {"redirect_uri": BACK})
    url = page_url(box, bot, return_to="/cart", redirect_uri=BACK)
    async with box.http.get(url) as answer:
        page = await answer.text()
        assert (answer.status, answer.content_type) == (200, "text/html")
    assert f'value="{alice}"' in page
    form = [("person", alice), ("decision", "allow"), ("scope", "PROFILE:READ")]
    answer = await decide(box, url, form, Origin=box.url.rstrip("/"))
    assert answer.status == 303
    back = urlsplit(answer.headers["Location"])
    assert f"{back.scheme}://{back.netloc}{back.path}" == "http://127.0.0.1:9/oauth"
    values = {name: value for name, (value,) in parse_qs(back.query).items()}
    code = values.pop("code")
    assert values == {"from": "sandbox", "state": "s & t=é", "return_to": "/cart"}
    granted = await exchange(box, bot, code, code_verifier=VERIFIER)
    assert granted["scope"] == "PROFILE:READ"  # less than was asked for

    answer = await decide(box, url, [("person", alice), ("decision", "deny")])
    values = {name: value for name, (value,) in parse_qs(answer.headers["Location"]).items()}
    assert values["error"] == "access_denied"
    assert "code" not in values


async def test_the_page_cannot_be_turned_against_its_reader(box: Box, bot: Keystore) -> None:
    nasty = "\"'><script>alert(1)</script>"
    alice = await box.person(nasty)
    await box.do("POST", f"/bots/{bot.app_id}", {"redirect_uri": BACK, "full_name": nasty})
    async with box.http.get(page_url(box, bot, state=nasty, return_to=nasty)) as answer:
        page = await answer.text()
        headers = answer.headers
    assert "<script" not in page
    assert page.count(escape(nasty)) == 3  # the title, the heading, the person
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' http://127.0.0.1:9;" in policy
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    digest = hashlib.sha256(style[1].encode()).digest()
    assert encode_padded_base64(digest) in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"

    form = [("person", alice), ("decision", "allow"), ("scope", "PROFILE:READ")]
    url = page_url(box, bot)
    assert (await decide(box, url, form, Origin="https://evil.example")).status == 403
    assert (await decide(box, url, form, Origin="null")).status == 403
    async with box.http.get(url, headers={"Host": "evil.example"}) as answer:
        assert answer.status == 403
    more = [*form[:2], ("scope", "ASSETS:READ")]  # which was not asked for
    assert (await decide(box, url, more)).status == 400
    assert (await decide(box, url, [("person", bot.app_id), *form[1:]])).status == 400


async def test_what_the_page_cannot_do_it_says(box: Box, bot: Keystore) -> None:
    async with box.http.get(page_url(box, bot)) as answer:
        assert answer.status == 400
        assert "redirect_uri" in await answer.text()
    await box.do("POST", f"/bots/{bot.app_id}", {"redirect_uri": BACK})
    async with box.http.get(page_url(box, bot)) as answer:
        assert "nobody yet" in await answer.text()
    await box.person()
    for wrong in (
        {"client_id": new_id()},
        {"client_id": "<b>"},
        {"scope": "<b>"},
        {"scope": ""},
        {"response_type": "token"},
        {"redirect_uri": "https://evil.example/"},
        {"state": "a\r\nb"},
        {"state": "x" * 2049},
    ):
        async with box.http.get(page_url(box, bot, **wrong)) as answer:
            assert answer.status == 400, wrong
            assert "<b>" not in await answer.text()


async def test_beyond_loopback_the_page_needs_the_token() -> None:
    async with sandbox_here(host="0.0.0.0", token="open-sesame") as box:  # noqa: S104, S106
        for path, expected in (
            ("oauth/authorize", 403),
            ("%6fauth/authorize", 403),
            ("oauth/authorize?token=open-sesame", 400),
        ):
            url = box.url.replace("0.0.0.0", "127.0.0.1") + path  # noqa: S104
            async with box.http.get(yarl.URL(url, encoded=True)) as answer:
                assert answer.status == expected
