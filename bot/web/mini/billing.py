"""Scenes, items, bills, quotes and saved accounts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bot.billers.catalogue import Catalogue
from bot.billers.items import BillItem, Flow, InputField
from bot.billers.port import Bill, BillQuery, Directory, Found, Later, Line, Quote, Refusal
from bot.billers.port import NotFound as NoAccount
from bot.billers.quoting import unavailable
from bot.customers.accounts import SavedAccounts
from bot.dialogue.lookups import LookupGuard
from bot.dialogue.scene import Scene
from bot.kernel.clock import Clock
from bot.kernel.errors import BadRequest, Busy, Limited, NotFound
from bot.kernel.ids import random_text
from bot.kernel.text import normalise
from bot.web.mini import models
from bot.web.mini.call import Call, Program, declined, moment
from bot.web.mini.shelf import QUERY_SECONDS, Asked, Shelf

_ID_CHARS: Final = 26


@dataclass(frozen=True, slots=True)
class BillingParts:
    programs: Mapping[str, Program]
    scenes: Mapping[str, Scene]
    catalogue: Catalogue
    billers: Directory
    saved: SavedAccounts
    lookups: LookupGuard
    shelf: Shelf
    clock: Clock


class Billing:
    """The handlers from the list of scenes to the price."""

    def __init__(self, parts: BillingParts) -> None:
        self._p = parts

    async def scenes(self, call: Call) -> models.ScenesAnswer:
        asked, program = call.ask(models.ScenesQuery), self._program(call)
        wanted, shown = normalise(asked.q).lower(), []
        for scene in self._p.scenes.values():
            items = await self._items(program, scene.key, asked.city)
            if items and (not wanted or any(wanted in word.lower() for word in _words(scene, items))):
                shown.append(models.SceneShown(key=scene.key, name=scene.name, shape=scene.shape, items=len(items)))
        return models.ScenesAnswer(cities=sorted(program.cities), scenes=shown)

    async def items(self, call: Call) -> models.ItemsAnswer:
        asked = call.ask(models.ItemsQuery)
        if asked.scene not in self._p.scenes:
            raise NotFound("scene_unknown", "take a key of GET /scenes")
        found = await self._items(self._program(call), asked.scene, asked.city)
        return models.ItemsAnswer(items=[self._item_shown(item) for item in found])

    async def bills(self, call: Call) -> models.BillsAnswer:
        """Raises NotFound(``account_not_found``), alike for an unknown account and a wrong proof; Limited; Busy."""
        asked = call.ask(models.BillsAsk)
        item = await self._item(call, asked.item)
        account, fields = await self._account(call, item, asked)
        biller = await self._p.billers.biller(item.id)
        found = await biller.find(BillQuery(item.id, account, fields, trace_id=call.trace_id))
        if isinstance(found, Later):
            raise Busy("biller_later", "the biller does not answer now")
        if isinstance(found, NoAccount):
            raise NotFound("account_not_found", "check the account and the proof of belonging")
        customer_id = call.session.customer_id
        if asked.saved is None and asked.save and item.definition.remember:
            await self._p.saved.save(
                customer_id,
                scene=item.scene,
                item_id=item.id,
                account=account,
                mask=found.account_mask,
                fields=fields,
            )
        name = f"qry_{random_text(_ID_CHARS)}"
        await self._p.shelf.keep(customer_id, name, Asked(item.id, found, fields), QUERY_SECONDS)
        return _bills_shown(name, found)

    async def quote(self, call: Call) -> models.QuoteAnswer:
        """Raises Declined for what the item's rules refuse, NotFound for a query that is not the customer's."""
        asked = call.ask(models.QuoteAsk)
        lines = [await self._line(call, line) for line in asked.lines]
        if len({line.item_id for line in lines}) > 1:
            raise BadRequest("one_item", "a quote is about one item")
        biller = await self._p.billers.biller(lines[0].item_id)
        quote = await biller.quote(lines, self._p.clock.now(), asked.store)
        if isinstance(quote, Later):
            raise Busy("biller_later", "the biller does not answer now")
        if isinstance(quote, Refusal):
            raise declined(quote)
        seconds = max((quote.expires_at - self._p.clock.now()).total_seconds(), 1.0)
        await self._p.shelf.keep(call.session.customer_id, quote.id, quote, seconds)
        return _quote_shown(quote)

    async def accounts(self, call: Call) -> models.AccountsAnswer:
        saved = await self._p.saved.of(call.session.customer_id)
        return models.AccountsAnswer(
            accounts=[
                models.AccountShown(
                    id=each.id,
                    scene=each.scene,
                    item=each.item_id,
                    account_mask=each.account_mask,
                    nickname=each.nickname,
                )
                for each in saved
            ]
        )

    async def forget(self, call: Call) -> models.Done:
        """Raises NotFound(``account_unknown``), alike for another's."""
        if not await self._p.saved.forget(call.session.customer_id, call.id):
            raise NotFound("account_unknown")
        return models.Done()

    # --- pieces -----------------------------------------------------------------------------------------------------

    def _program(self, call: Call) -> Program:
        return self._p.programs[call.session.app_id]

    async def _items(self, program: Program, scene: str, city: str) -> Sequence[BillItem]:
        found = await self._p.catalogue.items(scene)
        return [item for item in found if program.shows(item.merchant_id, city)]

    async def _item(self, call: Call, item_id: str) -> BillItem:
        item = await self._p.catalogue.item(item_id)
        if not self._program(call).shows(item.merchant_id):
            raise NotFound("item_unknown")
        return item

    async def _account(self, call: Call, item: BillItem, asked: models.BillsAsk) -> tuple[str, dict[str, str]]:
        """Return the account in canonical form with its further inputs; one's own saved account costs no look-up."""
        customer_id = call.session.customer_id
        if asked.saved is not None:
            for saved in await self._p.saved.of(customer_id, item.scene):
                if (saved.id, saved.item_id) == (asked.saved, item.id):
                    return saved.account, dict(saved.fields)
            raise NotFound("account_unknown")
        field = item.definition.account
        if field is None or item.definition.flow is Flow.DIRECT:
            raise BadRequest("no_bills", "this item is paid by an amount, without a query")
        account = _value(field, asked.account or "")
        known = {each.key: each for each in item.definition.fields}
        unknown = sorted(set(asked.fields) - set(known))
        if unknown:
            raise BadRequest("field_unknown", "send the fields that GET /items names")
        fields = {
            key: _value(each, asked.fields.get(key, ""))
            for key, each in known.items()
            if each.required or asked.fields.get(key)
        }
        if not await self._p.lookups.ask(customer_id, call.trace_id, item.id, account):
            raise Limited("lookup_limited", "too many accounts were asked after; try again in an hour")
        return account, fields

    async def _line(self, call: Call, asked: models.LineAsk) -> Line:
        if asked.query is not None and asked.item is None:
            return await self._line_of_query(call, asked.query, asked)
        if asked.item is None or asked.query is not None or asked.bill_no is not None or asked.amount is None:
            raise BadRequest("line", "send query with bill_no or amount, or item with amount")
        item = await self._item(call, asked.item)
        if item.definition.selling is not None or item.definition.account is not None:
            raise BadRequest("not_direct", "ask for the bills of this item, or lead the customer to the conversation")
        return Line(item.id, asked.amount, item.name)

    async def _line_of_query(self, call: Call, query: str, asked: models.LineAsk) -> Line:
        kept = await self._p.shelf.asked(call.session.customer_id, query)
        item, found = await self._item(call, kept.item_id), kept.found
        if asked.bill_no is None:
            if asked.amount is None:
                raise BadRequest("line", "send bill_no or amount with a query")
            return Line(item.id, asked.amount, item.name, found.account, found.account_mask, fields=kept.fields)
        bill = next((each for each in found.bills if each.bill_no == asked.bill_no), None)
        if bill is None:
            raise NotFound("bill_unknown", "take a bill_no of the query")
        amount = bill.total if asked.amount is None else asked.amount
        title = f"{item.name} {bill.period or bill.title}".strip()
        return Line(item.id, amount, title, found.account, found.account_mask, bill, bill.period, kept.fields)

    def _item_shown(self, item: BillItem) -> models.ItemShown:
        definition = item.definition
        return models.ItemShown(
            id=item.id,
            scene=item.scene,
            name=item.name,
            payee=item.merchant_name,
            flow=definition.flow.value,
            account=None if definition.account is None else _field_shown(definition.account),
            fields=[_field_shown(field) for field in definition.fields],
            minimum=definition.amount.minimum,
            maximum=definition.amount.maximum,
            presets=list(definition.amount.presets),
            several=definition.several,
            open=unavailable(item, self._p.clock.now()) is None,
            in_chat_only=definition.selling is not None,
        )


