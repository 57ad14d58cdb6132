"""Plays the files of ``scenes/``: each scene's five kinds of business, as a customer writes them, through the webhook.

A file begins with ``#`` and one sentence. Its sections begin with ``##`` and the name of one of ``SECTIONS``; one
customer goes through them from top to bottom. The lines of a section:

``> words``       the customer writes this
``< words``       the answer contains this
``<- words``      the answer does not contain this
``! happening``   something happens; the happenings stand in ``HAPPENINGS`` below
``= check``       something is true now; the checks stand in ``CHECKS`` below
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.e2e.desk_play import decide
from tests.e2e.driver import link_in
from tests.e2e.leaping import City, Purchase

FOLDER: Final = Path(__file__).parent / "scenes"
# What every scene must show (issue 4): a question, a payment, a part of it or a preset, its receipt, an exception.
SECTIONS: Final = ("query", "pay", "part", "receipt", "exception")


@dataclass
class Visit:
    """A customer's way through a file; ``answer`` is what was said last, ``bought`` the order paid last."""

    city: City
    openid: str
    answer: str = ""
    bought: Purchase | None = None
    people: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SceneFile:
    path: Path
    shows: str
    lines: tuple[tuple[int, str], ...]

    @property
    def sections(self) -> tuple[str, ...]:
        return tuple(line[3:] for _, line in self.lines if line.startswith("## "))


def read(path: Path) -> SceneFile:
    """Read a file; raises ValueError for a line that is none of the forms."""
    lines = [(number, line.rstrip()) for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)]
    body = [(number, line) for number, line in lines if line]
    if not body or not body[0][1].startswith("# "):
        raise ValueError(f"{path.name} does not begin with '# ' and what it shows")
    for number, line in body[1:]:
        if not line.startswith(("> ", "< ", "<- ", "! ", "= ", "## ")):
            raise ValueError(f"{path.name}:{number}: {line!r} is no line of a scene")
    return SceneFile(path, body[0][1][2:], tuple(body[1:]))


def scene_files() -> list[SceneFile]:
    return [read(path) for path in sorted(FOLDER.glob("*.txt"))]


async def play(file: SceneFile, city: City) -> None:
    """Play a file as a customer of its own; an AssertionError names the line at which it went another way."""
    visit = Visit(city, await city.person())
    for number, line in file.lines:
        try:
            await _line(visit, line)
        except AssertionError as wrong:
            where = f"{file.path.name}:{number}: {line}\n--- the answer was ---\n{visit.answer}\n---"
            raise AssertionError(f"{where}\n{wrong}") from wrong


async def _line(visit: Visit, line: str) -> None:
    if line.startswith("> "):
        visit.answer = await visit.city.town.say(line[2:], visit.openid)
    elif line.startswith("< "):
        assert line[2:] in visit.answer, "the answer should contain this"
    elif line.startswith("<- "):
        assert line[3:] not in visit.answer, "the answer should not contain this"
    elif line.startswith("! "):
        await _table(HAPPENINGS, line[2:], visit)
    elif line.startswith("= "):
        await _table(CHECKS, line[2:], visit)


Doer = Callable[..., Awaitable[None]]


async def _table(table: dict[str, Doer], text: str, visit: Visit) -> None:
    for pattern, doer in table.items():
        match = re.fullmatch(pattern, text)
        if match is not None:
            await doer(visit, **match.groupdict())
            return
    raise AssertionError(f"nothing in the table is called {text!r}")


# --- what can happen -------------------------------------------------------------------------------------------------


async def _pays(visit: Visit) -> None:
    """Open the link of the last answer in WeChat, pay, and wait for the biller and for the receipt in the chat."""
    url = link_in(visit.answer)
    city = visit.city
    purchase = await city.paid(await city.open(Purchase(url, url.rsplit("/", 1)[1], visit.openid)))
    known = len(await city.town.messages(visit.openid))

    async def settled() -> bool:
        return await city.is_settled(purchase)

    async def told() -> str:
        said = (await city.town.messages(visit.openid))[known:]
        return next((text for text in said if "付款成功" in text), "")

    await city.leaps(settled)
    visit.answer = await city.town.until(told)
    visit.bought = purchase


async def _leaps(visit: Visit, number: str, unit: str) -> None:
    seconds = {"minute": 60, "hour": 3600, "day": 86400}[unit]
    visit.city.clock.leap(float(int(number) * seconds))


async def _presses(visit: Visit, key: str) -> None:
    said = await visit.city.town.sim("wechat", "event", openid=visit.openid, event="CLICK", key=key)
    visit.answer = "\n".join(reply.get("text") or "" for reply in said["replies"])


async def _sends_a_photo(visit: Visit) -> None:
    values = {"msgtype": "image", "media_id": "media-1", "pic_url": "https://example.com/photo.jpg"}
    said = await visit.city.town.sim("wechat", "event", openid=visit.openid, **values)
    visit.answer = "\n".join(reply.get("text") or "" for reply in said["replies"])


def _desk(action: str) -> Doer:
    async def decided(visit: Visit, note: str | None = None) -> None:
        await decide(visit.city, visit.openid, action, note or "seen")

    return decided


async def _becomes(visit: Visit, name: str) -> None:
    """Let another customer go on from here; who was somebody before is that person again."""
    visit.people.setdefault("the customer", visit.openid)
    if name not in visit.people:
        visit.people[name] = await visit.city.person()
    visit.openid = visit.people[name]


HAPPENINGS: dict[str, Doer] = {
    r"sends a photo": _sends_a_photo,
    r"the desk approves": _desk("approve"),
    r"the desk carries it out as (?P<note>.+)": _desk("done"),
    r"the desk asks for (?P<note>.+)": _desk("documents"),
    r"the desk rejects it: (?P<note>.+)": _desk("reject"),
    r"becomes (?P<name>.+)": _becomes,
    r"pays": _pays,
    r"(?P<number>\d+) (?P<unit>minute|hour|day)s? pass(?:es)?": _leaps,
    r"presses (?P<key>\S+)": _presses,
}

# --- what can be checked ---------------------------------------------------------------------------------------------


async def _receipt_shows(visit: Visit, words: str) -> None:
    assert visit.bought is not None, "nothing was paid yet"
    status, _, page = await visit.city.town.open(f"{visit.city.town.demo.public_url}/receipts/{visit.bought.token}")
    assert status == 200
    assert words in page, page


async def _paid_amount(visit: Visit, yuan: str) -> None:
    assert visit.bought is not None, "nothing was paid yet"
    amount = (await visit.city.town.order(visit.bought.token))["amount"]
    assert amount == int(yuan.replace(".", "")), f"it was {amount} fen"


async def _told(visit: Visit, words: str) -> None:
    async def said() -> bool:
        return any(words in text for text in await visit.city.town.messages(visit.openid))

    await visit.city.town.until(said)


CHECKS: dict[str, Doer] = {
    r"the receipt shows (?P<words>.+)": _receipt_shows,
    r"(?P<yuan>\d+\.\d\d) was paid": _paid_amount,
    r"the customer is told (?P<words>.+)": _told,
}
