"""Keeps the rules of sharing by version: one name proposes, another adopts, and every older version stays readable."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bot.jobs.outbox import enqueue
from bot.kernel.clock import to_micros
from bot.kernel.errors import BadRequest, Conflict, Forbidden, NotFound
from bot.kernel.ids import new_id
from bot.kernel.masking import Secret, mask_account
from bot.kernel.text import normalise
from bot.payments import work
from bot.payments.faculties import Receiver
from bot.payments.sharing.split import BASE, TERMS_MAX, Rule, Term
from bot.payments.sharing.states import RULE
from bot.storage.port import Reader, Row, Tx
from bot.storage.vault import Vault
from bot.trail import audit

CASE: Final = "share_rule"
_RECEIVERS: Final = "share_rules.receivers_sealed"
# A receiver's key becomes a part of an account path of the ledger.
_KEY: Final = re.compile(r"[0-9A-Za-z_-]{1,64}", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9A-Za-z_@.-]{1,64}", re.ASCII)

_ENDED: Final = RULE.move("active", to="ended", only="item_id = $3", key="merchant_id")
_ACTIVE: Final = RULE.move("proposed", to="active", sets="decided_by = $3", only="proposed_by <> $3")
_REFUSED: Final = RULE.move("proposed", to="refused", sets="decided_by = $3")

_INSERT: Final = """
INSERT INTO share_rules (id, merchant_id, item_id, version, cap, terms, receivers_sealed, state, proposed_by,
  created_at, changed_at)
