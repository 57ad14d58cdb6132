"""What the conversation shows of contracts for deduction, and ends, is the customer's own alone."""

from bot.billers.catalogue import Catalogue
from bot.dialogue.deductions import ChatDeductions
from bot.payments.contracts.accounts import ContractAccounts
from tests.payments.contracts.rig import ContractWorld


async def test_only_ones_own_is_shown_and_ended(autopay: ContractWorld) -> None:
    contract = await autopay.active()
    catalogue = Catalogue(autopay.world.database, autopay.world.clock)
    world = autopay.world
    accounts = ContractAccounts(world.database, world.vault, world.clock)
    chat = ChatDeductions(autopay.world.payments.autopay, catalogue, accounts)

    [shown] = await chat.standing("cus-1")
    assert (shown.id, shown.account_mask, shown.maximum) == (contract.id, "****5678", 20_000)
    assert await chat.standing("cus-2") == []
    assert not await chat.stop(contract.id, "cus-2")
    assert not await chat.stop("ctr_none", "cus-1")

    assert await chat.stop(contract.id, "cus-1")
    assert await chat.standing("cus-1") == []
    assert (await autopay.get(contract.id)).state in ("ending", "ended")
