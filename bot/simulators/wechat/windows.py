"""How many customer-service messages an interaction allows, and the counters of daily quotas."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import Enum

# Business days of WeChat's quotas end at midnight in China.
CHINA = timezone(timedelta(hours=8))

# Daily limits of a new official account by API path (wechat.md §2.2).
DAILY_QUOTAS: dict[str, int] = {
    "/cgi-bin/token": 2000,
    "/cgi-bin/stable_token": 500_000,
    "/cgi-bin/menu/create": 1000,
    "/cgi-bin/menu/get": 10_000,
    "/cgi-bin/menu/delete": 1000,
    "/cgi-bin/message/custom/send": 500_000,
    "/cgi-bin/message/template/send": 100_000,
    "/cgi-bin/message/subscribe/bizsend": 10_000_000,
    "/cgi-bin/qrcode/create": 100_000,
    "/cgi-bin/user/info": 5_000_000,
    "/cgi-bin/user/get": 500,
    "/cgi-bin/media/upload": 100_000,
}


class Trigger(Enum):
    """What a user did that lets the account write."""

    MESSAGE = "message"
    MENU = "menu"
    FOLLOW = "follow"
    SCAN = "scan"
    PAYMENT = "payment"


# Messages allowed and seconds they may take (客服消息, 下发额度). For payments the older document says 20 and
# the newer one "unlimited": 20 is what a careful sender must live with.
LIMITS: Mapping[Trigger, tuple[int, int]] = {
    Trigger.MESSAGE: (5, 48 * 3600),
    Trigger.MENU: (3, 60),
    Trigger.FOLLOW: (3, 60),
    Trigger.SCAN: (3, 60),
    Trigger.PAYMENT: (20, 48 * 3600),
}


class Allowance(Enum):
    """The answer to "may I send?"."""

    YES = "yes"
    CLOSED = "closed"
    USED_UP = "used up"


@dataclass(slots=True)
class Windows:
    """The open windows of one user at one account; a new trigger replaces the one of its kind."""

    open: dict[Trigger, tuple[datetime, int]] = field(default_factory=dict)

    def trigger(self, kind: Trigger, now: datetime) -> None:
        """The user did something: its window opens anew, counts do not add up."""
        count, seconds = LIMITS[kind]
        self.open[kind] = (now + timedelta(seconds=seconds), count)

    def spend(self, now: datetime) -> Allowance:
        """Use one message of the window that ends first."""
        living = sorted(
            ((until, kind) for kind, (until, _) in self.open.items() if until > now), key=lambda item: item[0]
        )
        if not living:
            return Allowance.CLOSED
        for until, kind in living:
            left = self.open[kind][1]
            if left > 0:
                self.open[kind] = (until, left - 1)
                return Allowance.YES
        return Allowance.USED_UP

    def view(self, now: datetime) -> dict[str, int]:
        """Messages left by trigger, for windows still open."""
        return {kind.value: left for kind, (until, left) in self.open.items() if until > now}


@dataclass(slots=True)
class Quotas:
    """Calls of one account today, by path."""

    day: str = ""
    used: Counter[str] = field(default_factory=Counter)
    cleared: dict[str, int] = field(default_factory=dict)

    def spend(self, path: str, limit: int, now: datetime) -> bool:
        """Count one call; False when the day's limit had been reached before it."""
        self._turn(now)
        if self.used[path] >= limit:
            return False
        self.used[path] += 1
        return True

    def clear(self, now: datetime) -> bool:
        """Set the day's counters back; False after ten times in one month."""
        self._turn(now)
        month = self.day[:7]
        if self.cleared.get(month, 0) >= 10:
            return False
        self.cleared[month] = self.cleared.get(month, 0) + 1
        self.used.clear()
        return True

    def _turn(self, now: datetime) -> None:
        day = now.astimezone(CHINA).date().isoformat()
        if day != self.day:
            self.day = day
            self.used.clear()
