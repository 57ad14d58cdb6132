"""Our addresses carry tokens that cannot be guessed, and a damaged one is found without asking anybody."""

import itertools
import math
import secrets
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from qrcodes import tokens
from qrcodes.tokens import ALPHABET, RANDOM_CHARS, TOKEN_CHARS, code_url, is_token, new_token, token_of

BASE = "https://pay.example.com"
made = st.randoms(use_true_random=False).map(lambda random: new_token(random.randrange))


def test_a_token_has_at_least_128_bits_that_chance_chose() -> None:
    # Five of the 67 remainders are drawn again, which costs the logarithm of 62/67.
    bits = RANDOM_CHARS * math.log2(len(ALPHABET)) + math.log2(62 / 67)

    assert len(set(ALPHABET)) == 62
    assert bits >= 128


def test_the_default_source_is_the_systems_own() -> None:
    assert new_token.__defaults__ == (secrets.randbelow,)
    assert len({new_token() for _ in range(1000)}) == 1000


@given(made)
def test_what_is_made_is_accepted(token: str) -> None:
    assert len(token) == TOKEN_CHARS
    assert set(token) <= set(ALPHABET)
    assert is_token(token)


@given(made, st.integers(0, TOKEN_CHARS - 1), st.sampled_from(ALPHABET))
def test_every_single_wrong_character_is_found(token: str, at: int, wrong: str) -> None:
    assume(token[at] != wrong)

    assert not is_token(token[:at] + wrong + token[at + 1 :])


def test_every_single_error_and_every_exchange_in_one_token_is_found() -> None:
    """Not a sample: all 1,403 substitutions and all 253 pairs."""
    body = "0aB9zQ3kLmXw7RtYc2VfHs"
    token = next(body + check for check in ALPHABET if is_token(body + check))
    for at, wrong in itertools.product(range(TOKEN_CHARS), ALPHABET):
        assert is_token(token[:at] + wrong + token[at + 1 :]) == (token[at] == wrong)
    for one, two in itertools.combinations(range(TOKEN_CHARS), 2):
        swapped = list(token)
        swapped[one], swapped[two] = swapped[two], swapped[one]
        assert is_token("".join(swapped)) == (token[one] == token[two])


@given(made, st.integers(0, TOKEN_CHARS))
def test_a_cut_or_grown_token_is_refused(token: str, at: int) -> None:
    assert not is_token(token[:at] + token[at + 1 :]) or at == TOKEN_CHARS
    assert not is_token(token[:at] + "a" + token[at:])


def test_few_random_strings_pass() -> None:
    """One in 67 may: what the check refuses never reaches the database."""
    random = Random(7)
    passed = sum(is_token("".join(random.choices(ALPHABET, k=TOKEN_CHARS))) for _ in range(6700))

    assert 70 <= passed <= 130


@pytest.mark.parametrize("text", ["", "0" * 22, "é" * 23, "０" * 23, "0" * 22 + "\n", " " * 23, "../" * 8, "0" * 10**6])
def test_other_texts_are_refused(text: str) -> None:
    assert not is_token(text)


def test_remainders_without_a_character_are_drawn_again() -> None:
    """Zeros give 0; the first draw is made to sum to a value that base62 cannot write."""
    bad = next(value for value in range(62) if (tokens._WEIGHTS[0] * value) % 67 >= 62)
    draws = iter([bad, *[0] * (RANDOM_CHARS - 1), *[0] * RANDOM_CHARS])

    assert new_token(lambda below: next(draws)) == "0" * TOKEN_CHARS


@given(
    made, st.sampled_from([BASE, BASE + "/", BASE + ":8443", BASE + "/pay", "http://127.0.0.1:8080", BASE + "/a/b/"])
)
def test_an_address_gives_its_token_back(token: str, base: str) -> None:
    url = code_url(base, token)

    assert url.endswith(f"/q/{token}")
    assert "//" not in url.partition("://")[2]
    assert token_of(url, base) == token
    assert token_of(f" {url}?from=scan#top\n", base) == token


def test_default_ports_and_capitals_are_the_same_server() -> None:
    token = new_token()

    assert token_of(f"HTTPS://Pay.Example.com:443/q/{token}", BASE) == token


@pytest.mark.parametrize(
    "url",
    [
        "http://pay.example.com/q/{}",
        "https://pay.example.com.evil.example/q/{}",
        "https://evil.example/q/{}",
        "https://pay.example.com@evil.example/q/{}",
        "https://evil@pay.example.com/q/{}",
        "https://pay.example.com:8443/q/{}",
        "https://pay.example.com/Q/{}",
        "https://pay.example.com/x/q/{}",
        "https://pay.example.com/q/{}/",
        "https://pay.example.com/q/{}.png",
        "https://pay.example.com/q/../q/{}",
        "https://pay.example.com//q/{}",
        "//pay.example.com/q/{}",
        "/q/{}",
        "javascript:alert(1)//pay.example.com/q/{}",
        "https://pay.example.com:99999/q/{}",
        "https://[pay.example.com/q/{}",
        "{}",
        "",
    ],
)
def test_other_addresses_give_none(url: str) -> None:
    assert token_of(url.format(new_token()), BASE) is None


@given(st.text(max_size=600))
def test_any_scanned_text_is_answered(text: str) -> None:
    assert token_of(text, BASE) is None


@given(made, st.integers(0, 10_000))
def test_a_long_address_is_refused(token: str, extra: int) -> None:
    assume(len(BASE) + extra > tokens.URL_CHARS_MAX)

    assert token_of(code_url(BASE, token) + "?" + "x" * extra, BASE) is None


@pytest.mark.parametrize(
    "base",
    ["", "pay.example.com", "ftp://pay.example.com", "https://", "https://u:p@h", "https://h?x=1", "https://h#x",
     "https://h:port", "https://h:70000", "https://h:0"],
)  # fmt: skip
def test_a_malformed_base_address_is_an_error(base: str) -> None:
    with pytest.raises(ValueError):
        code_url(base, new_token())
    with pytest.raises(ValueError):
        token_of("https://h/q/x", base)


def test_no_address_is_built_from_a_damaged_token() -> None:
    with pytest.raises(ValueError, match="not a token"):
        code_url(BASE, "x" * TOKEN_CHARS)
