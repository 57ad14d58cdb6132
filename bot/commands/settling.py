"""``settlement`` and ``share-rule``: a merchant's day for people and machines, and who gets which part of payments."""

import argparse
import csv
import io
import json
import sys
import tomllib
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from bot.cases.desk import name_of
from bot.commands.common import Commands, add_command, opened
from bot.kernel.clock import SHANGHAI, business_day, from_micros
from bot.kernel.errors import BadRequest
from bot.kernel.money import format_yuan
from bot.payments.sharing import rules
from bot.payments.sharing.settlement import Movement, Settlement, Sums
from bot.storage.port import Tx

_MONEY: Final = ("gross", "refunded", "fees", "shared", "returned")
_COUNTS: Final = ("payments", "refunds", "fees_told", "fees_agreed", "fees_unknown")
_LINE: Final = ("at", "kind", "gateway", "account", "order", "number", "receiver", "amount", "fee", "fee_from")
_FILE_MAX: Final = 1 << 20


def add(commands: Commands) -> None:
    told = add_command(
        commands, "settlement", _settlement, "a merchant's day: gross, refunds, fees, shares, net; 1 if unproved"
    )
    told.add_argument("merchant", help="the merchant's id")
    told.add_argument("day", nargs="?", type=date.fromisoformat, help="such as 2026-11-23; yesterday without it")
    form = told.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="a row a gateway account and a total, amounts in yuan")
    form.add_argument("--json", action="store_true", help="amounts in fen, with the proof against the ledger")
    form.add_argument("--lines", action="store_true", help="CSV with a row a payment, refund, share and return")
    rule = add_command(commands, "share-rule", _rules, "list a merchant's rules of sharing, or propose one")
    rule.add_argument("merchant", nargs="?", help="whose rules to list")
    rule.add_argument("--propose", type=Path, metavar="FILE", help="a rule in TOML (docs/sharing.md)")
    rule.add_argument("--as", dest="actor", metavar="NAME", help="who proposes; goes into the audit")


async def _settlement(arguments: argparse.Namespace) -> int:
    async with opened() as house:
        day = arguments.day or business_day(house.clock.now()) - timedelta(days=1)
        room = house.payments.settlements
        statement = await room.of_day(arguments.merchant, day)
        if arguments.lines:
            _csv_row(_LINE)
            async for movement in room.movements(arguments.merchant, day):
                _csv_row(_line(movement))
    if arguments.json:
        sys.stdout.write(json.dumps(as_json(statement), ensure_ascii=False, indent=2) + "\n")
    elif arguments.csv:
        _csv_row(("merchant", "day", "gateway", "account", *_COUNTS, *_MONEY, "net"))
        for (gateway, account), sums in statement.accounts.items():
            _csv_row((statement.merchant_id, day.isoformat(), gateway, account, *_numbers(sums)))
        _csv_row((statement.merchant_id, day.isoformat(), "total", "", *_numbers(statement.total)))
    elif not arguments.lines:
        sys.stdout.write(as_text(statement))
    for proof in statement.proofs:
        if not proof.holds:
            sys.stderr.write(f"not proved: {proof.kind} is {proof.rooms} here and {proof.ledger} in the ledger (fen)\n")
    return 0 if statement.proved else 1


def as_text(statement: Settlement) -> str:
    """Return a statement for people, amounts in yuan."""
    lines = [f"{statement.name} ({statement.merchant_id})  {statement.day.isoformat()}"]
    places = {f"{gateway} {account}": sums for (gateway, account), sums in statement.accounts.items()}
    for place, sums in {**places, "total": statement.total}.items():
        unsure = f", {sums.fees_agreed} by agreement" if sums.fees_agreed else ""
        unknown = f", {sums.fees_unknown} unknown" if sums.fees_unknown else ""
        lines += [
            f"{place}",
            f"  gross    {format_yuan(sums.gross):>14}  {sums.payments} payments",
            f"  refunds  {format_yuan(-sums.refunded):>14}  {sums.refunds} refunds",
            f"  fees     {format_yuan(-sums.fees):>14}  {sums.fees_told} by the bill{unsure}{unknown}",
            f"  shared   {format_yuan(sums.returned - sums.shared):>14}",
            f"  net      {format_yuan(sums.net):>14}",
        ]
    lines += [f"receiver {key}: {format_yuan(amount)}" for key, amount in sorted(statement.receivers.items())]
    lines.append(f"under way at the day's end, more than at its beginning: {format_yuan(statement.under_way)}")
    lines.append("proved against the ledger" if statement.proved else "NOT PROVED against the ledger")
    return "\n".join(lines) + "\n"


def as_json(statement: Settlement) -> dict[str, object]:
    """Return a statement for machines, amounts in fen."""
    return {
        "merchant": statement.merchant_id,
        "day": statement.day.isoformat(),
        "accounts": [
            {"gateway": gateway, "account": account, **asdict(sums), "net": sums.net}
            for (gateway, account), sums in statement.accounts.items()
        ],
        "total": {**asdict(statement.total), "net": statement.total.net},
        "receivers": dict(sorted(statement.receivers.items())),
        "under_way": statement.under_way,
        "proofs": [{**asdict(proof), "holds": proof.holds} for proof in statement.proofs],
        "proved": statement.proved,
    }


def _numbers(sums: Sums) -> tuple[str, ...]:
    counts = tuple(str(getattr(sums, name)) for name in _COUNTS)
    return (*counts, *(format_yuan(getattr(sums, name)) for name in _MONEY), format_yuan(sums.net))


def _line(one: Movement) -> tuple[str, ...]:
    at = from_micros(one.at).astimezone(SHANGHAI).isoformat(timespec="seconds")
    fee = "" if one.fee is None else format_yuan(one.fee)
    source = "" if one.fee is None else "bill" if one.told else "agreed"
    amount = format_yuan(one.amount)
    return (at, one.kind, one.gateway, one.account, one.order_id, one.number, one.receiver, amount, fee, source)


def _csv_row(cells: tuple[str, ...]) -> None:
    """Write one row; every cell is an id, a word or a number of ours, so that no sheet takes one for a formula."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    sys.stdout.write(text.getvalue())


async def _rules(arguments: argparse.Namespace) -> int:
    if (arguments.propose is None) is (arguments.merchant is None):
        raise BadRequest("share_rule", "name a merchant, or a file with --propose")
    async with opened() as house:
        if arguments.propose is None:
            for each in await rules.of_merchant(house.database, house.vault, arguments.merchant):
                wanted = [f"{term.receiver} {term.ratio or term.fixed}" for term in each.rule.terms]
                receivers = ", ".join(f"{text} {each.masked[text.split()[0]]}" for text in wanted) or "nobody"
                about = each.item_id or "all items"
                sys.stdout.write(
                    f"{each.id}  {about}  v{each.version} {each.state}  cap {each.rule.cap}  {receivers}\n"
                )
            return 0
        actor, rule = name_of(arguments.actor or ""), rules.read(_document(arguments.propose))
        cap_max, now = house.settings.file.limits.share_cap, house.clock.now()

        async def propose(tx: Tx) -> str:
            return await rules.propose_in(tx, house.vault, rule, actor=actor, cap_max=cap_max, now=now)

        rule_id = await house.database.effect(propose)
    sys.stdout.write(f"{rule_id} is proposed; another person adopts it at the desk (python -m bot desk list)\n")
    return 0


def _document(path: Path) -> dict[str, object]:
    if path.stat().st_size > _FILE_MAX:
        raise BadRequest("share_rule", "a rule is a small file")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise BadRequest("share_rule", f"{path.name}: {fault}") from None
