"""Plays WeChat Pay's side of its faculties for the contract tests."""

import gzip
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from bot.kernel.masking import Secret
from bot.outside.http import Answer
from bot.payments.facts import ContractState, NewCharge, RawNotice
from bot.payments.faculties import (
    ContractRef,
    NewContract,
    NewShare,
    NewShareReturn,
    PartState,
    PreNotice,
    Receiver,
    SharePart,
    ShareRef,
)
from tests.gateways.faculty_rig import PayOutcome, ReverseOutcome
from tests.gateways.wechatpay import bills, platform
from tests.gateways.wechatpay.rig import ACCOUNT, WeChatPayRig

URL = "https://api.mch.weixin.qq.com/v3/billdownload/file?token=abc%2Bdef&tartype=gzip"


class WeChatPayFaculties(WeChatPayRig):
    """See tests.gateways.faculty_rig.FacultyRig."""

    auth_code = "134567890123456789"

    def refuse(self, code: str, status: int = 403) -> None:
        """A refusal that WeChat Pay signed."""
        self.will_refuse(status, code, signed=True)

    # 资金账单 and 对账单

    def will_give_file(self, text: bytes, **changes: str) -> None:
        """Name a bill and give it, packed; changes replace what the naming says."""
        named = {"hash_type": "SHA1", "hash_value": bills.sha1(text), "download_url": URL, **changes}
        self.http.then(self.answer(named), Answer(200, {}, gzip.compress(text)))

    def will_give_flows(self, day: date) -> Sequence[tuple[str, int]]:
        self.will_give_file(bills.flow_bill(day))
        return [(kind, fen) for _, _, fen, kind in bills.MOVEMENTS]

    def will_say_no_flows(self) -> None:
        self.will_refuse(400, "NO_STATEMENT_EXIST")

    def spoiled_flows(self, day: date) -> Iterator[tuple[str, Callable[[], None]]]:
        return self._spoiled(bills.flow_bill(day), "资金流水总笔数")

    def will_say_no_statement(self) -> None:
        for _ in ("trades", "shares"):
            self.will_refuse(400, "NO_STATEMENT_EXIST")

    def spoiled_statements(self, day: date) -> Iterator[tuple[str, Callable[[], None]]]:
        return self._spoiled(bills.bill(payments=2, refunds=1, day=day)[0], "总交易单数")

    def _spoiled(self, text: bytes, summary: str) -> Iterator[tuple[str, Callable[[], None]]]:
        cut = text[: text.index(summary.encode())]
        first, second = text.index(b"\r\n`"), text.index(b"\r\n`", text.index(b"\r\n`") + 1)
        fewer = text[:first] + text[second:]
        yield "changed_on_the_way", lambda: self.will_give_file(text + b" ", hash_value=bills.sha1(text))
        yield "no_hash", lambda: self.will_give_file(text, hash_value="")
        yield "cut_short", lambda: self.will_give_file(cut)
        yield "a_line_less", lambda: self.will_give_file(fewer)
        yield "not_ready", lambda: self.will_refuse(400, "STATEMENT_CREATING")

    # 付款码

    def will_pay_code(self, charge: NewCharge, outcome: PayOutcome, paid_at: datetime) -> None:
        match outcome:
            case PayOutcome.PAID:
                self.will_say(charge, "SUCCESS", paid_at=paid_at, trade_type="MICROPAY")
            case PayOutcome.WAITING:
                self.will_say(charge, "USERPAYING")
            case PayOutcome.DECLINED:
                self.refuse("AUTH_CODE_INVALID", 400)
            case PayOutcome.TROUBLE:
                self.refuse("BANKERROR", 400)

    def reversal(self, charge: NewCharge, **changes: Any) -> dict[str, Any]:
        """What a reversal that was taken in answers."""
        return {"appid": platform.OFFICIAL, "mchid": platform.MCHID, "out_trade_no": charge.out_trade_no, **changes}

    def will_reverse(self, charge: NewCharge, outcome: ReverseOutcome) -> None:
        match outcome:
            case ReverseOutcome.CLOSED:
                self.http.then(self.answer(self.reversal(charge)))
                self.will_say(charge, "REVOKED")
            case ReverseOutcome.WENT_BACK:
                self.http.then(self.answer(self.reversal(charge)))
                self.will_say(charge, "REVOKED", success_time=(platform.NOW - timedelta(minutes=1)).isoformat())
            case ReverseOutcome.AGAIN:
                self.http.then(self.answer(self.reversal(charge, recall="Y")))
            case ReverseOutcome.PAYING:
                self.refuse("USERPAYING", 400)
            case ReverseOutcome.TROUBLE:
                self.refuse("SYSTEM_ERROR", 500)
            case ReverseOutcome.OVER:
                self.refuse("REVERSE_EXPIRE", 400)

    # 分账

    def person(self) -> Receiver:
        return Receiver("person", "oHeadOfTheBranch00000000001a", platform.OFFICIAL, Secret("诸葛孔明"), "STORE_OWNER")

    def new_share(self) -> NewShare:
        return NewShare(
            out_order_no="S20261124000000000000000001",
            out_trade_no="T20261124000000000000000001",
            transaction_id="4200001900202611240000000001",
            account=ACCOUNT,
            parts=(
                SharePart(Receiver("merchant", "1900000777", relation="PARTNER"), 1_000, "物业分成"),
                SharePart(self.person(), 234, "门店分成"),
            ),
            finish=False,
            description="11月分成",
        )

    def share_ref(self) -> ShareRef:
        share = self.new_share()
        return ShareRef(share.out_order_no, share.out_trade_no, share.transaction_id, share.account)

    def new_return(self) -> NewShareReturn:
        share = self.new_share()
        first = share.parts[0]
        return NewShareReturn(
            out_return_no="B20261124000000000000000001",
            out_order_no=share.out_order_no,
            out_trade_no=share.out_trade_no,
            account=ACCOUNT,
            receiver=first.receiver,
            amount=300,
            description="退款前收回",
        )

    def will_add_receiver(self) -> None:
        self.http.then(self.answer({"type": "PERSONAL_OPENID", "account": self.person().number}))

    def shared(self, states: Sequence[PartState], **changes: Any) -> dict[str, Any]:
        """What a share's answer says, its parts in these states."""
        share = self.new_share()
        parts = [told_part(part, state) for part, state in zip(share.parts, states, strict=True)]
        return {
            "transaction_id": share.transaction_id,
            "out_order_no": share.out_order_no,
            "order_id": "3008450740201411110007820472",
            "state": "PROCESSING" if PartState.PENDING in states else "FINISHED",
            "receivers": parts,
            **changes,
        }

    def will_share(self, states: Sequence[PartState]) -> None:
        self.http.then(self.answer(self.shared(states)))

    def will_unfreeze(self) -> None:
        own = SharePart(Receiver("merchant", platform.MCHID), 11_111, "解冻给分账方")
        parts = [told_part(own, PartState.SUCCEEDED)]
        self.http.then(self.answer({**self.shared((PartState.SUCCEEDED,) * 2), "receivers": parts}))

    def returned(self, state: PartState, **changes: Any) -> dict[str, Any]:
        back = self.new_return()
        word = {"pending": "PROCESSING", "succeeded": "SUCCESS", "failed": "FAILED"}[state]
        return {
            "order_id": "3008450740201411110007820472",
            "out_order_no": back.out_order_no,
            "out_return_no": back.out_return_no,
            "return_id": "3008450740201411110007820473",
            "return_mchid": back.receiver.number,
            "amount": back.amount,
            "description": back.description,
            "result": word,
            **({"fail_reason": "BALANCE_NOT_ENOUGH"} if state is PartState.FAILED else {}),
            **changes,
        }

    def will_take_back(self, state: PartState) -> None:
        self.http.then(self.answer(self.returned(state)))

    def will_refuse_share(self) -> None:
        self.refuse("NO_AUTH")

    def will_say_share_missing(self) -> None:
        self.will_refuse(404, "RESOURCE_NOT_EXISTS")

    # 委托代扣

    deduct_outcomes = frozenset({PayOutcome.WAITING, PayOutcome.DECLINED, PayOutcome.TROUBLE})

    def new_contract(self) -> NewContract:
        return NewContract(
            out_contract_no="C20261124000000000001",
            account=ACCOUNT,
            plan="12535",
            shown="阳光花园 3栋201",
            maximum=50_000,
            period_days=30,
            created_at=self.clock.now(),
            notify_url="https://pay.example.com/notify/wechatpay/main",
            payer_id="oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
            payer_app=platform.OFFICIAL,
        )

    def contract_ref(self) -> ContractRef:
        return ContractRef("C20261124000000000001", ACCOUNT, "12535", "202611249999999999")

    def pre_notice(self) -> PreNotice:
        return PreNotice(self.contract_ref(), 12_345, date(2026, 11, 26))

    def contracted(self, state: ContractState, **changes: Any) -> dict[str, Any]:
        """A contract as query, end and notice tell it."""
        ended = {
            "contract_terminate_info": {
                "contract_termination_mode": "USER_TERMINATE",
                "contract_terminated_time": "2026-11-24T03:30:00+08:00",
            }
        }
        return {
            "mchid": platform.MCHID,
            "appid": platform.OFFICIAL,
            "contract_id": "202611249999999999",
            "plan_id": 12535,
            "out_contract_code": "C20261124000000000001",
            "contract_display_account": "阳光花园 3栋201",
            "contract_state": {ContractState.ACTIVE: "SIGNED", ContractState.ENDED: "TERMINATED"}[state],
            "contract_signed_time": "2026-11-01T10:00:00+08:00",
            "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
            **(ended if state is ContractState.ENDED else {}),
            **changes,
        }

    def will_sign(self) -> None:
        self.http.then(self.answer({"redirect_url": "https://payapp.weixin.qq.com/papay/sign?id=1"}))

    def will_tell_contract(self, state: ContractState) -> None:
        self.http.then(self.answer(self.contracted(state)))

    def will_say_contract_missing(self) -> None:
        self.will_refuse(404, "RESOURCE_NOT_EXISTS")

    def will_announce(self) -> None:
        self.http.then(self.answer(None, 204))

    def will_deduct(self, charge: NewCharge, outcome: PayOutcome, paid_at: datetime) -> None:
        match outcome:
            case PayOutcome.WAITING:
                taken = {"out_trade_no": charge.out_trade_no, "amount": {"total": charge.amount, "currency": "CNY"}}
                self.http.then(self.answer(taken))
            case PayOutcome.DECLINED:
                self.refuse("NOT_ENOUGH")
            case _:
                self.refuse("SYSTEM_ERROR", 500)

    def will_terminate(self) -> None:
        mode = {
            "contract_termination_mode": "MCH_API_TERMINATE",
            "contract_terminated_time": "2026-11-24T04:00:00+08:00",
        }
        self.http.then(self.answer(self.contracted(ContractState.ENDED, contract_terminate_info=mode)))

    def will_refuse_contract(self) -> None:
        self.refuse("NO_AUTH")

    def contract_notice(self, state: ContractState) -> RawNotice:
        kind = "ENTRUST.SIGN" if state is ContractState.ACTIVE else "ENTRUST.TERMINATE"
        return self.notice(platform.encoded(platform.envelope(kind, "entrust", self.contracted(state))))


def told_part(part: SharePart, state: PartState) -> dict[str, Any]:
    """One receiver of a share's answer."""
    word = {"pending": "PENDING", "succeeded": "SUCCESS", "failed": "CLOSED"}[state]
    return {
        "type": "MERCHANT_ID" if part.receiver.kind == "merchant" else "PERSONAL_OPENID",
        "account": part.receiver.number,
        "amount": part.amount,
        "description": part.description,
        "result": word,
        "detail_id": "36011111111111111111111",
        "create_time": platform.NOW.isoformat(),
        "finish_time": platform.NOW.isoformat(),
        **({"fail_reason": "NO_RELATION"} if state is PartState.FAILED else {}),
    }


def make() -> WeChatPayFaculties:
    """The rig of the contract tests of faculties."""
    return WeChatPayFaculties()
