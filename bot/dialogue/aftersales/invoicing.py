"""Invoices (电子发票) in the chat: the title and tax number are checked, and the payee is asked to issue them."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from bot.dialogue.aftersales.complaints import Complaints
from bot.dialogue.aftersales.story import matter_facts
from bot.dialogue.history import INVOICE
from bot.dialogue.turn import Turn
from bot.kernel.clock import business_day
from bot.payments.dossier import Dossier, Dossiers
from bot.words.identifiers import Flaw, Kind, read

WISH: Final = "invoice"
_OTHER: Final = "D00"
_NUMBER_WORDS: Final = r"[税稅][号號]|[纳納]税人[识識][别別][号號]|[统統]一社[会會]信用代[码碼]|tax (?:number|no\.?|id)"
_TITLE: Final = re.compile(
    rf"(?:抬[头頭]|invoice title)[是为為:：]?\s*(?P<title>[^,，;；。:：]{{2,60}}?)"
    rf"(?=\s*(?:[,，;；。]|{_NUMBER_WORDS}|$))",
    re.IGNORECASE,
)
_TAX: Final = re.compile(rf"(?:{_NUMBER_WORDS})[是为為:：]?\s*(?P<number>[0-9A-Z][0-9A-Z\s-]{{9,29}})", re.IGNORECASE)
_NAMED: Final = re.compile(r"抬头|开票信息|invoice title")
_COMPANY: Final = re.compile(
    r"公司|[厂廠店社院校所行局]|中心|集团|銀行|[协協][会會]|委[员員][会會]|工作室|合[伙夥]|[学學]校|ltd|inc|company|limited",
    re.IGNORECASE,
)
# 抬头怎么填 asks how, and nobody is called so.
_ASKS: Final = re.compile(
    r"怎[么麼样樣]|什[么麼]|[吗嗎呢?？]|哪|[填写寫]|多少|可以|能不能|要不要|how|what|which", re.IGNORECASE
)
_PERSONAL: Final = re.compile(r"[个個]人|本人|自己|personal", re.IGNORECASE)
# Tax numbers from before 2015 have other lengths and no check that we know (domain.md §3.0, 旧税号).
_OLD_LENGTHS: Final = frozenset({15, 17, 20})


@dataclass(frozen=True, slots=True)
class Title:
    """Whom an invoice is for; a person's has no tax number."""

    name: str
    tax_number: str = ""

    @property
    def personal(self) -> bool:
        return not self.tax_number


class Invoices:
    """Takes the words that an invoice is to bear, and puts the wish on the payee's desk with a number and a clock."""

    def __init__(self, complaints: Complaints, dossiers: Dossiers) -> None:
        self._complaints = complaints
        self._dossiers = dossiers

    async def take(self, turn: Turn, text: str, simple: str) -> bool:
        """Take a message that says whom an invoice is for; False for any other."""
        if _NAMED.search(simple) is None:
            return False
        title = read_title(text, business_day(turn.context.at))
        if isinstance(title, str):
            turn.say(title)
            return True
        dossier = await self._meant(turn)
        if dossier is None:
            turn.say("history_empty")
            return True
        turn.took = "title"
        said = f"抬头 {title.name}" + (f" 税号 {title.tax_number}" if title.tax_number else "")
        facts = {**matter_facts(dossier, ""), "personal": title.personal}
        await self._complaints.file(turn, WISH, _OTHER, dossier.order, facts, said)
        turn.state.held.pop(INVOICE, None)
        return True

    async def _meant(self, turn: Turn) -> Dossier | None:
        """Return the order whose invoice was asked for last, else the one that was paid last."""
        customer_id = turn.context.customer_id
        asked = turn.state.held.get(INVOICE)
        if asked is not None:
            return await self._dossiers.of(asked, customer_id)
        paid = await turn.context.orders.paid(customer_id, 1, None)
        return await self._dossiers.of(paid[0].id, customer_id) if paid else None


def read_title(text: str, today: date) -> Title | str:
    """Read whom an invoice is for, or return the code of what to say instead."""
    found, number = _TITLE.search(text), _TAX.search(text)
    if found is None or _ASKS.search(found["title"]):
        return "invoice_how"
    name = found["title"].strip()
    if number is None:
        return "invoice_tax_missing" if _COMPANY.search(name) and not _PERSONAL.search(name) else Title(name)
    plain = re.sub(r"[\s-]", "", number["number"]).upper()
    if len(plain) in _OLD_LENGTHS:
        return Title(name, plain)
    code = read(Kind.USCC, plain, today)
    return "invoice_tax_wrong" if isinstance(code, Flaw) else Title(name, code)
