"""The platforms of the histories: what a payer, a post office and an auditor need of each simulator, as one table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from aiohttp import ClientSession, web

from bot.payments.facts import PayerId, Way
from bot.simulators import alipay, bankapp, unionpay, wechatpay
from bot.simulators.alipay import forge as alipay_forge
from bot.simulators.alipay import paysheet as alipay_sheet
from bot.simulators.alipay.announce import trade_fields
from bot.simulators.background import Background
from bot.simulators.bankapp import notices as bank_notices
from bot.simulators.bankapp import operations
from bot.simulators.clock import Clock
from bot.simulators.faults import Faults
from bot.simulators.unionpay import notices as unionpay_notices
from bot.simulators.unionpay import orders as unionpay_orders
from bot.simulators.unionpay.book import State
from bot.simulators.wechatpay import codes as wechat_codes
from bot.simulators.wechatpay import forge as wechat_forge
from bot.simulators.wechatpay import paysheet as wechat_sheet
from bot.simulators.wechatpay.book import RefundState, TradeState
from tests.simulators import alipay_rig, bankapp_rig, pay_rig, unionpay_rig

# Real seconds for which a simulator keeps a connection whose answer never comes.
_HANG: Final = 0.01
PLAN: Final[Mapping[str, Any]] = {"hang_seconds": _HANG, "notice_timeout": 2.0, "faults_by_amount": False}


@dataclass(frozen=True, slots=True)
class Taken:
    """One payment as its platform remembers it, in fen; ``undone`` when a reversal has given it back."""

    amount: int
    undone: bool
    refunds: Mapping[str, int] = field(default_factory=dict)


class Platform(Protocol):
    """One simulator as the histories see it. A further gateway is one class of this shape and a line in PLATFORMS."""

    name: str
    # Faults of its own that a history may force; none that makes the platform itself lie about money.
    faults: Sequence[str]
    # Forgeries that no merchant may believe.
    forgeries: Sequence[str]

    def make(self, clock: Clock) -> web.Application: ...

    def settings(self, base: str) -> Mapping[str, object]:
        """Return the account's table for the application."""
        ...

    @property
    def background(self) -> Background: ...

    @property
    def troubles(self) -> Faults: ...

    def payer(self, number: int) -> PayerId | None:
        """Return who comes with this wallet; None where nobody is known before the page opens."""
        ...

    async def pay(self, number: str, handover: Mapping[str, str], payer: int, browser: ClientSession) -> None:
        """Pay as a person would with what the page handed over; a refusal is theirs to bear."""
        ...

    def code(self, number: int, behaviour: int) -> str:
        """Return what a payer shows to a scanner."""
        ...

    async def decide(self, number: str, *, entered: bool) -> None:
        """Let the payer of a scanned code type the password, or cancel."""
        ...

    def notices(self) -> Sequence[Any]:
        """Return the genuine notices, oldest first."""
        ...

    async def deliver(self, notice: Any) -> None:
        """Send a notice once more, signed afresh."""
        ...

    async def forge(self, number: str, kind: str) -> None: ...

    def books(self) -> Mapping[str, Taken]:
        """Return every payment that was taken, by our number."""
        ...


