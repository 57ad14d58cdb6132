"""The platform's own records of 委托代扣 contracts, before and after the payer signs them."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from bot.simulators.wechatpay.book import wire_time


@dataclass(slots=True)
class Contract:
    """One contract; before it is signed it is only a session that nobody can query."""

    mchid: str
    appid: str
    plan_id: int
    out_contract_code: str
    shown: str
    notify_url: str
    openid: str
    until: datetime
    sub_mchid: str = ""
    sub_appid: str = ""
    contract_id: str = ""
    session: str = ""
    signed_at: datetime | None = None
    ended_at: datetime | None = None
    ended_by: str = ""
    remark: str = ""
    noticed: tuple[date, date, int] | None = None  # First and last day of the deduction, and at most how much (fen).

    def describe(self) -> dict[str, Any]:
        """The contract as query, end and notice tell it."""
        facts: dict[str, Any] = {
            **self.whose(),
            "contract_id": self.contract_id,
            "plan_id": self.plan_id,
            "out_contract_code": self.out_contract_code,
            "contract_display_account": self.shown,
            "contract_state": "TERMINATED" if self.ended_at else "SIGNED",
            **self._payer(),
        }
        if self.signed_at:
            facts["contract_signed_time"] = wire_time(self.signed_at)
        if self.ended_at:
            facts["contract_terminate_info"] = {
                "contract_termination_mode": self.ended_by,
                "contract_terminated_time": wire_time(self.ended_at),
                "contract_termination_remark": self.remark,
            }
        return facts

    def whose(self) -> dict[str, str]:
        if not self.sub_mchid:
            return {"mchid": self.mchid, "appid": self.appid}
        sub = {"sub_appid": self.sub_appid} if self.sub_appid else {}
        return {"sp_mchid": self.mchid, "sp_appid": self.appid, "sub_mchid": self.sub_mchid, **sub}

    def _payer(self) -> dict[str, str]:
        if not self.sub_mchid:
            return {"openid": self.openid}
        return {"sub_openid" if self.sub_appid else "sp_openid": self.openid}


class Contracts:
    """All contracts and sessions of one platform, in memory."""

    def __init__(self) -> None:
        self._by_code: dict[tuple[str, str], Contract] = {}

    def put(self, contract: Contract) -> None:
        self._by_code[(contract.mchid, contract.out_contract_code)] = contract

    def by_code(self, mchid: str, code: str) -> Contract | None:
        return self._by_code.get((mchid, code))

    def by_id(self, mchid: str, contract_id: str) -> Contract | None:
        every = (entry for entry in self._by_code.values() if entry.mchid == mchid and contract_id)
        return next((entry for entry in every if entry.contract_id == contract_id), None)

    def any_with(self, code: str) -> Contract | None:
        """The contract with this code at any merchant, for the control interface."""
        return next((entry for entry in self._by_code.values() if entry.out_contract_code == code), None)
