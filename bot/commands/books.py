"""``audit``, ``trace`` and ``import-bills``: the books and what goes into them."""

import argparse
import sys
from pathlib import Path

from bot.billers import invariants as hosted
from bot.billers.importing import BillImport, Report
from bot.billers.stock import invariants as stock
from bot.cases import invariants as complaints
from bot.cases.applications import invariants as applications
from bot.cases.desk import name_of
from bot.commands.common import Commands, add_command, opened
from bot.ledger import invariants as ledger
from bot.payments import invariants
from bot.payments.contracts import invariants as contracts
from bot.payments.policy import Policy
from bot.payments.reconciliation import invariants as reconciliation
from bot.payments.sharing import invariants as sharing
from bot.trail.sealing import SEALED_TABLES, verify
from bot.wiring import House


def add(commands: Commands) -> None:
    add_command(commands, "audit", _audit, "check every invariant of the books; end with 1 if one is broken")
    trace = add_command(commands, "trace", _trace, "tell everything that happened under a trace id")
    trace.add_argument("trace_id")
    bills = add_command(commands, "import-bills", _import, "import hosted bills from CSV or XLSX")
    bills.add_argument("item", help="the bill item's id")
    bills.add_argument("file", type=Path)
    bills.add_argument("--as", dest="actor", required=True, metavar="NAME", help="who imports; goes into the audit")
    bills.add_argument("--dry-run", action="store_true", help="check every line, keep nothing")


async def _audit(_: argparse.Namespace) -> int:
    async with opened() as house:
        broken = await audit_house(house)
    for line in broken:
        sys.stdout.write(line + "\n")
    sys.stdout.write(f"audit: {len(broken)} broken\n" if broken else "audit: clean\n")
    return 1 if broken else 0


async def audit_house(house: House) -> list[str]:
    """Return a line for each broken invariant, with the offending ids; an empty list means that the books are clean."""
    now = house.clock.now()
    findings = [
        *await invariants.inspect(house.database, now, Policy()),
        *await ledger.inspect(house.database, now, hosted.CHECKS),
        *await ledger.inspect(house.database, now, stock.CHECKS),
        *await ledger.inspect(house.database, now, reconciliation.CHECKS),
        *await ledger.inspect(house.database, now, sharing.CHECKS),
        *await ledger.inspect(house.database, now, contracts.CHECKS),
        *await ledger.inspect(house.database, now, applications.CHECKS),
        *await ledger.inspect(house.database, now, complaints.CHECKS),
    ]
    broken = [f"{finding.check} ({finding.count}): {', '.join(finding.ids)}" for finding in findings]
    totals = await invariants.totals(house.database)
    broken.extend(f"totals: {total}" for total in totals if not total.balanced)
    for table in SEALED_TABLES:
        gaps = [gap async for gap in verify(house.database, table, house.vault)]
        broken.extend(f"seal: {gap.table} rows {gap.from_seq + 1} to {gap.upto_seq} were altered" for gap in gaps)
    return broken


async def _trace(arguments: argparse.Namespace) -> int:
    async with opened() as house:
        story = await house.traces.story(arguments.trace_id)
    for at, room, what, text, detail in story:
        sys.stdout.write(f"{at.isoformat(timespec='milliseconds')}  {room:8} {what:28} {text}  {detail}\n")
    if not story:
        sys.stderr.write(f"nothing is known of {arguments.trace_id}\n")
    return 0 if story else 1


async def _import(arguments: argparse.Namespace) -> int:
    async with opened() as house:
        began = house.clock.monotonic()
        item = await house.catalogue.item(arguments.item)
        bills = BillImport(house.database, house.vault, house.clock)
        actor = name_of(arguments.actor)
        report = await bills.run(arguments.file, item, actor=actor, dry_run=arguments.dry_run, progress=_progress)
        seconds = house.clock.monotonic() - began
    _tell(report, seconds, dry_run=arguments.dry_run)
    return 1 if report.refused else 0


def _progress(report: Report) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{report.lines} lines")
        sys.stderr.flush()


def _tell(report: Report, seconds: float, *, dry_run: bool) -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\n")
    for note in report.notes:
        sys.stdout.write(f"note: {note}\n")
    for fault in report.faults:
        sys.stdout.write(f"line {fault.line}: {fault.problem}; {fault.remedy}\n")
    if report.refused > len(report.faults):
        sys.stdout.write(f"... and {report.refused - len(report.faults)} more\n")
    verb = "would be imported" if dry_run else "imported"
    sys.stdout.write(
        f"{report.accepted} bills {verb}, {report.unchanged} unchanged, {report.refused} refused, "
        f"of {report.lines} lines, in {seconds:.1f} s ({report.lines / max(seconds, 0.001):.0f} a second)\n"
    )