class WeChatPay:
    """WeChat Pay: every way but the contract; scanned codes have no notice."""

    name = "wechatpay"
    faults: Sequence[str] = (
        *("declined", "create_answer_lost", "create_500", "create_reset", "create_429", "notice_duplicate"),
        *("notice_never", "notice_late", "notice_forged", "notice_stale", "userpaying", "paid_while_closing"),
        *("query_500", "query_not_found", "query_contradicts", "query_answer_lost", "answer_unsigned", "answer_forged"),
        *("refund_abnormal", "refund_not_enough", "refund_answer_lost", "refund_closed", "refund_500"),
        *("refund_notice_never", "close_answer_lost", "paid_after_close", "bad_gateway", "answer_dropped"),
        *("code_password", "code_password_never", "code_answer_lost", "code_system_error", "code_bank_error"),
        *("code_not_enough", "reverse_recall", "reverse_system_error", "reverse_userpaying", "reverse_answer_lost"),
    )
    forgeries: Sequence[str] = (
        "not_paid",
        "forged_signature",
        "unknown_serial",
        "stale_timestamp",
        "signtest",
        "unsigned",
    )

    def make(self, clock: Clock) -> web.Application:
        app = wechatpay.make(pay_rig.credentials().plan(**PLAN), clock)
        self.sim = app[wechatpay.SIMULATOR]
        return app

    def settings(self, base: str) -> Mapping[str, object]:
        keys = pay_rig.credentials()
        return {
            "mchid": keys.mchid,
            "appids": list(keys.appids),
            "serial": keys.merchant_cert_serial,
            "private_key": keys.merchant_private_pem,
            "apiv3_key": keys.apiv3_key,
            "public_key_id": keys.platform_public_key.key_id,
            "public_key": keys.platform_public_key.public_pem,
            "base_url": base,
        }

    @property
    def background(self) -> Background:
        return self.sim.background

    @property
    def troubles(self) -> Faults:
        return self.sim.faults

    def payer(self, number: int) -> PayerId | None:
        return PayerId("wechat", pay_rig.APPID, f"oTestPayer{number:018d}")

    async def pay(self, number: str, handover: Mapping[str, str], payer: int, browser: ClientSession) -> None:
        order = self.sim.book.by_number(number)
        if order is None:
            return
        bridge = handover if "package" in handover else None
        openid = order.openid or f"oTestPayer{payer:018d}"
        await wechat_sheet.pay(self.sim, wechat_sheet.Payment(order, openid, jsapi=bridge))

    def code(self, number: int, behaviour: int) -> str:
        shown = ("pay", "password", "never", "cancel", "not_enough")[behaviour % 5]
        return self.sim.screens.show(f"oTestPayer{number:018d}", shown, self.sim.clock.now())  # type: ignore[arg-type]

    async def decide(self, number: str, *, entered: bool) -> None:
        order = self.sim.book.by_number(number)
        if order is not None and order.trade_type == "MICROPAY":
            wechat_codes.decide(self.sim, order, entered=entered)

    def notices(self) -> Sequence[Any]:
        return [notice for notice in self.sim.notifier.log() if notice.kind == "genuine"]

    async def deliver(self, notice: Any) -> None:
        await self.sim.notifier.attempt(notice)

    async def forge(self, number: str, kind: str) -> None:
        order = self.sim.book.by_number(number)
        if order is not None:
            await wechat_forge.send(self.sim, wechat_forge.Wish(order, kind))

    def books(self) -> Mapping[str, Taken]:
        return {
            order.out_trade_no: Taken(
                order.total,
                order.state is TradeState.REVOKED,
                {each.out_refund_no: each.amount for each in order.refunds if each.state is RefundState.SUCCESS},
            )
            for order in self.sim.book.orders()
            if order.paid_at is not None
        }


