"""The signature agrees with the documents and with wechatpy, and fails closed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wechatpy.utils import WeChatSigner

from bot.channels.wire.signature import genuine, sign
from bot.kernel.masking import Secret
from tests.channels import samples


def test_documented_signatures() -> None:
    assert sign(samples.TOKEN, "1714036504", "1514711492") == samples.VERIFY["signature"]
    assert sign(samples.TOKEN, "1714037059", "486452656") == samples.PLAIN["signature"]
    assert sign(samples.TOKEN, "1714112445", "415670741", samples.SAFE_ENCRYPT) == samples.SAFE["msg_signature"]
    assert (
        sign(samples.TOKEN, samples.ANSWER_TIMESTAMP, "415670741", samples.ANSWER_ENCRYPT) == samples.ANSWER_SIGNATURE
    )


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=5))
def test_agrees_with_wechatpy(parts: list[str]) -> None:
    signer = WeChatSigner()
    signer.add_data("AAAAA", *parts)

    assert sign(samples.TOKEN, *parts) == signer.signature


def test_an_empty_token_verifies_nothing() -> None:
    """wechatpy's check_signature accepts this."""
    empty = Secret("")

    assert not genuine(sign(empty, "1", "2"), empty, "1", "2")


@pytest.mark.parametrize("signature", ["", "0" * 40, samples.VERIFY["signature"].upper(), "签名", "\ud800"])
def test_wrong_signatures(signature: str) -> None:
    assert not genuine(signature, samples.TOKEN, "1714036504", "1514711492")


def test_lone_surrogates_in_a_query_are_only_wrong() -> None:
    assert not genuine(samples.VERIFY["signature"], samples.TOKEN, "1714036504", "\udcff")
