"""融资: receivables registered, confirmed by their debtor and only then financed; the pool of notes; repayments."""

from collections.abc import Mapping
from datetime import date
from typing import Final

from bot.cases.applications.kinds import Blank, Kind
from bot.cases.trade import financing, receivables
from bot.cases.trade.matter import Matter, Unfit
from bot.dialogue.scene import Scene
from bot.dialogue.shapes.application import APPLICATION_STEPS, APPLY_STEPS
from bot.storage.port import Reader, Tx
from bot.words.identifiers import Kind as Identifier
from handlers.industry.blanks import AMOUNT, DUE_ON, INVOICE, USCC

_DEBTOR: Final = Blank(
    key="debtor",
    label="付款企业的统一社会信用代码",
    help="18 位代码；确权由付款企业自己申请",
    identifier=Identifier.USCC,
)


async def _unregistered(reader: Reader, matter: Matter) -> Mapping[str, object]:
    await receivables.check_free(reader, matter)
    return {}


async def _free_in(tx: Tx, matter: Matter) -> None:
    await receivables.check_free(tx, matter)


async def _owed(reader: Reader, matter: Matter) -> Mapping[str, object]:
    await receivables.check_debtor(reader, matter)
    return {}


async def _owed_in(tx: Tx, matter: Matter) -> None:
    await receivables.check_debtor(tx, matter)


async def _on_receivable(reader: Reader, matter: Matter) -> Mapping[str, object]:
    limit = await financing.receivable_limit(reader, matter)
    return _estimate(matter, limit, date.fromisoformat(limit.until) if limit.until else None)


async def _on_pool(reader: Reader, matter: Matter) -> Mapping[str, object]:
    return _estimate(matter, await financing.pool_left(reader, matter), None)


def _estimate(matter: Matter, limit: financing.Limit, until: date | None) -> Mapping[str, object]:
    """Return what the money would cost, by the day or until the receivable is due; raises Unfit above the limit."""
    amount = int(matter.facts["amount"])
    if amount > limit.left:
        raise Unfit("financing_over_limit", limit=limit.left)
    days = (until - matter.today).days if until is not None else 1
    rate = f"{(matter.terms.financing_rate * 100).normalize():f}"
    cost = financing.accrued(amount, matter.terms.financing_rate, days)
    return {"sort": "financing", "limit": limit.left, "days": days, "rate": rate, "interest": cost}


REGISTRATION: Final = Kind(
    key="receivable_registration",
    scene="financing",
    name="应收账款登记",
    words=("登记",),
    blanks=(USCC, INVOICE, _DEBTOR, AMOUNT, DUE_ON),
    titled="uscc",
    amount_of="amount",
    on={"submitted": _free_in, "done": receivables.register_in},
    estimate=_unregistered,
)
CONFIRMATION: Final = Kind(
    key="receivable_confirmation",
    scene="financing",
    name="应收账款确权",
    words=("确权", "确认应付"),
    blanks=(USCC, INVOICE, AMOUNT),
    titled="uscc",
    amount_of="amount",
    on={"submitted": _owed_in, "done": receivables.confirm_in, "rejected": receivables.dispute_in},
    estimate=_owed,
)
ON_RECEIVABLE: Final = Kind(
    key="receivable_financing",
    scene="financing",
    name="应收账款融资",
    words=("应收账款融资", "用应收账款", "发票", "保理", "供应链"),
    blanks=(USCC, INVOICE, AMOUNT),
    titled="uscc",
    amount_of="amount",
    on={
        "submitted": financing.reserve_on_receivable_in,
        "done": financing.draw_in,
        "rejected": financing.release_in,
        "withdrawn": financing.release_in,
    },
    estimate=_on_receivable,
)
ON_POOL: Final = Kind(
    key="pool_financing",
    scene="financing",
    name="票据池融资",
    words=("票据池", "池融资"),
    blanks=(USCC, AMOUNT),
    titled="uscc",
    amount_of="amount",
    on={
        "submitted": financing.reserve_on_pool_in,
        "done": financing.draw_in,
        "rejected": financing.release_in,
        "withdrawn": financing.release_in,
    },
    estimate=_on_pool,
)

SCENE = Scene(
    key="financing",
    name="融资",
    shape="application",
    words=("企业贷款", "融资还款"),
    steps=APPLICATION_STEPS,
    examples=(
        ("融资还款", "pay"),
        ("还一部分融资款", "pay"),
        ("应收账款登记", "apply"),
        ("给供应商确权", "apply"),
        ("用应收账款融资", "apply"),
        ("票据池融资", "apply"),
        ("融资批下来没有", "query"),
    ),
    account_words=("借据号", "借据编号"),
    applying=APPLY_STEPS,
    kinds=(REGISTRATION, CONFIRMATION, ON_RECEIVABLE, ON_POOL),
)