class Alipay:
    """Alipay: a trade is made when its payer opens it, and a cancel gives back what was paid."""

    name = "alipay"
    faults: Sequence[str] = (
        *("declined", "create_answer_lost", "notice_duplicate", "notice_never", "notice_late", "notice_forged"),
        *("notice_stale", "create_20000", "code_answer_lost", "userpaying", "paid_while_closing", "create_reset"),
        *("query_20000", "answer_unsigned", "answer_forged", "query_not_found", "refund_not_enough"),
        *("refund_answer_lost", "refund_unchanged", "refund_20000", "refund_notice_never", "close_answer_lost"),
        *("cancel_retry", "bad_gateway", "query_answer_lost", "answer_dropped", "query_behind"),
        *("refund_query_silent", "code_20000_paid", "code_20000", "declared_500"),
    )
    forgeries: Sequence[str] = ("not_paid", "stale_time", "forged_signature", "unsigned", "flipped_byte", "added_field")

    def make(self, clock: Clock) -> web.Application:
        app = alipay.make(alipay_rig.credentials().plan(**PLAN), clock)
        self.sim = app[alipay.SIMULATOR]
        return app

    def settings(self, base: str) -> Mapping[str, object]:
        keys = alipay_rig.credentials()
        return {
            "app_id": keys.app_id,
            "seller_id": keys.seller_id,
            "private_key": keys.app_private_pem,
            "alipay_public_key": keys.platform_key.public_pem,
            "base_url": f"{base}/gateway.do",
        }

    @property
    def background(self) -> Background:
        return self.sim.background

    @property
    def troubles(self) -> Faults:
        return self.sim.faults

    def payer(self, number: int) -> PayerId | None:
        return PayerId("alipay", alipay_rig.credentials().app_id, f"2088{number:012d}")

    async def pay(self, number: str, handover: Mapping[str, str], payer: int, browser: ClientSession) -> None:
        if "url" in handover:
            async with browser.get(handover["url"]) as page:
                await page.read()
        trade = self.sim.book.find(number)
        if trade is None:
            return
        buyer = trade.buyer or f"2088{payer:012d}"
        alipay_sheet.sheet(self.sim, trade)
        await alipay_sheet.pay(self.sim, alipay_sheet.Payment(trade, buyer))

    def code(self, number: int, behaviour: int) -> str:
        # Each code serves once, so what tells one showing from another is the moment.
        return f"28{int(self.sim.clock.now().timestamp() * 1e6):016d}"

    async def decide(self, number: str, *, entered: bool) -> None:
        """Nothing: here the queries themselves bring the payer to type."""

    def notices(self) -> Sequence[Any]:
        return [notice for notice in self.sim.notifier.log() if notice.kind == "genuine"]

    async def deliver(self, notice: Any) -> None:
        if notice.url:
            await self.sim.notifier.attempt(notice)

    async def forge(self, number: str, kind: str) -> None:
        trade = self.sim.book.find(number)
        if trade is not None:
            await alipay_forge.send(self.sim, trade, trade_fields(self.sim, trade), kind)

    def books(self) -> Mapping[str, Taken]:
        return {
            trade.out_trade_no: Taken(
                trade.amount,
                any(refund.by_cancel for refund in trade.refunds),
                {refund.number: refund.amount for refund in trade.refunds if not refund.by_cancel},
            )
            for trade in self.sim.book.trades()
            if trade.paid_at is not None
        }


class UnionPay:
    """UnionPay: no close, so an unpaid order ends by its own time or by a reversal."""

    name = "unionpay"
    faults: Sequence[str] = (
        *("declined", "create_answer_lost", "notice_duplicate", "notice_never", "notice_late", "notice_forged"),
        *("create_busy", "refund_failed", "under_way", "query_contradicts", "create_reset", "query_500"),
        *("answer_unsigned", "answer_stranger", "query_not_found", "notice_flawed", "answer_other_owner"),
        *("refund_answer_lost", "refund_card", "scan_lost", "scan_password", "reverse_answer_lost", "bad_gateway"),
        *("query_answer_lost", "answer_dropped"),
    )
    forgeries: Sequence[str] = ("not_paid", "stranger", "other_owner", "unsigned", "changed", "certificate_exchanged")

    def make(self, clock: Clock) -> web.Application:
        app = unionpay.make(unionpay_rig.credentials().plan(**PLAN), clock)
        self.sim = app[unionpay.SIMULATOR]
        return app

    def settings(self, base: str) -> Mapping[str, object]:
        return unionpay_rig.credentials().settings(base)

    @property
    def background(self) -> Background:
        return self.sim.background

    @property
    def troubles(self) -> Faults:
        return self.sim.faults

    def payer(self, number: int) -> PayerId | None:
        return PayerId("unionpay", unionpay_rig.credentials().mer_id, f"QRpayer{number:013d}")

    async def pay(self, number: str, handover: Mapping[str, str], payer: int, browser: ClientSession) -> None:
        order = self.sim.book.by_number(number)
        if order is None or not order.payable(self.sim.clock.now()):
            return
        fault = self.sim.faults.draw("pay", order.order_id, order.amount)
        await unionpay_orders.pay(self.sim, order, order.user_id or f"QRpayer{payer:013d}", fault)

    def code(self, number: int, behaviour: int) -> str:
        return f"62{int(self.sim.clock.now().timestamp() * 1e6):017d}"

    async def decide(self, number: str, *, entered: bool) -> None:
        order = self.sim.book.by_number(number)
        if order is not None and order.sub_type == "06" and entered and order.payable(self.sim.clock.now()):
            await unionpay_orders.pay(self.sim, order, self.sim.plan.default_user, "")

    def notices(self) -> Sequence[Any]:
        return [notice for notice in self.sim.courier.log(None) if notice.kind == "genuine"]

    async def deliver(self, notice: Any) -> None:
        if notice.url:
            await self.sim.courier.attempt(notice)

    async def forge(self, number: str, kind: str) -> None:
        order = self.sim.book.by_number(number)
        if order is not None:
            await unionpay_notices.forge(self.sim, order, kind)

    def books(self) -> Mapping[str, Taken]:
        return {
            order.order_id: Taken(
                order.amount,
                order.state is State.REVERSED,
                {each.order_id: each.amount for each in order.refunds if each.code == "00"},
            )
            for order in self.sim.book.orders()
            if order.paid_at is not None
        }


