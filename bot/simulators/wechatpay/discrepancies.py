"""What is wrong with a bill on purpose: drawn from the plan's seed, so that a run can be judged afterwards."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

KINDS = ("missing", "extra", "amount", "state", "fee", "duplicate")


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One line that differs from the books: which number it is about, and how."""

    kind: str
    out_trade_no: str
    out_refund_no: str = ""
    out_order_no: str = ""  # Of a share's line: the number that the merchant gave to the share or to its return.

    def describe(self) -> dict[str, str]:
        facts = {"kind": self.kind, "out_trade_no": self.out_trade_no, "out_refund_no": self.out_refund_no}
        return facts | ({"out_order_no": self.out_order_no} if self.out_order_no else {})


def draw(rates: Mapping[str, float], seed: int, number: str) -> str:
    """The discrepancy that strikes the line with this number, or an empty string; the same for the same seed."""
    if unknown := set(rates) - set(KINDS):
        raise ValueError(f"unknown discrepancies: {', '.join(sorted(unknown))}")
    point = int.from_bytes(hashlib.sha256(f"{seed}|bill|{number}".encode()).digest()[:7], "big") / 2**56
    reached = 0.0
    for kind in KINDS:
        reached += rates.get(kind, 0.0)
        if point < reached:
            return kind
    return ""


def number_of_nobody(number: str) -> str:
    """An order number that nobody gave, made from one that somebody did."""
    return "X" + hashlib.sha256(number.encode()).hexdigest()[:27].upper()


def spoil(head: Sequence[str], cells: Sequence[str], kind: str) -> list[list[str]]:
    """The lines that the bill shows in the place of one: none, two, or one that is wrong."""
    line = list(cells)
    if kind == "missing":
        return []
    if kind == "duplicate":
        return [line, list(line)]
    if kind == "extra":
        return [line, _changed(head, line, _extra)]
    changes = {"amount": _amount, "state": _state, "fee": _fee}
    return [_changed(head, line, changes[kind])] if kind in changes else [line]


def _changed(head: Sequence[str], cells: Sequence[str], change: Callable[[dict[str, str]], None]) -> list[str]:
    named = dict(zip(head, cells, strict=True))
    change(named)
    return list(named.values())


def _amount(named: dict[str, str]) -> None:
    """One fen more, in whatever amounts the line has."""
    for name in ("订单金额", "应结订单金额", "申请退款金额", "退款金额"):
        if named.get(name, "0.00") != "0.00":
            yuan, _, cents = named[name].partition(".")
            fen = int(yuan) * 100 + int(cents) + 1
            named[name] = f"{fen // 100}.{fen % 100:02d}"


def _state(named: dict[str, str]) -> None:
    """A refund that succeeded is still under way in the bill; a payment is shown as reversed."""
    if named["交易状态"] == "REFUND":
        named["退款状态"] = "PROCESSING"
    else:
        named["交易状态"] = "REVOKED"


def _fee(named: dict[str, str]) -> None:
    named["手续费"] = f"{named['手续费'].partition('.')[0]}.99000"


def _extra(named: dict[str, str]) -> None:
    named["商户订单号"] = number_of_nobody(named["商户订单号"])
    named["微信订单号"] = "4200" + "9" * 24
    if named.get("商户退款单号", "0") != "0":
        named["商户退款单号"] = number_of_nobody(named["商户退款单号"])
        named["微信退款单号"] = "5030" + "9" * 25
