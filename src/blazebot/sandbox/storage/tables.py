"""The tables of the sandbox's database, and how a file comes from each format to the next.

A script is never changed once it is released.
"""

from __future__ import annotations

from typing import Final

__all__ = ["MIGRATIONS"]

# Times are nanoseconds since the epoch. `seq` of a message and `changed` come from one counter, the
# position: a message takes one when it is created and `changed` another at each move of its status.
_SCHEMA: Final = """
CREATE TABLE users (
    number INTEGER PRIMARY KEY,
    user_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('person', 'bot')),
    full_name TEXT NOT NULL,
    identity_number TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    session_id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (user_id),
    public_key BLOB, -- DER; a person's session has none
    curve_public_key TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    ended_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX live_sessions ON sessions (user_id) WHERE ended_at IS NULL;

CREATE TABLE friends (
    person_id TEXT NOT NULL REFERENCES users (user_id),
    bot_id TEXT NOT NULL REFERENCES users (user_id),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (person_id, bot_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE conversations (
    conversation_id TEXT PRIMARY KEY,
    category TEXT NOT NULL CHECK (category IN ('CONTACT', 'GROUP')),
    creator_id TEXT NOT NULL REFERENCES users (user_id),
    name TEXT NOT NULL,
    announcement TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE participants (
    conversation_id TEXT NOT NULL REFERENCES conversations (conversation_id),
    user_id TEXT NOT NULL REFERENCES users (user_id),
    role TEXT NOT NULL,
    joined INTEGER NOT NULL, -- position: what has a greater seq is theirs to see
    created_at INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX memberships ON participants (user_id);

CREATE TABLE messages (
    seq INTEGER PRIMARY KEY,
    message_id TEXT NOT NULL UNIQUE,
    conversation_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    category TEXT NOT NULL,
    data BLOB NOT NULL, -- decoded from base64
    quote_message_id TEXT NOT NULL,
    representative_id TEXT NOT NULL,
    silent INTEGER NOT NULL,
    expire_in INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    status INTEGER NOT NULL, -- 0 SENT, 1 DELIVERED, 2 READ
    changed INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX changes ON messages (changed);
CREATE INDEX histories ON messages (conversation_id); -- in order of seq

-- What each recipient has not read yet. A bot's rows of status 0 are its pending messages.
CREATE TABLE deliveries (
    user_id TEXT NOT NULL,
    status INTEGER NOT NULL, -- 0 SENT, 1 DELIVERED; READ is no row
    seq INTEGER NOT NULL,
    PRIMARY KEY (user_id, status, seq)
) STRICT, WITHOUT ROWID;
"""

_RANDOM_ID: Final = (
    "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)"
    " || '-8' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))"
)
"""A fresh UUID of version 4, in SQL."""

# Times are nanoseconds since the epoch, 0 where unset.
_ACCOUNTS: Final = f"""
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

_ENCRYPTION_AND_EDITING: Final = """
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

_DELETED_BOTS: Final = """
ALTER TABLE users ADD COLUMN deleted_at INTEGER; -- its row stays, for what it has written
"""

_EXPIRY: Final = """
ALTER TABLE messages ADD COLUMN disappears_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN disappeared INTEGER NOT NULL DEFAULT 0; -- 1: its data is gone
UPDATE messages SET disappears_at = updated_at + expire_in * 1000000000
    WHERE expire_in > 0 AND status = 2;
CREATE INDEX disappearing ON messages (disappears_at) WHERE disappears_at > 0;
DROP INDEX histories;
CREATE INDEX histories ON messages (conversation_id) WHERE disappeared = 0; -- in order of seq
ALTER TABLE messages ADD COLUMN from_bot INTEGER NOT NULL DEFAULT 0;
UPDATE messages SET from_bot = 1 WHERE user_id IN (SELECT user_id FROM users WHERE kind = 'bot');
CREATE INDEX receipts ON messages (user_id, updated_at) WHERE from_bot = 1 AND status > 0;

ALTER TABLE deliveries ADD COLUMN expires_at INTEGER; -- of a bot's pending message, else NULL
UPDATE deliveries SET expires_at = 7 * 24 * 3600 * 1000000000
        + (SELECT created_at FROM messages WHERE messages.seq = deliveries.seq)
    WHERE status = 0 AND user_id IN (SELECT user_id FROM users WHERE kind = 'bot');
CREATE INDEX expiring ON deliveries (expires_at) WHERE expires_at IS NOT NULL;

CREATE INDEX kinds ON users (kind); -- in order of number
CREATE INDEX oauth_codes_by_bot ON oauth_codes (bot_id);
CREATE INDEX authorizations_by_bot ON authorizations (bot_id);

-- How far the retention clock is from the real one: one row, once it was moved.
CREATE TABLE retention_clock (
    offset REAL NOT NULL -- seconds
) STRICT;
"""

_AVATARS: Final = """
ALTER TABLE users ADD COLUMN avatar_id TEXT NOT NULL DEFAULT ''; -- the file of their picture
"""

_PINS: Final = """
CREATE INDEX pins ON messages (conversation_id) WHERE pinned = 1; -- in order of seq
"""

MIGRATIONS: Final = (
    _SCHEMA,
    _ACCOUNTS,
    _ENCRYPTION_AND_EDITING,
    _DELETED_BOTS,
    _EXPIRY,
    _AVATARS,
    _PINS,
)
"""How a file comes from each format to the next; only ever appended to."""
