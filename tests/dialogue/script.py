"""Reads and plays the conversations of ``conversations/*.txt``, which a product manager can read and write.

A file begins with ``#`` and one sentence that says what it shows. Then, line by line:

``with: …``          something is otherwise than usual (the names stand in ``town.CHANGES``)
``> words``          the customer says this; ``老王> words`` is another customer
``< words``          the answer contains this
``<- words``         the answer does not contain this
``! happening``      something happens; the happenings stand in ``HAPPENINGS`` below
``= check``          something is true now; the checks stand in ``CHECKS`` below
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from bot.billers.hosted import ACCOUNT
from bot.billers.port import BillQuery, Found, Line, Quote
from bot.dialogue.event import Followed, Happening, Left, Noted, Pictured, Placed, Pressed, Said, Scanned
from bot.kernel.clock import ManualClock
from bot.payments.gatekeeper import Placing
from bot.payments.values import Order
from tests.dialogue import script_after
from tests.dialogue.town import CODE, ROOMS, Town, cheaper, words

FOLDER = Path(__file__).parent / "conversations"
CUSTOMER = "小陈"
_SAYS = re.compile(r"(?P<who>\S*?)>\s?(?P<text>.*)")


@dataclass
class Script:
    """One conversation: what it shows, what is otherwise than usual, and its lines with their numbers."""

    path: Path
    shows: str
    changes: tuple[str, ...]
    lines: tuple[tuple[int, str], ...]


@dataclass
class Play:
    """A conversation under way; ``answer`` is the last one."""

    town: Town
    answer: str = ""
    spoken: list[str] = field(default_factory=list)


def read(path: Path) -> Script:
    """Read a file; raises ValueError for a line that is none of the forms."""
    lines = [(number, line.rstrip()) for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)]
    body = [(number, line) for number, line in lines if line.strip()]
    if not body or not body[0][1].startswith("# "):
        raise ValueError(f"{path.name} does not begin with '# ' and what it shows")
    changes = tuple(line.removeprefix("with:").strip() for _, line in body if line.startswith("with:"))
    rest = tuple((n, line) for n, line in body[1:] if not line.startswith(("with:", "#")))
    for number, line in rest:
        if not line.startswith(("< ", "<- ", "! ", "= ")) and not _SAYS.fullmatch(line):
            raise ValueError(f"{path.name}:{number}: {line!r} is no line of a conversation")
    return Script(path, body[0][1].removeprefix("# "), changes, rest)


def scripts() -> list[Script]:
    return [read(path) for path in sorted(FOLDER.glob("*.txt"))]


async def play(script: Script, town: Town) -> Play:
    """Play a conversation; an AssertionError names the line at which it went another way."""
    under_way = Play(town)
    for number, line in script.lines:
        where = f"{script.path.name}:{number}: {line}\n--- the answer was ---\n"
        try:
            await _line(under_way, line)
        except AssertionError as wrong:
            raise AssertionError(f"{where}{under_way.answer}\n---\n{wrong}") from wrong
    return under_way


async def _line(under_way: Play, line: str) -> None:
    if line.startswith("< "):
        assert line[2:].strip() in under_way.answer, "the answer should contain this"
    elif line.startswith("<- "):
        assert line[3:].strip() not in under_way.answer, "the answer should not contain this"
    elif line.startswith("! "):
        await _table(HAPPENINGS, line[2:], under_way)
    elif line.startswith("= "):
        await _table(CHECKS, line[2:], under_way)
    else:
        said = _SAYS.fullmatch(line)
        assert said is not None
        under_way.answer = await under_way.town.say(said["text"], said["who"] or CUSTOMER)
        under_way.spoken.append(under_way.answer)


Doer = Callable[..., Awaitable[None]]


async def _table(table: dict[str, Doer], text: str, under_way: Play) -> None:
    for pattern, doer in table.items():
        match = re.fullmatch(pattern, text)
        if match is not None:
            await doer(under_way, **match.groupdict())
            return
    raise AssertionError(f"nothing in the table is called {text!r}")


# --- what can happen -------------------------------------------------------------------------------------------------


async def _pass(under_way: Play, minutes: str) -> None:
    clock = under_way.town.clock
    assert isinstance(clock, ManualClock)
    clock.advance(60.0 * int(minutes))


def _event(make: Callable[..., Happening]) -> Doer:
    async def happen(under_way: Play, **values: str) -> None:
        under_way.answer = words(await under_way.town.tell(make(**values), CUSTOMER))
        under_way.spoken.append(under_way.answer)

    return happen


async def _company(under_way: Play, what: str) -> None:
    under_way.town.power.silent = what == "does not answer"


async def _bill_changes(under_way: Play, number: str, yuan: str) -> None:
    fen = int(yuan.replace(".", ""))
    changed = await under_way.town.execute("UPDATE bills SET amount = $2 WHERE bill_no = $1", number, fen)
    meters = under_way.town.power.meters
    for meter, bills in meters.items():
        changed += sum(bill.bill_no == number for bill in bills)
        meters[meter] = [cheaper(bill, fen) if bill.bill_no == number else bill for bill in bills]
    assert changed == 1


async def _bill_goes(under_way: Play, number: str) -> None:
    gone = await under_way.town.execute("UPDATE bills SET state = 'withdrawn' WHERE bill_no = $1", number)
    meters = under_way.town.power.meters
    for meter, bills in meters.items():
        gone += sum(bill.bill_no == number for bill in bills)
        meters[meter] = [bill for bill in bills if bill.bill_no != number]
    assert gone == 1


async def _other_pays(under_way: Play, number: str) -> None:
    """Let a customer of another channel take a bill into an order."""
    town = under_way.town
    row = await town.database.row("SELECT account_sealed FROM bills WHERE bill_no = $1", number)
    assert row is not None
    account = town.vault.open(row["account_sealed"], ACCOUNT)
    fields = {"owner": ROOMS[account][0]}
    biller = await town.billers.biller("itm_fee")
    found = await biller.find(BillQuery("itm_fee", account, fields))
    assert isinstance(found, Found)
    bill = next(bill for bill in found.bills if bill.bill_no == number)
    line = Line("itm_fee", bill.total, "物业费", account, found.account_mask, bill, bill.period, fields)
    quote = await biller.quote([line], town.clock.now())
    assert isinstance(quote, Quote), quote
    placed = await town.orders.place(quote, Placing("mini", "trc_other", customer_id="cus_other"))
    assert isinstance(placed, Order), placed


async def _paid(under_way: Play) -> None:
    await under_way.town.pay_last()


async def _pauses(under_way: Play, item: str) -> None:
    found = await under_way.town.catalogue.item(item)
    await under_way.town.put(found.model_copy(update={"state": "paused"}))


async def _removed(under_way: Play, item: str) -> None:
    town = under_way.town
    await town.execute("DELETE FROM saved_accounts WHERE item_id = $1", item)
    await town.execute("DELETE FROM bills WHERE item_id = $1", item)
    await town.execute("DELETE FROM bill_items WHERE id = $1", item)
    town.catalogue.forget()


async def _code_stops(under_way: Play) -> None:
    await under_way.town.execute("UPDATE code_tokens SET state = 'paused' WHERE token = $1", CODE)


HAPPENINGS: dict[str, Doer] = {
    r"(?P<minutes>\d+) minutes? pass": _pass,
    r"the customer presses (?P<key>\S*)": _event(Pressed),
    r"the customer follows": _event(Followed),
    r"the customer leaves": _event(Left),
    r"the customer scans the code of 中山路店": _event(lambda: Scanned(f"q_{CODE}")),
    r"the customer scans (?P<scene>\S+)": _event(Scanned),
    r"a newcomer scans (?P<scene>\S+)": _event(lambda scene: Scanned(scene, first=True)),
    r"the customer says by voice (?P<text>.*)": _event(lambda text: Said(text, "voice")),
    r"the customer speaks and nothing is recognised": _event(lambda: Said("", "voice")),
    r"the customer sends a picture": _event(lambda: Pictured("media", "https://example.com/x.jpg")),
    r"the customer sends a place": _event(lambda: Placed("22.5", "114.1", asked=True)),
    r"the phone reports a place": _event(lambda: Placed("22.5", "114.1", asked=False)),
    r"the customer sends a video": _event(lambda: Said("")),
    r"the platform reports a sent message": _event(lambda: Noted("template_finished", {})),
    r"the power company (?P<what>does not answer|answers again)": _company,
    r"the bill (?P<number>\S+) changes to (?P<yuan>\d+\.\d\d)": _bill_changes,
    r"the bill (?P<number>\S+) is withdrawn": _bill_goes,
    r"somebody else is paying the bill (?P<number>\S+)": _other_pays,
    r"the payment arrives": _paid,
    r"the item (?P<item>\S+) is paused": _pauses,
    r"the item (?P<item>\S+) is removed": _removed,
    r"the code of 中山路店 is stopped": _code_stops,
    **script_after.HAPPENINGS,
}

# --- what can be checked ---------------------------------------------------------------------------------------------


async def _orders(under_way: Play, count: str, state: str) -> None:
    states = {"waiting": "created", "paid": "paid", "closed": "closed"}
    found = await under_way.town.order_count(states[state])
    assert found == int(count), f"there are {found}"


async def _amount(under_way: Play, yuan: str) -> None:
    found = (await under_way.town.last_order()).amount
    assert found == int(yuan.replace(".", "")), f"it is {found} fen"


async def _lines(under_way: Play, titles: str) -> None:
    found = [line.title for line in (await under_way.town.last_order()).lines]
    assert found == titles.split(", "), f"they are {found}"


async def _silence(under_way: Play) -> None:
    assert under_way.answer == "", "the answer should be silence"


async def _cases(under_way: Play, count: str) -> None:
    found = await under_way.town.count("SELECT count(*) AS n FROM outbox WHERE kind = 'case'")
    assert found == int(count), f"there are {found}"


async def _applications(under_way: Play, count: str) -> None:
    found = await under_way.town.count("SELECT count(*) AS n FROM applications WHERE state <> 'draft'")
    assert found == int(count), f"there are {found}"


async def _saved(under_way: Play, count: str) -> None:
    found = await under_way.town.count("SELECT count(*) AS n FROM saved_accounts")
    assert found == int(count), f"there are {found}"


async def _asked(under_way: Play, count: str) -> None:
    assert len(under_way.town.power.asked) == int(count), f"it was asked {len(under_way.town.power.asked)} times"


CHECKS: dict[str, Doer] = {
    r"(?P<count>\d+) orders? (?P<state>waiting|paid|closed)": _orders,
    r"the order is for (?P<yuan>\d+\.\d\d)": _amount,
    r"the order pays (?P<titles>.+)": _lines,
    r"silence": _silence,
    r"(?P<count>\d+) cases?": _cases,
    r"(?P<count>\d+) saved accounts?": _saved,
    r"(?P<count>\d+) applications?": _applications,
    r"the power company was asked (?P<count>\d+) times?": _asked,
    **script_after.CHECKS,
}
