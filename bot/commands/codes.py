"""``qr`` and ``menu``: a store's code to print, and the account's menu."""

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from bot.billers.codes import add_code
from bot.channels.official.menu import default_menu, faults_of
from bot.commands.common import Commands, add_command, opened
from bot.kernel.errors import BadRequest
from bot.storage.port import Tx
from qrcodes.image import qr_png, qr_svg
from qrcodes.sheet import Stand, stand_svg
from qrcodes.tokens import code_url


def add(commands: Commands) -> None:
    code = add_command(commands, "qr", _code, "make a store's code and draw it")
    code.add_argument("store", help="the store's id")
    code.add_argument("item", help="the bill item's id that the code takes money for")
    code.add_argument("--out", type=Path, required=True, help="a .svg, .png or -stand.svg file")
    menu = add_command(commands, "menu", _menu, "push the menu of an official account")
    menu.add_argument("account", help="its key in the configuration")
    menu.add_argument("--file", type=Path, help="a JSON file; without it the standard menu")
    menu.add_argument("--dry-run", action="store_true", help="check and print, push nothing")


async def _code(arguments: argparse.Namespace) -> int:
    async with opened() as house:
        store = await house.catalogue.store(arguments.store)
        item = await house.catalogue.item(arguments.item)
        if item.merchant_id != store.merchant_id:
            raise BadRequest("code_other_merchant", "the store and the item belong to different merchants")

        async def work(tx: Tx) -> str:
            return await add_code(
                tx,
                house.clock,
                kind="static",
                merchant_id=store.merchant_id,
                store_id=store.id,
                item_id=item.id,
                label=f"{item.merchant_short_name} {store.name}",
            )

        token = await house.database.effect(work)
        url = code_url(house.settings.environment.public_url, token)
        stand = Stand(merchant=item.merchant_name, store=store.name, payload=url)
    await asyncio.to_thread(_draw, arguments.out, url, stand)
    sys.stdout.write(f"{url}\n")
    return 0


def _draw(out: Path, url: str, stand: Stand) -> None:
    if out.name.endswith("-stand.svg"):
        out.write_text(stand_svg(stand), encoding="utf-8")
    elif out.suffix == ".svg":
        out.write_bytes(qr_svg(url).body)
    elif out.suffix == ".png":
        out.write_bytes(qr_png(url).body)
    else:
        raise BadRequest("code_format", "name a file that ends in .svg, .png or -stand.svg")


async def _menu(arguments: argparse.Namespace) -> int:
    menu: Any = default_menu()
    if arguments.file is not None:
        text = await asyncio.to_thread(arguments.file.read_text, encoding="utf-8")
        menu = json.loads(text)
    faults = faults_of(menu)
    if faults:
        raise BadRequest("menu", "; ".join(faults))
    if arguments.dry_run:
        sys.stdout.write(json.dumps(menu, ensure_ascii=False, indent=2) + "\n")
        return 0
    async with opened() as house:
        client = house.clients.get(arguments.account)
        if client is None:
            raise BadRequest("account_unknown", f"choose one of: {', '.join(house.clients) or 'none configured'}")
        await client.create_menu(menu)
    sys.stdout.write("pushed; phones show it within five minutes\n")
    return 0
