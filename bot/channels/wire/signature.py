"""WeChat's signature of a push: SHA-1 over the token and the other parts, sorted and joined."""

import hashlib
import hmac

from bot.kernel.masking import Secret


def sign(token: Secret, *parts: str) -> str:
    """Return the hexadecimal signature (消息推送, 校验签名): all parts in code-point order, without a separator."""
    joined = "".join(sorted((token.reveal(), *parts)))
    # Query values may carry lone surrogates; they must lead to a wrong signature, not to an exception.
    return hashlib.sha1(joined.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def genuine(signature: str, token: Secret, *parts: str) -> bool:
    """Tell whether the signature is WeChat's; without a token nothing ever is.

    An empty token would let anybody sign, which is how wechatpy's check_signature can be passed (wechat.md §3).
    """
    if not token or not signature:
        return False
    return hmac.compare_digest(sign(token, *parts).encode(), signature.encode("utf-8", "surrogatepass"))
