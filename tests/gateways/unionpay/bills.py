"""The merchant's file as UnionPay sends it, written for the tests."""

import base64
import io
import zipfile
import zlib
from datetime import date
from typing import Any

from tests.gateways.unionpay import platform

# Widths of the columns of a ZM line, one blank between them; written down a second time on purpose.
WIDTHS = (3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21, 15, 1, 15,
          32, 13, 13, 8, 32, 13, 13, 12, 2, 1)  # fmt: skip
RESERVED = 131


def line(
    day: date,
    number: int,
    *,
    kind: str = "01",
    amount: int = 10_000,
    fee: int = 38,
    original: str = "",
    **changes: Any,
) -> bytes:
    """One line; ``changes`` are values by column index (as ``c15``)."""
    back = kind != "01"
    settlement = amount - fee
    cells = [""] * len(WIDTHS)
    cells[0] = "S22" if not back else "S30"
    cells[1] = cells[2] = "00049992"
    cells[3] = f"{number:06d}"
    cells[4] = f"{day:%m%d}10{number % 60:02d}30"
    cells[5] = "621234*********0048"
    cells[6] = f"{amount:012d}"
    cells[7] = "4900"
    cells[8] = "08"
    cells[9] = f"{day:%Y%m%d}1000{number:09d}"
    cells[11] = f"{'R' if back else 'T'}{day:%Y%m%d}{number:018d}"
    cells[12] = "01"
    cells[15] = f"{'C' if back else 'D'}{fee:012d}"
    cells[16] = f"{'D' if back else 'C'}{settlement:012d}"
    cells[19], cells[20], cells[21] = kind, "00" if back else "07", "000000"
    cells[26] = original
    cells[27] = platform.MER_ID
    cells[30] = "阳光物业"
    # Where the merchant's own words stand, as much of them as goes in.
    cells[34] = f"T{day:%Y%m%d}{number:018d}_{amount}"[:32] if back else ""
    for name, value in changes.items():
        cells[int(name[1:])] = value
    parts = [cell.encode("gbk").ljust(width) for cell, width in zip(cells, WIDTHS, strict=True)]
    return b" ".join(parts) + b" " * RESERVED + b"\r\n"


def bill(payments: int, refunds: int, day: date) -> tuple[bytes, int]:
    """The text of a day's file, and how many lines it has."""
    lines = [line(day, number) for number in range(payments)]
    back = f"{day:%Y%m%d}1000{0:09d}"
    lines += [line(day, 100 + number, kind="04", amount=500, fee=2, original=back) for number in range(refunds)]
    return b"".join(lines), len(lines)


def zipped(members: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


def packed(text: bytes) -> str:
    """The file as ``fileContent`` holds it."""
    archive = zipped({"INN26112288ZM_777290058110048": text, "INN26112288ZME_777290058110048": b""})
    return base64.b64encode(zlib.compress(archive)).decode()