def _words(scene: Scene, items: Sequence[BillItem]) -> list[str]:
    return [scene.key, scene.name, *scene.words, *(word for item in items for word in (item.name, item.merchant_name))]


def _value(field: InputField, said: str) -> str:
    """Return an input in canonical form; raises BadRequest(``field_form``) without repeating it."""
    value = field.canonical(said)
    if not value or not field.accepts(value):
        raise BadRequest("field_form", f"{field.key}: {field.label} {field.help}".strip())
    return value


def _field_shown(field: InputField) -> models.FieldShown:
    return models.FieldShown(
        key=field.key,
        label=field.label,
        help=field.help,
        required=field.required,
        proof=field.proof,
        choices=[models.ChoiceShown(value=each.value, label=each.label) for each in field.choices],
    )


def _bill_shown(bill: Bill) -> models.BillShown:
    return models.BillShown(
        bill_no=bill.bill_no,
        title=bill.title,
        period=bill.period,
        amount=bill.amount,
        late_fee=bill.late_fee,
        total=bill.total,
        due_on=bill.due_on.isoformat() if bill.due_on else None,
        held=bill.held_by is not None,
    )


def _bills_shown(name: str, found: Found) -> models.BillsAnswer:
    return models.BillsAnswer(
        query=name,
        account_mask=found.account_mask,
        holder_mask=found.holder_mask,
        address_mask=found.address_mask,
        balance=found.balance,
        bills=[_bill_shown(bill) for bill in found.bills],
    )


def _quote_shown(quote: Quote) -> models.QuoteAnswer:
    return models.QuoteAnswer(
        id=quote.id,
        title=quote.title,
        payee=quote.payee,
        lines=[
            models.LineShown(title=line.title, account_mask=line.account_mask, amount=line.amount)
            for line in quote.lines
        ],
        amount=quote.amount,
        expires_at=moment(quote.expires_at),
    )