SELECT $1, $2, $3, COALESCE(MAX(version), 0) + 1, $4, $5, $6, 'proposed', $7, $8, $8
FROM share_rules WHERE merchant_id = $2 AND item_id = $3
"""
_BY_ID: Final = "SELECT * FROM share_rules WHERE id = $1"
_OF_MERCHANT: Final = """
SELECT * FROM share_rules WHERE merchant_id = $1 AND state IN ('proposed', 'active') ORDER BY item_id, version
"""
_MERCHANT: Final = "SELECT 1 AS known FROM merchants WHERE id = $1"
_ITEM: Final = "SELECT 1 AS known FROM bill_items WHERE id = $1 AND merchant_id = $2"


@dataclass(frozen=True, slots=True)
class NewRule:
    """What is proposed: who gets what of a merchant's payments, or of those for one of its items.

    ``cap`` is basis points. Without terms nothing is shared, which is how a rule is ended.
    """

    merchant_id: str
    cap: int
    terms: tuple[Term, ...]
    receivers: Mapping[str, Receiver]
    item_id: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    """A rule as it is kept, with the receivers masked."""

    id: str
    merchant_id: str
    item_id: str
    version: int
    state: str
    rule: Rule
    masked: Mapping[str, str]


def check(rule: NewRule, cap_max: int) -> None:
    """Raise BadRequest(``share_rule``) for a rule that cannot be kept; the remedy says what to change."""
    for wrong, remedy in _faults(rule, cap_max):
        if wrong:
            raise BadRequest("share_rule", remedy)


def _faults(rule: NewRule, cap_max: int) -> Iterable[tuple[bool, str]]:
    keys = [term.receiver for term in rule.terms]
    numbers = [receiver.number for receiver in rule.receivers.values()]
    ratios = [term.ratio for term in rule.terms if term.ratio is not None]
    yield not 0 < rule.cap <= min(cap_max, BASE), f"cap is 1 to {cap_max} basis points (settings: limits.share_cap)"
    yield len(keys) > TERMS_MAX, f"at most {TERMS_MAX} receivers"
    yield len(set(keys)) != len(keys) or len(set(numbers)) != len(numbers), "name every receiver once"
    yield set(keys) != set(rule.receivers), "say for each receiver who it is"
    yield any(_KEY.fullmatch(key) is None for key in keys), "a key is 1 to 64 of [0-9A-Za-z_-]"
    yield any(_NUMBER.fullmatch(number) is None for number in numbers), "a receiver has the number it has at its wallet"
    yield (
        any((term.ratio is None) == (term.fixed is None) for term in rule.terms),
        "a ratio or a fixed amount",
    )
    yield any((term.ratio or term.fixed or 0) <= 0 for term in rule.terms), "ratios and amounts are above zero"
    yield sum(ratios) > rule.cap, "the ratios come to more than the cap"


async def propose_in(tx: Tx, vault: Vault, rule: NewRule, *, actor: str, cap_max: int, now: datetime) -> str:
    """Keep a rule as the next version, in force for nobody until another name adopts it; return its id.

    Raises BadRequest(``share_rule``), NotFound(``merchant_unknown``, ``item_unknown``).
    """
    check(rule, cap_max)
    if await tx.row(_MERCHANT, rule.merchant_id) is None:
        raise NotFound("merchant_unknown")
    if rule.item_id and await tx.row(_ITEM, rule.item_id, rule.merchant_id) is None:
        raise NotFound("item_unknown")
    await _one_name_each(tx, vault, rule)
    rule_id = new_id("rul", now)
    terms = json.dumps([[term.receiver, term.ratio, term.fixed] for term in rule.terms], separators=(",", ":"))
    sealed = vault.seal(json.dumps({key: _plain(each) for key, each in rule.receivers.items()}), _RECEIVERS)
    values = (rule_id, rule.merchant_id, rule.item_id, rule.cap, terms, sealed, actor, to_micros(now))
    await tx.execute(_INSERT, *values)
    facts = {
        "merchant_id": rule.merchant_id,
        "item_id": rule.item_id,
        "cap": rule.cap,
        "proposed_by": actor,
        "receivers": _shown(rule.terms, {key: mask_account(each.number) for key, each in rule.receivers.items()}),
    }
    await _audited(tx, rule_id, actor, "share_rule.proposed", rule.merchant_id, now)
    await enqueue(tx, [work.case(CASE, rule_id, rule_id, facts, rule_id)], now)
    return rule_id


async def _one_name_each(tx: Tx, vault: Vault, rule: NewRule) -> None:
    """Two rules of a merchant mean the same receiver by the same key, for the books count by key."""
    for row in await tx.rows(_OF_MERCHANT, rule.merchant_id):
        if row["state"] == "active" and row["item_id"] != rule.item_id:
            known = receivers(vault, row)
            by_number = {receiver.number: key for key, receiver in known.items()}
            for key, receiver in rule.receivers.items():
                same = key in known and known[key].number == receiver.number
                if not same and (key in known or receiver.number in by_number):
                    raise BadRequest("share_rule", "another rule of this merchant knows this receiver by another key")


async def adopt_in(tx: Tx, rule_id: str, *, actor: str, now: datetime) -> None:
    """Put a proposed version in force; charges made before keep the version that they were made with.

    Raises Forbidden(``same_person``), Conflict(``share_rule_state``), NotFound(``share_rule_unknown``).
    """
    row = await _proposed(tx, rule_id)
    if row["proposed_by"] == actor:
        raise Forbidden("same_person", "another person than the one who proposed has to adopt")
    await _ENDED(tx, row["merchant_id"], to_micros(now), row["item_id"])
    if not await _ACTIVE(tx, rule_id, to_micros(now), actor):
        raise Conflict("share_rule_state", state=row["state"])
    await _audited(tx, rule_id, actor, "share_rule.adopted", row["merchant_id"], now)


async def refuse_in(tx: Tx, rule_id: str, *, actor: str, now: datetime) -> None:
    """Refuse a proposed version. Raises Conflict(``share_rule_state``), NotFound(``share_rule_unknown``)."""
    row = await _proposed(tx, rule_id)
    if not await _REFUSED(tx, rule_id, to_micros(now), actor):
        raise Conflict("share_rule_state", state=row["state"])
    await _audited(tx, rule_id, actor, "share_rule.refused", row["merchant_id"], now)


async def _proposed(tx: Tx, rule_id: str) -> Row:
    row = await tx.row(_BY_ID, rule_id)
    if row is None:
        raise NotFound("share_rule_unknown")
    if row["state"] != "proposed":
        raise Conflict("share_rule_state", "it was decided already", state=row["state"])
    return row


async def of_merchant(reader: Reader, vault: Vault, merchant_id: str) -> list[Version]:
    """Return the versions that are in force or proposed."""
    return [_version(row, vault) for row in await reader.rows(_OF_MERCHANT, merchant_id)]


async def by_ids(reader: Reader, rule_ids: Iterable[str]) -> dict[str, Rule]:
    """Return versions by their ids; raises NotFound(``share_rule_unknown``)."""
    return {rule_id: rule_of(await _row(reader, rule_id)) for rule_id in sorted(set(rule_ids))}


async def parties(reader: Reader, vault: Vault, rule_id: str) -> Mapping[str, Receiver]:
    """Return the receivers of a version by their keys; raises NotFound(``share_rule_unknown``)."""
    return receivers(vault, await _row(reader, rule_id))


async def _row(reader: Reader, rule_id: str) -> Row:
    row = await reader.row(_BY_ID, rule_id)
    if row is None:
        raise NotFound("share_rule_unknown")
    return row


def rule_of(row: Row) -> Rule:
    """Return the arithmetic of a version."""
    terms = tuple(Term(key, ratio, fixed) for key, ratio, fixed in json.loads(row["terms"]))
    return Rule(row["id"], row["cap"], terms)


def receivers(vault: Vault, row: Row) -> dict[str, Receiver]:
    """Return who the receivers of a version are; raises Undecipherable."""
    told: dict[str, dict[str, Any]] = json.loads(vault.open(row["receivers_sealed"], _RECEIVERS))
    return {
        key: Receiver(
            each["kind"], each["number"], each["app"], Secret(each["name"]) if each["name"] else None, each["as"]
        )
        for key, each in told.items()
    }


def read(document: Mapping[str, Any]) -> NewRule:
    """Read a rule from a parsed file (docs/sharing.md); raises BadRequest(``share_rule``)."""
    try:
        listed = document.get("receivers", [])
        terms = tuple(Term(str(each["key"]), _whole(each, "ratio"), _whole(each, "fixed")) for each in listed)
        return NewRule(
            merchant_id=str(document["merchant"]),
            item_id=str(document.get("item", "")),
            cap=int(document.get("cap", 3_000)),
            terms=terms,
            receivers={str(each["key"]): _receiver(each) for each in listed},
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadRequest("share_rule", "see docs/sharing.md for the form of a rule") from None


def _whole(told: Mapping[str, Any], name: str) -> int | None:
    value = told.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise ValueError(name)
    return value


def _receiver(told: Mapping[str, Any]) -> Receiver:
    name = normalise(str(told.get("name", "")))
    return Receiver(
        kind="person" if told["kind"] == "person" else "merchant",
        number=str(told["number"]),
        app_id=str(told.get("app", "")),
        name=Secret(name) if name else None,
        relation=str(told.get("relation", "PARTNER")),
    )


def _plain(receiver: Receiver) -> dict[str, str]:
    return {
        "kind": receiver.kind,
        "number": receiver.number,
        "app": receiver.app_id,
        "name": receiver.name.reveal() if receiver.name else "",
        "as": receiver.relation,
    }


def _version(row: Row, vault: Vault) -> Version:
    masked = {key: mask_account(receiver.number) for key, receiver in receivers(vault, row).items()}
    return Version(row["id"], row["merchant_id"], row["item_id"], row["version"], row["state"], rule_of(row), masked)


def _shown(terms: Iterable[Term], masked: Mapping[str, str]) -> dict[str, str]:
    """Return for people, by key: how much, and to whom, masked."""
    wanted = {term.receiver: f"{term.ratio} bp" if term.fixed is None else f"{term.fixed} fen" for term in terms}
    return {key: f"{text} to {masked[key]}" for key, text in wanted.items()}


async def _audited(tx: Tx, rule_id: str, actor: str, action: str, merchant_id: str, now: datetime) -> None:
    detail = {"merchant_id": merchant_id}
    await audit.record(tx, actor=actor, action=action, subject=rule_id, detail=detail, trace_id=rule_id, now=now)
