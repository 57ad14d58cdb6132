"""``statement`` and ``reconcile``: a day's bill of one gateway account, and what it and the books say of each other."""

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from bot.cases.desk import name_of
from bot.commands.common import Commands, add_command, opened
from bot.gateways.alipay import statement as alipay
from bot.gateways.wechatpay import statement as wechatpay
from bot.kernel.clock import business_day
from bot.kernel.errors import BadRequest
from bot.payments.facts import StatementLine
from bot.payments.reconciliation import arrivals, files
from bot.payments.reconciliation.days import AccountDay
from bot.payments.reconciliation.intake import Taken
from bot.payments.reconciliation.report import as_json, as_text
from bot.wiring import House

# Whose own files can be read as they were downloaded; all others are brought into our plain form.
READERS: Final[Mapping[str, Callable[[bytes], Iterator[StatementLine]]]] = {
    "alipay": alipay.read,
    "wechatpay": wechatpay.read,
}
_FILE_MAX: Final = 256 << 20
_PLAIN: Final = f"{', '.join(files.NEEDED)}; and, where there are any, {', '.join(files.OPTIONAL)}"


def add(commands: Commands) -> None:
    taken = add_command(commands, "statement", _statement, "fetch a day's bill of one gateway account, or take a file")
    _day_of(taken)
    taken.add_argument(
        "--file", type=Path, help=f"the bill as it was downloaded, or a CSV (yuan) with the columns {_PLAIN}"
    )
    taken.add_argument("--as", dest="actor", required=True, metavar="NAME", help="who fetches; goes into the audit")
    compared = add_command(
        commands, "reconcile", _reconcile, "compare a day's bill with the books; end with 1 while it is not explained"
    )
    _day_of(compared)
    compared.add_argument("--json", action="store_true", help="print the report as JSON, amounts in fen")
    compared.add_argument("--look", action="store_true", help="print the report of the last run, compare nothing")
    compared.add_argument(
        "--arrivals",
        type=Path,
        metavar="FILE",
        help=f"first take what the bank received: a CSV (yuan) with the columns {', '.join(arrivals.COLUMNS)}",
    )
    compared.add_argument("--as", dest="actor", metavar="NAME", help="who brings the bank's list; goes into the audit")


def _day_of(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("gateway", help="wechatpay, alipay …")
    parser.add_argument("account", help="the account's key in the configuration")
    parser.add_argument(
        "day", nargs="?", type=date.fromisoformat, help="a day such as 2026-11-23; yesterday without it"
    )


def _asked(arguments: argparse.Namespace, house: House) -> AccountDay:
    """Return the day that is meant; raises BadRequest for an account that is not configured."""
    accounts = house.settings.file.gateways.get(arguments.gateway, {})
    if arguments.account not in accounts:
        known = [f"{name} {key}" for name, keys in house.settings.file.gateways.items() for key in keys]
        raise BadRequest("account_unknown", f"choose one of: {', '.join(known) or 'none configured'}")
    day = arguments.day or business_day(house.clock.now()) - timedelta(days=1)
    return AccountDay(arguments.gateway, arguments.account, day)


async def _statement(arguments: argparse.Namespace) -> int:
    actor = name_of(arguments.actor)
    async with opened() as house:
        day = _asked(arguments, house)
        if arguments.file is None:
            await house.gateways[day.gateway].refresh()
            taken = await house.reconciliation.fetch(day, actor)
        else:
            bill = await asyncio.to_thread(_bill, arguments.file, day)
            taken = await house.reconciliation.store(day, bill, actor)
    sys.stdout.write(f"{day.key}: {taken.lines} lines, {_said(taken)}\n")
    return 0


def _said(taken: Taken) -> str:
    if not taken.changed:
        return f"unchanged, version {taken.version}"
    return "taken" if taken.version == 1 else f"taken as version {taken.version}; the one before is superseded"


def _bill(path: Path, day: AccountDay) -> Callable[[], AsyncIterator[StatementLine]]:
    """Return what reads a file as a bill; raises BadRequest for a file that nothing here can read."""
    if files.is_plain(path):
        return lambda: files.read(path)
    reader = READERS.get(day.gateway)
    if reader is None:
        raise BadRequest("file_unreadable", f"write a CSV whose columns are {_PLAIN}")
    if path.stat().st_size > _FILE_MAX:
        raise BadRequest("file_too_large", f"at most {_FILE_MAX >> 20} MiB")
    content, read = path.read_bytes(), reader
    return lambda: files.in_steps(read(content))


async def _reconcile(arguments: argparse.Namespace) -> int:
    actor = _who(arguments)
    async with opened() as house:
        day, room = _asked(arguments, house), house.reconciliation
        if arguments.arrivals is not None:
            listed = await asyncio.to_thread(arrivals.read, arguments.arrivals)
            kept = await room.arrivals(listed, actor)
            sys.stderr.write(f"{kept.new} arrivals taken, {kept.known} known already\n")
        if arguments.look:
            report = await room.report(day)
        else:
            await house.gateways[day.gateway].refresh()
            ran = await room.run(day)
            report = ran.report
            if ran.trouble:
                sys.stderr.write(f"the movements of money were not compared: {ran.trouble}\n")
    if arguments.json:
        sys.stdout.write(json.dumps(as_json(report), ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.write(as_text(report))
    return 0 if report.balanced else 1


def _who(arguments: argparse.Namespace) -> str:
    """Return the name behind a bank's list; raises BadRequest where one is brought without."""
    return name_of(arguments.actor or "") if arguments.arrivals is not None else ""