class BankApp:
    """A bank's cashier: a page of its own, and nobody known before it."""

    name = "bankapp"
    faults: Sequence[str] = (
        *("declined", "create_answer_lost", "notice_duplicate", "notice_never", "notice_late", "notice_forged"),
        *("create_500", "refund_abnormal", "paying", "paid_while_closing", "create_reset", "query_500"),
        *("answer_unsigned", "answer_forged", "query_not_found", "notice_stale", "refund_funds", "refund_answer_lost"),
        *("refund_failed", "answer_stale", "answer_replayed", "close_answer_lost", "bad_gateway", "answer_dropped"),
    )
    forgeries: Sequence[str] = ("not_paid", "stranger", "stale", "unsigned", "changed", "unknown_serial")

    def make(self, clock: Clock) -> web.Application:
        app = bankapp.make(bankapp_rig.credentials().plan(**PLAN), clock)
        self.sim = app[bankapp.SIMULATOR]
        return app

    def settings(self, base: str) -> Mapping[str, object]:
        return bankapp_rig.credentials().settings(base)

    @property
    def background(self) -> Background:
        return self.sim.background

    @property
    def troubles(self) -> Faults:
        return self.sim.faults

    def payer(self, number: int) -> PayerId | None:
        return None

    async def pay(self, number: str, handover: Mapping[str, str], payer: int, browser: ClientSession) -> None:
        payment = self.sim.book.by_token(handover["url"].rpartition("/")[2])
        if payment is not None:
            await operations.pay(self.sim, payment)

    def code(self, number: int, behaviour: int) -> str:
        return ""

    async def decide(self, number: str, *, entered: bool) -> None:
        """Nothing: this bank takes no scanned codes."""

    def notices(self) -> Sequence[Any]:
        return [notice for notice in self.sim.courier.log(None) if notice.kind == "genuine"]

    async def deliver(self, notice: Any) -> None:
        if notice.url:
            await self.sim.courier.attempt(notice)

    async def forge(self, number: str, kind: str) -> None:
        payment = self.sim.book.by_number(number)
        if payment is not None:
            await bank_notices.forge(self.sim, payment, kind)

    def books(self) -> Mapping[str, Taken]:
        return {
            payment.number: Taken(
                payment.amount,
                undone=False,
                refunds={each.number: each.amount for each in payment.refunds if each.state == "succeeded"},
            )
            for payment in self.sim.book.payments()
            if payment.paid_at is not None
        }


PLATFORMS: Final[Mapping[str, Callable[[], Platform]]] = {
    "wechatpay": WeChatPay,
    "alipay": Alipay,
    "unionpay": UnionPay,
    "bankapp": BankApp,
}
# The ways in which a page can take a payment; a gateway is driven in those that its ``can`` declares.
PAGE_WAYS: Final = (Way.JSAPI, Way.MINI, Way.NATIVE, Way.H5, Way.REDIRECT)
