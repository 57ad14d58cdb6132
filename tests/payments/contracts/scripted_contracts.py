"""The faculty of contracts for the scripted gateway: payers who sign and end, deductions that get lost or wait."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from bot.payments.facts import (
    ContractFact,
    ContractState,
    Created,
    Declined,
    Missing,
    NewCharge,
    Paid,
    Unknown,
    Waiting,
)
from bot.payments.faculties import ContractRef, NewContract, PreNotice
from tests.payments.scripted_gateway import ScriptedGateway, UpstreamCharge


@dataclass(slots=True)
class ScriptedContracts:
    """Implements ``Contracts`` over a ``ScriptedGateway``; scripts are keyed by the methods' names."""

    gateway: ScriptedGateway
    requests: list[NewContract] = field(default_factory=list)
    contracts: dict[str, ContractFact] = field(default_factory=dict)
    told: list[PreNotice] = field(default_factory=list)
    asked: list[NewCharge] = field(default_factory=list)
    notice_days: int = 1
    # What a deduction does: pays at once, or is taken in and paid later by hand.
    pays: bool = True

    def sign_as_payer(self, number: str, at: datetime | None = None) -> ContractFact:
        """The payer signs in the wallet."""
        return self._set(number, ContractState.ACTIVE, at)

    def end_as_payer(self, number: str, at: datetime | None = None) -> ContractFact:
        """The payer ends it in the wallet."""
        return self._set(number, ContractState.ENDED, at, "payer")

    def _set(
        self,
        number: str,
        state: ContractState,
        at: datetime | None,
        by: Literal["", "payer", "merchant", "vendor"] = "",
    ) -> ContractFact:
        plan = next(request.plan for request in self.requests if request.out_contract_no == number)
        fact = ContractFact(number, f"2026{number}", state, plan, at or self.gateway.clock.now(), "openid-1", by)
        self.contracts[number] = fact
        return fact

    def pay(self, out_trade_no: str) -> None:
        """A deduction that was taken in is carried out."""
        self.gateway.pay(out_trade_no)

    @property
    def taken(self) -> int:
        """What was deducted in all, in fen."""
        numbers = {charge.out_trade_no for charge in self.asked}
        charges = [self.gateway.charges[number] for number in numbers if number in self.gateway.charges]
        return sum(charge.fact.amount for charge in charges if charge.fact is not None)

    async def sign(self, contract: NewContract) -> Created | Declined | Unknown:
        self.requests.append(contract)
        answer: Created | Declined | Unknown = await self._call(
            "sign", contract.out_contract_no, lambda: Created({"url": contract.out_contract_no})
        )
        return answer

    async def contract_query(self, contract: ContractRef) -> ContractFact | Missing | Unknown:
        known = self.contracts.get(contract.out_contract_no)
        answer: ContractFact | Missing | Unknown = await self._call(
            "contract_query", contract.out_contract_no, lambda: known or Missing()
        )
        return answer

    async def announce(self, notice: PreNotice) -> Mapping[str, str] | Declined | Unknown:
        self.told.append(notice)
        answer: Mapping[str, str] | Declined | Unknown = await self._call(
            "announce", notice.contract.out_contract_no, dict
        )
        return answer

    async def deduct(self, charge: NewCharge, contract: ContractRef) -> Paid | Waiting | Declined | Unknown:
        self.asked.append(charge)
        answer: Paid | Waiting | Declined | Unknown = await self._call(
            "deduct", charge.out_trade_no, lambda: self._deduct(charge, contract)
        )
        return answer

    def _deduct(self, charge: NewCharge, contract: ContractRef) -> Paid | Waiting | Declined:
        fact = self.contracts.get(contract.out_contract_no)
        if fact is None or fact.state is not ContractState.ACTIVE or contract.contract_id != fact.contract_id:
            return Declined("contract")
        known = self.gateway.charges.setdefault(charge.out_trade_no, UpstreamCharge(charge))
        if known.request != charge:
            return Declined("other_inputs")
        return Paid(self.gateway.pay(charge.out_trade_no)) if self.pays else Waiting("ACCEPTED")

    async def terminate(self, contract: ContractRef, reason: str) -> ContractFact | Declined | Unknown:
        answer: ContractFact | Declined | Unknown = await self._call(
            "terminate", contract.out_contract_no, lambda: self._terminate(contract)
        )
        return answer

    def _terminate(self, contract: ContractRef) -> ContractFact:
        return self._set(contract.out_contract_no, ContractState.ENDED, None, "merchant")

    async def _call(self, call: Any, number: str, carry_out: Any) -> Any:
        return await self.gateway._call(call, number, carry_out)
