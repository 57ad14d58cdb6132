"""``device``: the machines and pages at a store's till."""

import argparse
import sys
from typing import Final

from bot.billers.devices import Devices
from bot.billers.items import Flow
from bot.commands.common import Commands, add_command, opened
from bot.kernel.errors import BadRequest, NotFound

_ONCE: Final = "write it down now: it is shown this once\n"


def add(commands: Commands) -> None:
    device = add_command(commands, "device", _device, "make, list and revoke what scans payers' codes at a till")
    device.add_argument("action", choices=("machine", "page", "list", "revoke"))
    device.add_argument("target", help="a store's id; for revoke the device's")
    device.add_argument("--item", help="the bill item's id that the till takes money for")
    device.add_argument("--name", default="收银台", help="what the cashier and the payer's bill call it")


async def _device(arguments: argparse.Namespace) -> int:
    async with opened() as house:
        devices = Devices(house.database, house.vault, house.clock)
        if arguments.action == "revoke":
            if not await devices.revoke(arguments.target):
                raise NotFound("device_unknown", f"there is no active device {arguments.target}")
            return 0
        store = await house.catalogue.store(arguments.target)
        if arguments.action == "list":
            for each in await devices.of_store(store.id):
                sys.stdout.write(f"{each.id}  {each.kind:7}  {each.state:7}  {each.name}\n")
            return 0
        if arguments.item is None:
            raise BadRequest("device_item", "name with --item what the till takes money for")
        item = await house.catalogue.item(arguments.item)
        if item.merchant_id != store.merchant_id:
            raise BadRequest("device_other_merchant", "the store and the item belong to different merchants")
        if item.definition.flow is not Flow.DIRECT:
            raise BadRequest("device_flow", "a till takes money for an item without account and bills")
        make = devices.add_machine if arguments.action == "machine" else devices.add_page
        made, secret = await make(
            merchant_id=store.merchant_id, store_id=store.id, item_id=item.id, name=arguments.name
        )
        url = f"{house.settings.environment.public_url}/till/{made}\n" if arguments.action == "page" else ""
        what = "PIN" if arguments.action == "page" else "key"
        sys.stdout.write(f"{made}\n{url}{what} {secret.reveal()}\n{_ONCE}")
    return 0
