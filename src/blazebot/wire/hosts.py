"""The service's own host names (protocol section 1)."""

from __future__ import annotations

from typing import Final

API_HOSTS: Final = ("api.mixin.one", "mixin-api.zeromesh.net")
"""REST, the preferred one first; the other is its alternate [D][C]."""

BLAZE_HOSTS: Final = ("blaze.mixin.one", "mixin-blaze.zeromesh.net")
"""Blaze, likewise [S][C]."""

SERVICE_HOSTS: Final = API_HOSTS + BLAZE_HOSTS
"""All of them."""
