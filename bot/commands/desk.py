"""``desk``: work the cases that wait for a person, with two names."""

import argparse
import json
import sys

from bot.cases.book import SAID, Case, count_waiting, show, waiting, words_of
from bot.commands.common import Commands, add_command, opened
from bot.kernel.clock import SHANGHAI
from bot.wiring.service import tickets_room


def add(commands: Commands) -> None:
    parser = add_command(commands, "desk", _list, "list, show, propose, approve or reject cases")
    steps = parser.add_subparsers(metavar="STEP")
    steps.add_parser("list", help="the cases that wait, most urgent first").set_defaults(command=_list)
    looked = steps.add_parser("show", help="one case with what may be done")
    looked.add_argument("case")
    looked.add_argument("--as", dest="actor", metavar="NAME", help="who reads the customer's own words; is audited")
    looked.set_defaults(command=_show)
    proposed = steps.add_parser("propose", help="say what should be done")
    proposed.add_argument("case")
    proposed.add_argument("action", help="one of those that `show` names")
    proposed.set_defaults(command=_propose)
    approved = steps.add_parser("approve", help="agree, as another person, and have it done")
    approved.add_argument("case")
    approved.set_defaults(command=_approve)
    rejected = steps.add_parser("reject", help="refuse a proposal, or take one back; the case is open again")
    rejected.add_argument("case")
    rejected.set_defaults(command=_reject)
    told = steps.add_parser("tell", help="tell the customer of a complaint how it stands: --note is what they read")
    told.add_argument("case")
    told.set_defaults(command=_tell_customer)
    for step in (proposed, approved, rejected, told):
        step.add_argument("--as", dest="actor", required=True, metavar="NAME", help="who decides; goes into the audit")
        step.add_argument("--note", default="", help="why; goes into the audit")


async def _list(_: argparse.Namespace) -> int:
    async with opened() as house:
        cases, count = await waiting(house.database), await count_waiting(house.database)
        now = house.clock.now()
    for case in cases:
        due = case.due_at.astimezone(SHANGHAI)
        late = "LATE" if case.due_at < now else "due "
        sys.stdout.write(f"{case.id}  {case.state:8}  {late} {due:%m-%d %H:%M}  {case.kind:18} {case.subject}\n")
    if count > len(cases):
        sys.stdout.write(f"... and {count - len(cases)} more\n")
    sys.stdout.write(f"{count} waiting\n")
    return 0


async def _show(arguments: argparse.Namespace) -> int:
    async with opened() as house:
        if arguments.actor is None:
            case, words = await show(house.database, arguments.case), None
        else:
            case = await house.desk.look(arguments.case, actor=arguments.actor)
            words = words_of(house.vault, case)
        ticket = await tickets_room(house.settings, house.database, house.vault).by_id(case.key)
        choices = house.desk.choices(case)
    _tell(case)
    for entry in ticket.entries if ticket is not None else ():
        shown = f"  {entry.words}" if entry.words and words is not None else ""
        sys.stdout.write(f"ticket: {entry.at.astimezone(SHANGHAI):%m-%d %H:%M}  {entry.by}  {entry.what}{shown}\n")
    if words is not None:
        sys.stdout.writelines(f"said: {each}\n" for each in words)
    elif SAID in case.facts:
        sys.stdout.write("said: name yourself with --as NAME to read the customer's own words\n")
    sys.stdout.write(f"may be done: {', '.join(choices)}\n")
    return 0


async def _propose(arguments: argparse.Namespace) -> int:
    async with opened() as house:
        _tell(await house.desk.propose(arguments.case, arguments.action, actor=arguments.actor, note=arguments.note))
    return 0


async def _approve(arguments: argparse.Namespace) -> int:
    async with opened() as house:
        _tell(await house.desk.approve(arguments.case, actor=arguments.actor, note=arguments.note))
    return 0


async def _reject(arguments: argparse.Namespace) -> int:
    async with opened() as house:
        _tell(await house.desk.reject(arguments.case, actor=arguments.actor, note=arguments.note))
    return 0


async def _tell_customer(arguments: argparse.Namespace) -> int:
    async with opened() as house:
        _tell(await house.desk.tell(arguments.case, arguments.note, actor=arguments.actor, vault=house.vault))
    return 0


def _tell(case: Case) -> None:
    facts = {name: value for name, value in case.facts.items() if name != SAID}
    lines = [
        f"{case.id}  {case.kind}  {case.state}",
        f"about: {case.subject}",
        f"trace: {case.trace_id}",
        f"proposed: {case.action or '-'} by {case.proposed_by or '-'}",
        f"decided by: {case.decided_by or '-'}",
        *([f"note: {case.note}"] if case.note else []),
        json.dumps(facts, ensure_ascii=False, indent=2),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
