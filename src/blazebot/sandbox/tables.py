"""Tables that came after the first schema: profiles, groups, attachments, OAuth, session keys.

Each script is one step of ``store.py``'s migrations and is never changed once it is released.
"""

from __future__ import annotations

from typing import Final

__all__ = ["ACCOUNTS", "ENCRYPTION_AND_EDITING"]

_RANDOM_ID: Final = (
    "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)"
    " || '-8' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))"
)
"""A fresh UUID of version 4, in SQL."""

# Times are nanoseconds since the epoch, 0 where unset.
ACCOUNTS: Final = f"""
ALTER TABLE users ADD COLUMN biography TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN code_id TEXT NOT NULL DEFAULT '';
UPDATE users SET code_id = {_RANDOM_ID};
CREATE UNIQUE INDEX user_codes ON users (code_id);

ALTER TABLE conversations ADD COLUMN code_id TEXT NOT NULL DEFAULT '';
ALTER TABLE conversations ADD COLUMN expire_in INTEGER NOT NULL DEFAULT 0; -- seconds
UPDATE conversations SET code_id = {_RANDOM_ID};
CREATE UNIQUE INDEX conversation_codes ON conversations (code_id);

ALTER TABLE participants ADD COLUMN mute_until INTEGER NOT NULL DEFAULT 0;

-- What `user_id` has made of `other_id`; strangers have no row.
CREATE TABLE relationships (
    user_id TEXT NOT NULL REFERENCES users (user_id),
    other_id TEXT NOT NULL REFERENCES users (user_id),
    kind TEXT NOT NULL CHECK (kind IN ('FRIEND', 'BLOCKING')),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, other_id)
) STRICT, WITHOUT ROWID;
INSERT INTO relationships SELECT person_id, bot_id, 'FRIEND', created_at FROM friends;
DROP TABLE friends;

CREATE TABLE attachments (
    attachment_id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (user_id),
    upload_hash BLOB NOT NULL, -- SHA-256 of the secret in the upload address
    size INTEGER, -- NULL until it is uploaded
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX attachment_ages ON attachments (created_at);

CREATE TABLE apps (
    bot_id TEXT PRIMARY KEY REFERENCES users (user_id),
    redirect_uri TEXT NOT NULL DEFAULT '',
    secret_hash BLOB -- SHA-256 of the client secret
) STRICT, WITHOUT ROWID;

CREATE TABLE oauth_codes (
    code_hash BLOB PRIMARY KEY, -- SHA-256 of the code
    bot_id TEXT NOT NULL REFERENCES users (user_id),
    user_id TEXT NOT NULL REFERENCES users (user_id),
    scope TEXT NOT NULL,
    code_challenge TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX oauth_code_ages ON oauth_codes (created_at);

CREATE TABLE authorizations (
    authorization_id TEXT PRIMARY KEY,
    bot_id TEXT NOT NULL REFERENCES users (user_id),
    user_id TEXT NOT NULL REFERENCES users (user_id),
    scope TEXT NOT NULL,
    public_key BLOB, -- raw Ed25519; NULL where an access token was issued
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX authorizations_by_user ON authorizations (user_id);

-- The service's own key, by which it signs answers and access tokens: one row, once it is needed.
CREATE TABLE oauth_keys (private_key BLOB NOT NULL) STRICT;
"""  # noqa: S608 - our own words

ENCRYPTION_AND_EDITING: Final = """
DROP INDEX live_sessions; -- it was unique: a person may have several
CREATE INDEX sessions_of ON sessions (user_id);

-- The private keys of people's sessions, by which the sandbox encrypts and decrypts for them.
CREATE TABLE session_keys (
    session_id TEXT PRIMARY KEY REFERENCES sessions (session_id),
    private_key BLOB NOT NULL -- the seed of an Ed25519 key, 32 bytes
) STRICT, WITHOUT ROWID;

ALTER TABLE messages ADD COLUMN mentions TEXT NOT NULL DEFAULT ''; -- user ids, a space between
ALTER TABLE messages ADD COLUMN recalled INTEGER NOT NULL DEFAULT 0; -- 1: its data is gone
ALTER TABLE messages ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;
"""
