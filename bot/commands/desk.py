"""``desk``: work the cases that wait for a person, with two names."""

import argparse
import json
import sys

from bot.cases.book import Case, show, waiting
from bot.commands.common import Commands, add_command, opened
from bot.kernel.clock import SHANGHAI


def add(commands: Commands) -> None:
    parser = add_command(commands, "desk", _list, "list, show, propose, approve or reject cases")
    steps = parser.add_subparsers(metavar="STEP")
    steps.add_parser("list", help="the cases that wait, most urgent first").set_defaults(command=_list)
    looked = steps.add_parser("show", help="one case with what may be done")
    looked.add_argument("case")
    looked.set_defaults(command=_show)
    proposed = steps.add_parser("propose", help="say what should be done")
    proposed.add_argument("case")
    proposed.add_argument("action")
    proposed.set_defaults(command=_propose)
    approved = steps.add_parser("approve", help="agree, as another person, and have it done")
    approved.add_argument("case")
    approved.set_defaults(command=_approve)
    rejected = steps.add_parser("reject", help="refuse a proposal; the case is open again")
    rejected.add_argument("case")
    rejected.set_defaults(command=_reject)
    for step in (proposed, approved, rejected):
        step.add_argument("--as", dest="actor", required=True, metavar="NAME", help="who decides; goes into the audit")
        step.add_argument("--note", default="", help="why; goes into the audit")


async def _list(_: argparse.Namespace) -> int:
    async with opened() as house:
        cases = await waiting(house.database)
    for case in cases:
        due = case.due_at.astimezone(SHANGHAI)
        sys.stdout.write(f"{case.id}  {case.state:8}  due {due:%m-%d %H:%M}  {case.kind:18} {case.subject}\n")
    sys.stdout.write(f"{len(cases)} waiting\n")
    return 0


async def _show(arguments: argparse.Namespace) -> int:
    async with opened() as house:
        case = await show(house.database, arguments.case)
        choices = house.desk.choices(case)
    _tell(case)
    sys.stdout.write(f"may be done: {', '.join(choices) or 'nothing here'}\n")
    return 0


async def _propose(arguments: argparse.Namespace) -> int:
    async with opened() as house:
        _tell(await house.desk.propose(arguments.case, arguments.action, actor=arguments.actor, note=arguments.note))
    return 0


async def _approve(arguments: argparse.Namespace) -> int:
    async with opened() as house:
        _tell(await house.desk.approve(arguments.case, actor=arguments.actor))
    return 0


async def _reject(arguments: argparse.Namespace) -> int:
    async with opened() as house:
        _tell(await house.desk.reject(arguments.case, actor=arguments.actor, note=arguments.note))
    return 0


def _tell(case: Case) -> None:
    facts = json.dumps(dict(case.facts), ensure_ascii=False, indent=2)
    sys.stdout.write(
        f"{case.id}  {case.kind}  {case.state}\nabout: {case.subject}\ntrace: {case.trace_id}\n"
        f"proposed: {case.action or '-'} by {case.proposed_by or '-'}\ndecided by: {case.decided_by or '-'}\n{facts}\n"
    )
