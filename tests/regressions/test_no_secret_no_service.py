"""Where a secret is missing the feature is off; it never means that nothing is checked (style.md §7.6)."""

import pytest

from bot.kernel.errors import Misconfigured
from bot.settings import ConfigFile, load

OFFICIAL = {"appid": "wx0000000000000001", "secret": "s", "token": "t"}


@pytest.mark.parametrize("key", ["", "default_secret", "x" * 31])
def test_a_short_key_stops_the_start(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.delenv("SCENEPAY_CONFIG", raising=False)
    monkeypatch.setenv("SECRET_KEY", key)

    with pytest.raises(Misconfigured, match="32 random characters"):
        load()


@pytest.mark.parametrize("mode", ["safe", "compat"])
def test_an_encrypting_account_needs_its_key(mode: str) -> None:
    with pytest.raises(ValueError, match="aes_key"):
        ConfigFile.model_validate({"official": {"main": {**OFFICIAL, "mode": mode}}})


def test_the_mode_that_encrypts_is_the_default() -> None:
    with pytest.raises(ValueError, match="aes_key"):
        ConfigFile.model_validate({"official": {"main": OFFICIAL}})


@pytest.mark.parametrize("missing", ["secret", "token"])
def test_an_account_without_its_secrets_is_none(missing: str) -> None:
    table = {name: value for name, value in OFFICIAL.items() if name != missing}

    with pytest.raises(ValueError, match=missing):
        ConfigFile.model_validate({"official": {"main": {**table, "mode": "plain"}}})


def test_a_secret_that_is_not_where_it_is_said_to_be_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_THERE", raising=False)

    with pytest.raises(ValueError, match="NOT_THERE is not set"):
        ConfigFile.model_validate({"official": {"main": {**OFFICIAL, "mode": "plain", "secret": {"env": "NOT_THERE"}}}})
