"""The sweeping rounds take a bounded number, work on few at a time, and one that fails spoils no other."""

import asyncio

from bot.kernel.errors import GatewayTrouble
from bot.workers.sweep import sweep_rounds


class Sweeper:
    """Hands out ids in the order of a queue, and counts."""

    def __init__(self, due: int) -> None:
        self.due = [str(number) for number in range(due)]
        self.asked: list[int] = []
        self.swept: list[str] = []
        self.at_once = self.most = 0

    async def due_charges(self, limit: int) -> list[str]:
        self.asked.append(limit)
        taken, self.due = self.due[:limit], self.due[limit:]
        return taken

    due_refunds = due_charges

    async def sweep_charge(self, id_: str) -> None:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if id_ == "3":
            raise GatewayTrouble("timeout")
        self.swept.append(id_)

    sweep_refund = sweep_charge

    async def expire_orders(self, limit: int) -> int:
        self.asked.append(limit)
        return 0


async def test_rounds_are_bounded() -> None:
    sweeper = Sweeper(120)
    rounds = {each.name: each for each in sweep_rounds(sweeper)}  # type: ignore[arg-type]
    found = [await rounds["charges"].work() for _ in range(3)]

    assert found == [50, 50, 20]
    assert rounds["charges"].full == 50 and sweeper.most <= 8
    assert len(sweeper.swept) == 119
    assert await rounds["refunds"].work() == await rounds["orders"].work() == 0
    assert set(sweeper.asked) == {50}
