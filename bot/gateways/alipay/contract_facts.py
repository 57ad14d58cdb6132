"""What Alipay tells of an agreement for deductions, in answers and notices, as our fact."""

from collections.abc import Mapping
from typing import Final, Literal

from bot.gateways.alipay.mapping import Malformed, moment, text, word
from bot.payments.facts import ContractFact, ContractState

SIGNED: Final = "dut_user_sign"
UNSIGNED: Final = "dut_user_unsign"
# Anything that is not in this table is no fact: one that is suspended (STOP) has neither ended nor serves.
AGREEMENT_STATES: Final[Mapping[str, ContractState]] = {
    "TEMP": ContractState.SIGNING,
    "NORMAL": ContractState.ACTIVE,
    "UNSIGN": ContractState.ENDED,
}
# What the merchant ends it knows from its own call, so an ending without a name is the payer's.
_ENDED_BY: Final[Mapping[str, Literal["payer", "merchant", "vendor"]]] = {
    "USER": "payer",
    "MERCHANT": "merchant",
    "ALIPAY": "vendor",
}


def contract_fact(data: Mapping[str, object]) -> ContractFact:
    """Return the fact of an agreement; raises Malformed."""
    state = AGREEMENT_STATES.get(text(data, "status"))
    if state is None:
        raise Malformed("status")
    ended = state is ContractState.ENDED
    told = word(data, "unsign_time") if ended else word(data, "sign_time") or word(data, "valid_time")
    return ContractFact(
        out_contract_no=text(data, "external_agreement_no"),
        contract_id=text(data, "agreement_no"),
        state=state,
        plan=word(data, "sign_scene"),
        at=moment(told) if told else None,
        payer_id=word(data, "alipay_open_id") or word(data, "alipay_user_id"),
        ended_by=_ENDED_BY.get(word(data, "unsign_role"), "payer") if ended else "",
    )
