"""The third way to learn a user id: a person authorises the bot, which then greets first."""

from __future__ import annotations

import pytest

from blazebot.client.oauth import (
    code_challenge,
    exchange_code,
    new_state,
    new_verifier,
)
from blazebot.errors import AuthorizationExpired, BlazebotError
from tests.wire.world import World

pytestmark = pytest.mark.sandbox("shared")


@pytest.mark.parametrize("bearer", [True, False], ids=["access token", "Ed25519"])
async def test_authorise_exchange_and_greet(world: World, bearer: bool) -> None:
    bot = await world.bot()
    secret = (await world.control.call("POST", f"/bots/{bot.id}/secret"))["client_secret"]
    alice = await world.person()
    verifier, state = new_verifier(), new_state()
    address = bot.oauth.authorize_url(
        ["PROFILE:READ"], state=state, challenge=code_challenge(verifier)
    )
    assert code_challenge(verifier) in address
    assert state in address
    code = (
        await world.control.call(
            "POST",
            f"/people/{alice}/authorizations",
            {
                "bot_id": bot.id,
                "scope": "PROFILE:READ",
                "code_challenge": code_challenge(verifier),
            },
        )
    )["code"]
    async with bot:
        authorization = await exchange_code(
            bot.rest,
            code,
            client_id=bot.id,
            verifier=verifier,
            client_secret=secret,
            bearer=bearer,
        )
        user = bot.oauth.as_user(authorization)
        me = await user.me()
        assert me.user_id == alice
        with pytest.raises(BlazebotError, match="own token"):
            await user.call("POST", "/conversations", {"category": "CONTACT"})
        await bot.send(me.user_id, "welcome")
        await world.until(lambda: world.texts(alice, bot) == ["welcome"])
        with pytest.raises(AuthorizationExpired):
            await bot.oauth.exchange_code(code, verifier=verifier)
