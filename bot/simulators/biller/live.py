"""What accounts owe that is computed: parking by the minute, heating by area, gas by the sum that is bought."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal

from bot.simulators.biller.plan import Bill

SHANGHAI = timezone(timedelta(hours=8))
# How many minutes before the payment a fee may have been told.
SHOWN_FOR = 5


@dataclass(frozen=True, slots=True)
class Parking:
    """A car that came in ``parked`` minutes before the biller started; sums in fen.

    ``free`` minutes cost nothing, every begun ``step`` of minutes costs ``price``, no day costs more than ``cap``.
    """

    parked: int
    place: str
    free: int = 15
    step: int = 15
    price: int = 250
    cap: int = 6000

    def fee(self, minutes: int) -> int:
        """What so many minutes cost, in fen; days are counted from the entry."""
        if minutes <= self.free:
            return 0
        days, rest = divmod(minutes, 24 * 60)
        return days * self.cap + min(self.cap, -(-rest // self.step) * self.price)

    def bills(self, account: str, at: datetime, opened: datetime) -> tuple[Bill, ...]:
        entered = opened - timedelta(minutes=self.parked)
        minutes = max(0, int((at - entered).total_seconds() // 60))
        local = entered.astimezone(SHANGHAI)
        detail = {
            "停车场": self.place,
            "入场时间": f"{local:%m-%d %H:%M}",
            "停车时长": f"{minutes // 60} 小时 {minutes % 60} 分",
        }
        number = f"P{local:%Y%m%d%H%M}-{account}"
        day = f"{at.astimezone(SHANGHAI):%Y-%m-%d}"
        # Who pays at once what was shown is not refused because the next quarter of an hour has begun meanwhile.
        shown = (self.fee(max(0, minutes - SHOWN_FOR)),)
        return (Bill(number, "", self.fee(minutes), day, title="停车费", detail=detail, tiers=shown),)


@dataclass(frozen=True, slots=True)
class Heated:
    """A home by its heated area: ``area`` in square metres as a decimal text, ``price`` in fen for one of them.

    Until the day ``early_until`` the share ``early`` is let off; with ``stopped`` only the share ``base`` is due.
    """

    area: str
    price: int
    season: str
    early_until: str
    early: str = "0.02"
    stopped: bool = False
    base: str = "0.30"

    def bills(self, account: str, at: datetime, opened: datetime) -> tuple[Bill, ...]:
        whole = _fen(Decimal(self.area) * self.price)
        detail = {
            "供暖季": self.season,
            "面积": f"{self.area} 平方米",
            "单价": f"{_yuan(self.price)} 元/平方米",
            "面积乘单价": f"{_yuan(whole)} 元",
        }
        due = whole
        if self.stopped:
            due = _fen(whole * Decimal(self.base))
            detail["停热基础费"] = f"{Decimal(self.base):.0%} 计 {_yuan(due)} 元"
        elif at.astimezone(SHANGHAI).date() <= date.fromisoformat(self.early_until):
            off = _fen(whole * Decimal(self.early))
            due = whole - off
            detail["早缴优惠"] = f"减 {_yuan(off)} 元（{self.early_until} 前）"
        year, title = int(self.season[:4]), f"{self.season} 供暖费"
        return (Bill(f"H{year}-{account}", "", due, f"{year + 1}-01-31", title=title, detail=detail),)


@dataclass(frozen=True, slots=True)
class SmartMeter:
    """A meter that is filled by its card: ``price`` in fen for a unit, ``unit`` what it counts.

    The second query names the sum; its answer is a bill of that sum with what it buys.
    """

    price: int
    unit: str
    most: int = 100_000

    def offer(self, number: str, amount: int, day: str) -> Bill | None:
        """The bill of a purchase, or None for a sum that the meter does not take."""
        if not 0 < amount <= self.most:
            return None
        # In hundredths of a unit, rounded to the nearest; written with two digits, as sums of money are.
        units = _yuan((amount * 200 + self.price) // (2 * self.price))
        detail = {"购买量": f"{units} {self.unit}", "单价": f"{_yuan(self.price)} 元/{self.unit}"}
        return Bill(number, "", amount, day, title=f"购 {units} {self.unit}", detail=detail)


def _fen(exact: Decimal) -> int:
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"
