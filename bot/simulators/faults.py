"""Faults on demand: by the last two digits of an amount or account, by probability, or forced for the next call."""

import hashlib
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

# Occurrence counters are kept for so many (stage, key) pairs; the oldest are forgotten.
KEPT_COUNTERS = 200_000
FORCED_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which a remote system misbehaves.

    `stages` are the calls it can strike. `suffix` is the two-digit ending (of an amount in fen, or of an
    account number) that provokes it, None where only rates or force do. `times` limits the suffix to the
    first so many occurrences of a stage for one order, so that a repetition can succeed; None means always.
    """

    name: str
    stages: tuple[str, ...]
    meaning: str
    suffix: int | None = None
    times: int | None = None


# WeChat Pay. The suffix is the last two digits of the order total (create, query, close, pay, notice) or of
# the refund amount (refund, refund_query, refund_notice), in fen.
CALLS = ("create", "query", "close", "refund", "refund_query")
FACULTY_CALLS = (*CALLS, "code", "reverse", "share", "share_query", "contract", "deduct")
WECHATPAY_FAULTS: tuple[Fault, ...] = (
    Fault("declined", ("pay",), "the payer's bank refuses; the order stays NOTPAY", 1),
    Fault("create_answer_lost", ("create",), "the order exists, its first answer does not come", 2, 1),
    Fault("notice_duplicate", ("notice",), "the notice comes twice at once and a third time later", 3),
    Fault("notice_never", ("notice",), "the notice is never sent", 4),
    Fault("notice_late", ("notice",), "the notice is sent after plan.late_notice_seconds", 5),
    Fault(
        "notice_first",
        ("notice", "refund_notice"),
        "the notice arrives before the answer to the call that caused it",
        6,
    ),
    Fault("notice_wrong_amount", ("notice",), "a signed notice over another amount precedes the true one", 7),
    Fault("notice_forged", ("notice",), "a notice with a forged signature precedes the true one", 8),
    Fault("create_500", ("create",), "500 SYSTEM_ERROR on the first create, nothing is made", 9, 1),
    Fault("refund_abnormal", ("refund_result",), "the refund ends ABNORMAL", 10),
    Fault("userpaying", ("pay",), "paid, but the first queries say USERPAYING and the notice is late", 11),
    Fault("paid_while_closing", ("close",), "our close arrives just after the payment: ORDERPAID", 12, 1),
    Fault("create_reset", ("create",), "connection reset on the first create, nothing is made", 13, 1),
    Fault("query_500", ("query",), "the first two queries answer 500", 14, 2),
    Fault("answer_unsigned", FACULTY_CALLS, "the first answer of each call is not signed", 15, 1),
    Fault("answer_forged", FACULTY_CALLS, "the first answer of each call is signed by a stranger's key", 16, 1),
    Fault("query_not_found", ("query",), "the first two queries deny that the order exists", 17, 2),
    Fault("notice_other_mchid", ("notice",), "a signed notice of another merchant precedes the true one", 18),
    Fault("notice_stale", ("notice",), "a notice signed ten minutes ago precedes the true one", 19),
    Fault("refund_not_enough", ("refund",), "403 NOT_ENOUGH on the first refund call", 20, 1),
    Fault("refund_answer_lost", ("refund",), "the refund exists, its first answer does not come", 21, 1),
    Fault("refund_closed", ("refund_result",), "the refund ends CLOSED", 22),
    Fault("refund_500", ("refund",), "500 SYSTEM_ERROR on the first refund call, nothing is made", 23, 1),
    Fault("refund_notice_never", ("refund_notice",), "the refund's notice is never sent", 24),
    Fault("close_answer_lost", ("close",), "the order is closed, the first answer does not come", 25, 1),
    Fault("create_429", ("create",), "429 FREQUENCY_LIMITED on the first create", 26, 1),
    Fault("bad_gateway", FACULTY_CALLS, "the first answer of each call is an HTML page with status 502", 27, 1),
    Fault("query_answer_lost", ("query",), "the first query's answer does not come", 28, 1),
    Fault("answer_dropped", FACULTY_CALLS, "the call is carried out, then the connection is reset", 29, 1),
    Fault("paid_after_close", ("close",), "the close is confirmed, yet whoever has the sheet open can still pay", 30),
    # Scanned codes; the suffix is of the order total.
    Fault("code_password", ("code",), "the payer's phone asks for the password, which is typed after a while", 31),
    Fault("code_password_never", ("code",), "the payer's phone asks for the password, which is never typed", 32),
    Fault("code_password_refused", ("code",), "the payer's phone asks for the password and the payer cancels", 33),
    Fault("code_answer_lost", ("code",), "the code is paid, the answer does not come", 34),
    Fault("code_system_error", ("code",), "the code is paid, yet the answer is 500 SYSTEM_ERROR", 35),
    Fault("code_bank_error", ("code",), "the answer is BANKERROR and nothing is paid", 36),
    Fault("code_not_enough", ("code",), "the payer lacks money: NOT_ENOUGH", 37),
    Fault("reverse_recall", ("reverse",), "the first two reversals do nothing and say recall=Y", 38, 2),
    Fault("reverse_system_error", ("reverse",), "the first reversal answers 500 and does nothing", 39, 1),
    Fault("reverse_userpaying", ("reverse",), "the first two reversals are refused with USERPAYING", 40, 2),
    Fault("reverse_answer_lost", ("reverse",), "the order is reversed, the first answer does not come", 41, 1),
    Fault("reverse_over", ("reverse",), "the reversal is refused with REVERSE_EXPIRE", 42),
    Fault("query_contradicts", ("query",), "the first queries after a payment deny it, saying NOTPAY"),
    Fault("query_slow", ("query",), "each query takes plan.slow_query_seconds"),
    # Shares; the suffix is of the part's amount (share_result) or of the whole share.
    Fault("share_part_failed", ("share_result",), "the part ends CLOSED: the receiver's account is abnormal", 45),
    Fault("share_answer_lost", ("share",), "the share exists, its first answer does not come", 46, 1),
    Fault("share_system_error", ("share",), "the first share answers 500 and does nothing", 47, 1),
    Fault("share_return_slow", ("share_return",), "the return is PROCESSING and succeeds a while later", 48),
    Fault("share_return_failed", ("share_return",), "the return fails: the receiver's balance is short", 49),
    # Deductions; the suffix is of the order total.
    Fault("deduct_not_enough", ("deduct_result",), "the deduction was taken in and then fails: PAYERROR", 52),
    Fault("deduct_answer_lost", ("deduct",), "the deduction was taken in, its first answer does not come", 51, 1),
)

# Billers. The suffix is the last two digits of the customer's account number.
OPERATIONS = ("query", "advise", "status", "undo", "undo_status")
BILLER_FAULTS: tuple[Fault, ...] = (
    Fault("query_later", ("query",), "the first query is told to ask again later", 80, 1),
    Fault("query_500", ("query",), "the first query answers 500", 81, 1),
    Fault("query_lost", ("query",), "no query is ever answered", 82),
    Fault("advise_pending", ("advise",), "the advice is pending and settles a while later", 83),
    Fault("advise_pending_refused", ("advise",), "the advice is pending and is refused a while later", 84),
    Fault("paid_elsewhere", ("advise",), "the bill turns out to be paid through another channel", 85),
    Fault("advise_closed", ("advise",), "the advice is refused: the account is closed", 86),
    Fault("advise_lost", ("advise",), "the advice is settled, its first answer does not come", 87, 1),
    Fault("advise_500", ("advise",), "the first two advices answer 500 and do nothing", 88, 2),
    Fault("advise_reset", ("advise",), "the first advice meets a reset connection and does nothing", 89, 1),
    Fault("answer_unsigned", OPERATIONS, "the first answer of each operation is not signed", 90, 1),
    Fault("answer_forged", OPERATIONS, "the first answer of each operation is signed wrongly", 91, 1),
    Fault("answer_other_nonce", OPERATIONS, "the first answer of each operation echoes another nonce", 92, 1),
    Fault("answer_garbage", OPERATIONS, "the first answer of each operation is signed and not JSON", 93, 1),
    Fault("undo_pending", ("undo",), "the undo is pending and succeeds a while later", 94),
    Fault("undo_used", ("undo",), "the undo is refused: the money is used up", 95),
    Fault("undo_lost", ("undo",), "the undo succeeds, its first answer does not come", 96, 1),
    Fault("undo_500", ("undo",), "the first undo answers 500 and does nothing", 97, 1),
    Fault("answer_dropped", OPERATIONS, "the call is carried out, then the connection is reset"),
)


class Faults:
    """Decides, reproducibly, which fault strikes a call.

    The verdict depends on seed, stage, key and how often that pair was drawn, never on the order in which
    concurrent calls happen to be scheduled, so that a run with the same seed misbehaves in the same places.
    """

    def __init__(
        self,
        table: Sequence[Fault],
        *,
        seed: int = 0,
        by_suffix: bool = True,
        rates: Mapping[str, float] | None = None,
    ) -> None:
        self._table = {fault.name: fault for fault in table}
        self._by_suffix = {fault.suffix: fault for fault in table if fault.suffix is not None}
        self._forced: deque[Fault] = deque()
        self._counts: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._rates: dict[str, float] = {}
        self._seed = seed
        self._suffixes_on = by_suffix
        self.configure(rates=rates or {})

    def configure(
        self,
        *,
        rates: Mapping[str, float] | None = None,
        by_suffix: bool | None = None,
        seed: int | None = None,
    ) -> None:
        """Replace the rates, the switch or the seed at run time; raises ValueError for an unknown fault."""
        if rates is not None:
            self._rates = {self._known(name).name: _probability(rate) for name, rate in rates.items()}
        if by_suffix is not None:
            self._suffixes_on = by_suffix
        if seed is not None:
            self._seed = seed

    def force(self, names: Iterable[str]) -> None:
        """Let the named faults strike the next calls of their stages, once each and in this order."""
        faults = [self._known(name) for name in names]
        if len(self._forced) + len(faults) > FORCED_LIMIT:
            raise ValueError("too many forced faults")
        self._forced.extend(faults)

    def draw(self, stage: str, key: str, number: int) -> str:
        """The name of the fault that strikes this call, or an empty string.

        `key` names the order, refund or line; `number` is the amount in fen or the account as a number.
        """
        occurrence = self._count(stage, key)
        for fault in self._forced:
            if stage in fault.stages:
                self._forced.remove(fault)
                return fault.name
        marked = self._by_suffix.get(number % 100) if self._suffixes_on else None
        if marked and stage in marked.stages and (marked.times is None or occurrence < marked.times):
            return marked.name
        return self._by_rate(stage, key, occurrence)

    def describe(self) -> dict[str, object]:
        """The table and the present settings, for the control interface."""
        return {
            "seed": self._seed,
            "by_suffix": self._suffixes_on,
            "rates": dict(self._rates),
            "forced": [fault.name for fault in self._forced],
            "table": [
                {
                    "name": fault.name,
                    "stages": list(fault.stages),
                    "suffix": fault.suffix,
                    "times": fault.times,
                    "meaning": fault.meaning,
                }
                for fault in self._table.values()
            ],
        }

    def _known(self, name: str) -> Fault:
        try:
            return self._table[name]
        except KeyError:
            raise ValueError(f"unknown fault {name!r}") from None

    def _count(self, stage: str, key: str) -> int:
        occurrence = self._counts.pop((stage, key), 0)
        self._counts[(stage, key)] = occurrence + 1
        if len(self._counts) > KEPT_COUNTERS:
            self._counts.popitem(last=False)
        return occurrence

    def _by_rate(self, stage: str, key: str, occurrence: int) -> str:
        rates = [(name, rate) for name, rate in self._rates.items() if stage in self._table[name].stages]
        if not rates:
            return ""
        point = _unit(f"{self._seed}|{stage}|{key}|{occurrence}")
        reached = 0.0
        for name, rate in rates:
            reached += rate
            if point < reached:
                return name
        return ""


def _unit(text: str) -> float:
    """A number in [0, 1) that depends on the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big") / 2**56


def _probability(rate: float) -> float:
    if not 0 <= rate <= 1:
        raise ValueError("a rate is a probability between 0 and 1")
    return float(rate)
