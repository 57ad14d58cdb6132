"""What the contract tests of faculties need of UnionPay: scanned codes, reversals, and files that must be refused."""

import base64
import zlib
from collections.abc import Callable, Iterator
from datetime import date, datetime

from bot.outside.http import Answer
from bot.payments.facts import NewCharge
from tests.gateways.faculty_rig import PayOutcome, ReverseOutcome
from tests.gateways.rig import Sent
from tests.gateways.unionpay import bills, platform
from tests.gateways.unionpay.rig import UnionPayRig, fields


class UnionPayFaculties(UnionPayRig):
    """See tests.gateways.faculty_rig."""

    auth_code = "6223456789012345678"

    def will_pay_code(self, charge: NewCharge, outcome: PayOutcome, paid_at: datetime) -> None:
        match outcome:
            case PayOutcome.DECLINED:
                self.will_refuse("64")
            case PayOutcome.TROUBLE:
                self.will_refuse("02")
            case PayOutcome.WAITING:
                self.will_echo()
                self.will_say_waiting(charge)
            case PayOutcome.PAID:
                # Echoes of the charge that is named, not of whatever was asked.
                self.will_answer(platform.transaction(charge, paid_at=paid_at))
                self.will_say_paid(charge, paid_at)

    def will_reverse(self, charge: NewCharge, outcome: ReverseOutcome) -> None:
        told = {ReverseOutcome.CLOSED: "69", ReverseOutcome.WENT_BACK: "45", ReverseOutcome.PAYING: "05"}
        refused = {ReverseOutcome.AGAIN: "05", ReverseOutcome.TROUBLE: "02", ReverseOutcome.OVER: "39"}
        if outcome in refused:
            self.will_refuse(refused[outcome])
            return
        pairs = platform.transaction(charge, told[outcome])
        self.will_answer({name: value for name, value in pairs.items() if name != "origRespCode"})
        self.will_answer(pairs)

    def will_say_no_statement(self) -> None:
        self.will_refuse("98")

    def will_give_file(self, content: str, **changes: str) -> None:
        self.will_echo(fileContent=content, fileName="RD3001.zip", **changes)

    def spoiled_statements(self, day: date) -> Iterator[tuple[str, Callable[[], None]]]:
        text, _ = bills.bill(payments=3, refunds=1, day=day)
        archive = bills.zipped({"ZM_1": text})
        good = bills.packed(text)
        flipped = bytearray(archive)
        flipped[len(archive) // 3] ^= 0x55
        contents = {
            "no_base64": "*" + good,
            "not_deflated": base64.b64encode(archive).decode(),
            "cut_short": base64.b64encode(zlib.compress(archive)[:-9]).decode(),
            "cut_archive": _packed(archive[:-30]),
            "changed_archive": _packed(bytes(flipped)),
            "without_main_file": _packed(bills.zipped({"ZME_1": text})),
            "short_line": bills.packed(text + b"S22 0004\r\n"),
            "no_line": bills.packed(text + b"x" * 5000),
            "other_merchant": bills.packed(bills.line(day, 1, c27=platform.OTHER_MER_ID)),
            "unknown_type": bills.packed(bills.line(day, 1, kind="77")),
            "settled_otherwise": bills.packed(bills.line(day, 1, c16="C000000009963")),
            "no_amount": bills.packed(bills.line(day, 1, c6="0000000100.0")),
            "no_time": bills.packed(bills.line(day, 1, c4="9999999999")),
            "far_time": bills.packed(bills.line(day, 1, c4="0301000000")),
        }
        for name, content in contents.items():
            yield name, lambda content=content: self.will_give_file(content)  # type: ignore[misc]
        yield "other_day", lambda: self.will_give_file(good, settleDate="0101")
        yield "refused", lambda: self.will_refuse("10")
        yield "unsigned", lambda: self.http.then(_unsigned)


def _packed(archive: bytes) -> str:
    return base64.b64encode(zlib.compress(archive)).decode()


def _unsigned(sent: Sent) -> Answer:
    return Answer(200, {}, platform.plain({**fields(sent), "respCode": "00"}))


def make() -> UnionPayFaculties:
    """The rig of the faculties' contract tests."""
    return UnionPayFaculties()
