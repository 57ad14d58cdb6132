"""The picture of the README: taken by test_phone.py, and small enough for everybody's connection."""

from tests.browser.test_phone import PICTURE, PICTURE_BYTES_MAX


def test_it_is_there_and_small() -> None:
    assert PICTURE.read_bytes().startswith(b"\x89PNG")
    assert PICTURE.stat().st_size <= PICTURE_BYTES_MAX
