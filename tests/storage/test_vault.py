"""Personal data at rest: unreadable without its key, useless in another column, found again by its blind."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.kernel.errors import Misconfigured
from bot.kernel.masking import Secret
from bot.storage.vault import Undecipherable, Vault

OLD = Secret("the first secret of this installation")
NEW = Secret("the second secret of this installation")
LATEST = Secret("the third secret of this installation")
COLUMN = "identities.subject_sealed"


def vault(*secrets: Secret, index: Secret | None = None) -> Vault:
    return Vault.from_secrets(list(secrets or (OLD,)), index)


texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(texts, texts)
def test_what_is_sealed_opens(plain: str, context: str) -> None:
    one = vault()

    assert one.open(one.seal(plain, context), context) == plain


def test_sealing_twice_shows_nothing_in_common() -> None:
    one, other = vault().seal("oABC", COLUMN), vault().seal("oABC", COLUMN)

    assert one[5:] != other[5:]
    assert b"oABC" not in one


@given(st.binary(max_size=80))
def test_garbage_is_refused(blob: bytes) -> None:
    with pytest.raises(Undecipherable):
        vault().open(blob, COLUMN)


def test_no_byte_can_be_changed() -> None:
    blob = vault().seal("13812345678", COLUMN)
    for position in range(len(blob)):
        changed = bytearray(blob)
        changed[position] ^= 1
        with pytest.raises(Undecipherable) as refused:
            vault().open(bytes(changed), COLUMN)
        assert "138" not in str(refused.value)


def test_a_blob_does_not_open_in_another_column() -> None:
    with pytest.raises(Undecipherable):
        vault().open(vault().seal("oABC", COLUMN), "bills.account_sealed")


def test_another_secret_opens_nothing() -> None:
    with pytest.raises(Undecipherable, match="previous keys"):
        vault(NEW).open(vault(OLD).seal("oABC", COLUMN), COLUMN)


def test_rotation_keeps_old_values_readable_and_findable() -> None:
    before, after = vault(OLD), vault(NEW, OLD)
    blob = before.seal("oABC", COLUMN)

    assert after.open(blob, COLUMN) == "oABC"
    assert after.needs_rotation(blob)
    assert not after.needs_rotation(after.seal("oABC", COLUMN))
    assert after.blind("oABC", COLUMN) == before.blind("oABC", COLUMN)
    assert after.index_id == before.index_id


def test_the_oldest_secret_may_go_when_it_stays_as_index() -> None:
    before = vault(NEW, OLD)
    blob = before.seal("oABC", COLUMN)
    after = vault(LATEST, NEW, index=OLD)

    assert after.open(blob, COLUMN) == "oABC"
    assert after.blind("oABC", COLUMN) == before.blind("oABC", COLUMN)
    assert after.index_id == before.index_id
    # Forgotten, it would lose every look-up; the id tells before any is lost.
    assert vault(LATEST, NEW).index_id != before.index_id


def test_a_blind_is_short_and_bound_to_its_column() -> None:
    blind = vault().blind("oABC", COLUMN)

    assert len(blind) == 32
    assert blind != vault().blind("oABC", "other.column")
    assert blind != vault().blind("oABD", COLUMN)
    assert blind != vault(NEW).blind("oABC", COLUMN)
    # A separator keeps context and text apart.
    assert vault().blind("bc", "a") != vault().blind("c", "ab")


@pytest.mark.parametrize("secrets", [[], [Secret("short")], [OLD, OLD], [OLD, Secret("")]])
def test_poor_secrets_are_refused(secrets: list[Secret]) -> None:
    with pytest.raises(Misconfigured):
        Vault.from_secrets(secrets)


def test_a_poor_index_secret_is_refused() -> None:
    with pytest.raises(Misconfigured):
        vault(OLD, index=Secret("short"))


@pytest.mark.parametrize(
    ("keys", "current", "index"),
    [
        ({b"abcd": b"k" * 32}, b"zzzz", b"i" * 32),
        ({b"abcd": b"k" * 16}, b"abcd", b"i" * 32),
        ({b"abc": b"k" * 32}, b"abc", b"i" * 32),
        ({b"abcd": b"k" * 32}, b"abcd", b"i" * 16),
    ],
)
def test_raw_keys_have_their_sizes(keys: dict[bytes, bytes], current: bytes, index: bytes) -> None:
    with pytest.raises(Misconfigured):
        Vault(keys, current, index)


def test_the_vault_prints_no_key() -> None:
    assert "secret of this" not in f"{vault()!r} {vars(vault())}"
