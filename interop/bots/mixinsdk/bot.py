"""A bot on mixinsdk: it echoes texts, thanks for transfers, and does what it is asked.

It runs in a virtual environment of its own, with the older libraries that its client needs.

The client writes to its line from another thread than the one that reads it. Where something comes
just then, what is being written may be lost. So echoes go by REST, before their message is
acknowledged on the line.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import threading
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from mixinsdk.clients.client_blaze import BlazeClient
from mixinsdk.clients.client_http import HttpClient_WithAppConfig
from mixinsdk.clients.client_http_nosign import HttpClient_WithAccessToken, HttpClient_WithoutAuth
from mixinsdk.clients.config import AppConfig
from mixinsdk.types import message as messages
from mixinsdk.types.message import MessageView, pack_message, pack_text_data
from mixinsdk.types.transfer import TransferView

config = AppConfig.from_file(sys.argv[1])
api = HttpClient_WithAppConfig(config).api
answers = sys.stdout
sys.stdout = sys.stderr  # the client prints

PACKED: dict[str, Callable[[Any], Any]] = {
    "PLAIN_TEXT": pack_text_data,
    "PLAIN_POST": messages.pack_post_data,
    "PLAIN_IMAGE": lambda content: messages.pack_image_data(**content),
    "PLAIN_VIDEO": lambda content: messages.pack_video_data(**content),
    "PLAIN_AUDIO": lambda content: messages.pack_audio_data(**content),
    "PLAIN_STICKER": lambda content: messages.pack_sticker_data(**content),
    "PLAIN_CONTACT": lambda content: messages.pack_contact_data(**content),
    "PLAIN_LIVE": lambda content: messages.pack_livecard_data(**content),
    "APP_CARD": lambda content: messages.pack_appcard_data(**content),
    "APP_BUTTON_GROUP": lambda content: messages.pack_button_group_data(
        [messages.pack_button(**button) for button in content]
    ),
}


def on_message(client: BlazeClient, frame: dict[str, Any]) -> None:
    """Take one frame: a message, a receipt, or the answer to what was asked."""
    if "error" in frame:
        print(frame, file=sys.stderr)
    if frame["action"] != "CREATE_MESSAGE" or not frame.get("data", {}).get("category"):
        return
    view = MessageView.from_dict(frame["data"])
    data = client.parse_message_data(view.data, view.category)
    if view.category in ("PLAIN_TEXT", "ENCRYPTED_TEXT"):
        say(view.conversation_id, data)
    elif view.category == "SYSTEM_ACCOUNT_SNAPSHOT":
        transfer = TransferView.from_dict(data)
        say(view.conversation_id, f"Thank you for {transfer.amount_decimal}")
    client.echo(view.message_id)


blaze = BlazeClient(config, on_message=on_message, on_error=lambda _, error: print(repr(error)))


def say(conversation_id: str, text: str) -> None:
    """Send a text by REST."""
    api.send_messages(pack_message(pack_text_data(text), conversation_id))


def send(to: str, category: str, content: Any) -> None:
    """Send any category on the line, as the client packs it."""
    conversation_id = blaze.get_conversation_id_with_user(to)
    blaze.send_message(pack_message(PACKED[category](content), conversation_id, to))


def create_contact(user_id: str) -> Any:
    """Create the conversation with a user."""
    conversation_id = api.conversation.get_unique_id(config.client_id, user_id)
    users = [{"user_id": user_id}]
    return api.conversation.create("CONTACT", conversation_id, participants=users)["data"]


def create_group(conversation_id: str, name: str, user_ids: list[str]) -> Any:
    """Create a group with an id of the asker's."""
    users = [{"user_id": user_id} for user_id in user_ids]
    return api.conversation.create("GROUP", conversation_id, name, users)["data"]


def participants(conversation_id: str, action: str, user_ids: list[str]) -> Any:
    """Add, remove or promote users."""
    conversation = api.conversation
    change = {
        "ADD": conversation.add_participants,
        "REMOVE": conversation.remove_participants,
        "ROLE": conversation.add_admins,
    }
    return change[action](conversation_id, user_ids)["data"]


def upload(data: str) -> Any:
    """Upload an attachment."""
    attachment = api.message.create_attachment()["data"]
    done = api.message.upload_attachment(attachment["upload_url"], base64.b64decode(data))
    done.raise_for_status()
    return attachment


def authorize(code: str, client_secret: str) -> Any:
    """Exchange a code, and read whose it was."""
    given = {"client_id": config.client_id, "code": code, "client_secret": client_secret}
    token = HttpClient_WithoutAuth().http.post("/oauth/token", given)["data"]["access_token"]
    return HttpClient_WithAccessToken(token).api.user.get_me()["data"]


ASKS: dict[str, Callable[..., Any]] = {
    "send": send,
    "say": say,
    "create_contact": create_contact,
    "create_group": create_group,
    "participants": participants,
    "upload": upload,
    "me": lambda: api.user.get_me()["data"],
    "user": lambda user_id: api.user.get_user(user_id)["data"],
    "users": lambda user_ids: api.user.get_users(user_ids)["data"],
    "search": lambda query: api.user.search_user(query)["data"],
    "befriend": lambda user_id: api.user.add_friend(user_id)["data"],
    "unfriend": lambda user_id: api.user.delete_friend(user_id)["data"],
    "friends": lambda: api.user.get_friends()["data"],
    "authorize": authorize,
}


def write(said: dict[str, Any]) -> None:
    """Write one line of JSON."""
    answers.write(json.dumps(said) + "\n")
    answers.flush()


def answer_asks() -> None:
    """Answer what is asked until standard input ends, and end with it."""
    for line in sys.stdin:
        asked = json.loads(line)
        ask_id, do = asked.pop("id"), asked.pop("do")
        try:
            write({"id": ask_id, "answer": ASKS[do](**asked)})
        except BaseException as error:  # the client's own errors are no Exceptions
            write({"id": ask_id, "error": f"{do}: {error!r}"})
    os._exit(0)  # the client's loop ends no other way


if __name__ == "__main__":
    write({"version": version("mixinsdk")})
    threading.Thread(target=answer_asks, daemon=True).start()
    blaze.run_forever(max_workers=4)
