"""Access tokens as WeChat hands them out: /token, /stable_token, their overlaps and their ends."""

import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

LIFE = timedelta(seconds=7200)
OVERLAP = timedelta(minutes=5)
FORCED_A_DAY = 20
FORCED_GAP = timedelta(seconds=30)
KEPT = 1000

SHAPE = re.compile(r"\d{2,3}_[A-Za-z0-9_-]{40,512}")


class Verdict(Enum):
    """What WeChat says about a token that comes with a call."""

    GOOD = 0
    MISSING = 41001
    MALFORMED = 40014
    UNKNOWN = 40001
    EXPIRED = 42001


@dataclass(slots=True)
class Token:
    """One issued token: its natural end, and the end a newer token gave it."""

    value: str
    expires: datetime
    superseded: datetime | None = None


@dataclass(slots=True)
class Tokens:
    """All tokens of one account. The two interfaces are isolated from each other (wechat.md §2.2)."""

    issued: dict[str, Token] = field(default_factory=dict)
    plain: Token | None = None
    stable: Token | None = None
    forced: list[datetime] = field(default_factory=list)

    def fetch(self, now: datetime) -> tuple[str, int]:
        """GET /cgi-bin/token: always a new one; the previous lives five minutes more."""
        self._supersede(self.plain, now + OVERLAP)
        self.plain = self._issue(now)
        return self.plain.value, int(LIFE.total_seconds())

    def fetch_stable(self, now: datetime) -> tuple[str, int]:
        """Normal mode: the same token until its last five minutes, then a new one beside it."""
        current = self.stable
        if current is None or current.superseded or current.expires - now <= OVERLAP:
            current = self.stable = self._issue(now)
        return current.value, int((current.expires - now).total_seconds())

    def force_stable(self, now: datetime) -> tuple[str, int] | None:
        """force_refresh: the previous token dies at once; None when asked too often."""
        self.forced = [at for at in self.forced if now - at < timedelta(days=1)]
        if self.forced and (len(self.forced) >= FORCED_A_DAY or now - self.forced[-1] < FORCED_GAP):
            return None
        self.forced.append(now)
        self._supersede(self.stable, now)
        self.stable = self._issue(now)
        return self.stable.value, int(LIFE.total_seconds())

    def judge(self, value: str, now: datetime) -> Verdict:
        """Whether a call with this token is let through."""
        if not value:
            return Verdict.MISSING
        if not SHAPE.fullmatch(value):
            return Verdict.MALFORMED
        token = self.issued.get(value)
        if token is None or (token.superseded and token.superseded <= now):
            return Verdict.UNKNOWN
        return Verdict.GOOD if now < token.expires else Verdict.EXPIRED

    def expire_all(self, now: datetime) -> None:
        """Fault: every token reaches its natural end now (42001)."""
        for token in self.issued.values():
            token.expires = min(token.expires, now)

    def revoke_all(self, now: datetime) -> None:
        """Fault: every token is replaced by one nobody has (40001)."""
        for token in self.issued.values():
            token.superseded = now

    def _issue(self, now: datetime) -> Token:
        token = Token(f"94_{secrets.token_urlsafe(96)}", now + LIFE)
        self.issued[token.value] = token
        while len(self.issued) > KEPT:
            del self.issued[next(iter(self.issued))]
        return token

    @staticmethod
    def _supersede(token: Token | None, at: datetime) -> None:
        if token is not None and (token.superseded is None or token.superseded > at):
            token.superseded = at
