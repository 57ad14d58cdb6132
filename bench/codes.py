"""``make bench ARGS="--only codes"``: drawing codes beside other libraries, and the memory that a large batch takes."""

import asyncio
import io
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import qrcode
import segno
import zxingcpp
from PIL import Image

from bench.report import line
from bot.billers.catalogue import Catalogue
from bot.billers.prints import Prints, drawing
from bot.demo.sample import put_sample
from bot.kernel.clock import SystemClock
from bot.kernel.masking import Secret
from bot.storage.database import connect
from bot.storage.migrations import upgrade
from bot.storage.vault import Vault
from qrcodes.image import qr_png, qr_svg
from qrcodes.tokens import code_url, new_token

CODES, ROUNDS = 200, 3
FEW, MANY = 240, 10_000
PUBLIC_URL = "https://pay.example.com"

Draw = Callable[[str], bytes]


def _library(text: str) -> bytes:
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, box_size=8)
    code.add_data(text)
    body = io.BytesIO()
    code.make_image().save(body)
    return body.getvalue()


def _segno(kind: str) -> Draw:
    def draw(text: str) -> bytes:
        body = io.BytesIO()
        segno.make_qr(text, error="m", boost_error=False).save(body, kind=kind, scale=8)
        return body.getvalue()

    return draw


def _zxing(text: str) -> bytes:
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    body = io.BytesIO()
    Image.fromarray(code.to_image(scale=8)).save(body, "PNG")
    return body.getvalue()


DRAWERS: Sequence[tuple[str, Draw]] = (
    ("ours, PNG", lambda text: qr_png(text).body),
    ("ours, SVG", lambda text: qr_svg(text).body),
    ("qrcode as it comes, PNG", _library),
    ("segno, PNG", _segno("png")),
    ("segno, SVG", _segno("svg")),
    ("zxing-cpp (C++) and Pillow, PNG", _zxing),
)


def table() -> None:
    """Print milliseconds a code, each drawer in turn with addresses that it has not drawn before; the best round."""
    line(f"\ncodes: {CODES} addresses at level M, 8 pixels a module, best of {ROUNDS} rounds")
    dice, best = Random(7), dict.fromkeys((name for name, _ in DRAWERS), float("inf"))
    for _ in range(ROUNDS):
        for name, draw in DRAWERS:
            texts = [code_url(PUBLIC_URL, new_token(dice.randrange)) for _ in range(CODES)]
            began = time.perf_counter()
            for text in texts:
                draw(text)
            best[name] = min(best[name], (time.perf_counter() - began) / CODES)
    for name, seconds in best.items():
        line(f"  {name:34} {seconds * 1000:6.2f} ms  {1 / seconds:7.0f}/s")


def batch() -> None:
    """Print how long a large batch takes, and what memory it takes beyond a small one, in one process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peaks, took = asyncio.run(_batches(folder))
        size = (folder / f"{MANY}.zip").stat().st_size
    line(
        f"  batch of {MANY} stickers on pages: {took:.1f} s, {MANY / took:.0f}/s, archive {size / 1e6:.1f} MB, "
        f"peak {peaks[1]:.0f} MiB, {peaks[1] - peaks[0]:.1f} MiB above a batch of {FEW}"
    )


async def _batches(folder: Path) -> tuple[list[float], float]:
    url, clock = f"sqlite:///{folder}/codes.db", SystemClock()
    await asyncio.to_thread(upgrade, url)
    database = await connect(url, clock)
    try:
        catalogue = Catalogue(database, clock)
        await put_sample(database, Vault.from_secrets([Secret("b" * 40)]), catalogue, clock)
        prints = Prints(database, catalogue, clock, PUBLIC_URL)
        peaks, took = [], 0.0
        for count in (FEW, MANY):
            sheet = folder / f"{count}.csv"
            rows = (f"sto_noodles_{1 + each % 2},itm_noodles,{each}号桌\n" for each in range(count))
            sheet.write_text("门店编号,项目编号,标签\n" + "".join(rows), encoding="utf-8")
            began = time.perf_counter()
            await prints.of_sheet(sheet, folder / f"{count}.zip", drawing("sheet", None), lambda _count: None)
            took = time.perf_counter() - began
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return peaks, took
    finally:
        await database.close()


if __name__ == "__main__":
    table()
    batch()
    sys.exit(0)
