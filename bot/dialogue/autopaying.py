"""Bills that pay themselves: what may be deducted is shown first, agreed to by number, and signed in the wallet."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from bot.billers.port import Refusal
from bot.customers.accounts import SavedAccount
from bot.dialogue import cues
from bot.dialogue.acts import Act, Understanding
from bot.dialogue.nicknames import said_in
from bot.dialogue.offers import Offers
from bot.dialogue.steps import Option
from bot.dialogue.turn import Turn
from bot.dialogue.wishes import Choice

_AUTOPAY: Final = re.compile(
    r"自动(?:帮我|给我)?(?:扣|缴|交|付|充|续)|代扣|委托扣|免密|autopay|auto ?pay|direct debit|automatic payment"
)
_ASKS: Final = re.compile(r"吗|哪些|有没有|开了|什么|为什么|查|看|\?|？")
_MAY_MEAN: Final = frozenset(
    {Act.AUTOPAY, Act.PAY, Act.BIND, Act.APPLY, Act.OOS, Act.HELP, Act.CANCEL, Act.DENY, Act.QUERY}
)
_WALLETS: Final = {"wechatpay": "微信支付", "alipay": "支付宝", "unionpay": "云闪付"}
_MOST: Final = 8


class Autopaying:
    """Holds no state; ``standing`` shows or ends what there is.

    Contracts stand in the payment rooms, which alone decide what is ever deducted.
    """

    def __init__(self, offers: Offers, standing: Callable[[Turn, Understanding, str], Awaitable[None]]) -> None:
        self._offers = offers
        self._standing = standing
        self.choices: Mapping[str, Choice] = {"autopay": self.choose, "sign": self.sign}

    async def take(self, turn: Turn, text: str, simple: str, meant: Understanding) -> bool:
        """Take 开通自动缴费, and have what stands shown or ended where that is asked for."""
        if meant.act is not Act.AUTOPAY and _AUTOPAY.search(simple) is None:
            return False
        if meant.act not in _MAY_MEAN:
            return False
        stops = cues.STOP.search(simple) is not None
        asks = _ASKS.search(simple) and await turn.context.deductions.standing(turn.context.customer_id)
        if stops or asks:
            await self._standing(turn, Understanding(Act.AUTOPAY, None, 1.0), simple)
            return True
        await self._begin(turn, simple, meant)
        return True

    async def _begin(self, turn: Turn, simple: str, meant: Understanding) -> None:
        scene = meant.scene or self._offers.scene_in(simple) or (turn.frame.scene if turn.frame else None)
        saved = await turn.context.saved.of(turn.context.customer_id, scene)
        named: Sequence[SavedAccount] = said_in(simple, saved) or saved
        if not named:
            turn.say("autopay_need_account", {"scene": self._offers.name(scene) if scene else ""})
        elif len(named) == 1:
            await self._offer(turn, named[0])
        else:
            options = [Option(f"autopay:{account.id}", self._label(turn, account)) for account in named[:_MOST]]
            self._offers.put(turn, "autopay_which", options, {})

    async def choose(self, turn: Turn, saved_id: str) -> None:
        """Show what can be agreed for the chosen account."""
        account = await self._own(turn, saved_id)
        if account is None:
            turn.say("nothing_saved")
        else:
            await self._offer(turn, account)

    async def _offer(self, turn: Turn, account: SavedAccount) -> None:
        """Show cap, period and notice of each plan; where there is none, a reminder and the way to pay by hand."""
        plans = await turn.context.deductions.offers(account.item_id)
        label = self._label(turn, account)
        remind = Option("remind:", "remind_me")
        if not plans:
            options = [remind, Option(f"saved:{account.id}", "pay_now")]
            self._offers.put(turn, "autopay_no_plan", options, {"account": label})
            return
        options = [
            Option(f"sign:{plan.gateway}:{account.id}", _WALLETS.get(plan.gateway, plan.gateway)) for plan in plans
        ]
        terms = [{"wallet": option.label, "plan": plan} for option, plan in zip(options, plans, strict=True)]
        self._offers.put(turn, "autopay_offer", [*options, remind], {"account": label, "terms": terms})

    async def sign(self, turn: Turn, which: str) -> None:
        """Begin the contract that was agreed to; it stands when the wallet says that its owner has signed."""
        gateway, _, saved_id = which.partition(":")
        account = await self._own(turn, saved_id)
        if account is None:
            turn.say("nothing_saved")
            return
        context = turn.context
        answer = await context.deductions.sign(
            context.customer_id,
            account,
            gateway=gateway,
            channel=context.channel,
            told_at=context.account,
            trace_id=context.trace_id,
        )
        if isinstance(answer, Refusal):
            signed = answer.code == "autopay_signed"
            turn.say("autopay_already" if signed else "autopay_declined", {"account": self._label(turn, account)})
        elif answer is None:
            turn.say("autopay_later")
        else:
            turn.say("autopay_sign", {"url": answer, "account": self._label(turn, account)})

    async def _own(self, turn: Turn, saved_id: str) -> SavedAccount | None:
        saved = await turn.context.saved.of(turn.context.customer_id)
        return next((account for account in saved if account.id == saved_id), None)

    def _label(self, turn: Turn, account: SavedAccount) -> str:
        turn.personal.add(account.nickname)
        return " ".join(filter(None, (account.nickname, self._offers.name(account.scene), account.account_mask)))
