"""What waits to be fetched once or for a while: bill files behind tokens, and the one-time codes of sign-ins."""

import secrets
from collections import OrderedDict
from datetime import datetime

KEPT = 10_000


class Shelf:
    """Files and codes, each behind a token until its time is over."""

    def __init__(self) -> None:
        self._files: OrderedDict[str, tuple[datetime, bytes]] = OrderedDict()
        self._codes: OrderedDict[str, tuple[datetime, str, str]] = OrderedDict()

    def put(self, content: bytes, until: datetime) -> str:
        """Keep a file and return its token."""
        token = secrets.token_urlsafe(24)
        self._files[token] = (until, content)
        if len(self._files) > KEPT:
            self._files.popitem(last=False)
        return token

    def file(self, token: str, now: datetime) -> bytes | None:
        """The file, or None when the token is unknown or over."""
        until, content = self._files.get(token, (now, b""))
        return content if now < until else None

    def grant(self, app_id: str, user: str, until: datetime) -> str:
        """Make a code by which an application learns once who the user is."""
        code = secrets.token_hex(16)
        self._codes[code] = (until, app_id, user)
        if len(self._codes) > KEPT:
            self._codes.popitem(last=False)
        return code

    def redeem(self, app_id: str, code: str, now: datetime) -> str | None:
        """The user behind a code, once; None when it is used, over or another application's."""
        until, owner, user = self._codes.pop(code, (now, "", ""))
        return user if owner == app_id and now < until else None
