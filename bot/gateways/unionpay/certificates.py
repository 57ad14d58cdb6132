"""Whom UnionPay's messages may be signed by: a certificate in the message that chains to the configured root."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID

from bot.gateways.unionpay.account import UnionPayAccount
from bot.gateways.unionpay.crypto import SIGN_METHOD, Pairs, verifies
from bot.kernel.errors import Misconfigured

RSA_BITS_MIN: Final = 2048
_PEM_MAX: Final = 8192
_CHAIN_MAX: Final = 4
_KNOWN_MAX: Final = 32


@dataclass(frozen=True, slots=True)
class _Signer:
    """A certificate that was proven once, with the span of time in which its whole chain is valid."""

    key: RSAPublicKey
    since: datetime
    until: datetime


class Trust:
    """Judges the certificates that come with messages, by the account's roots, intermediates and owners.

    A certificate that passed is remembered, so that its chain costs no second look; its dates are compared each time.
    Revocation lists are not asked: a message is read without any call (ports.Gateway.read_notice). An authority or a
    certificate that is no longer to be trusted is taken out of the configuration.
    """

    def __init__(self, account: UnionPayAccount) -> None:
        """Load the authorities; raises Misconfigured for a text that holds no usable certificate."""
        self._owners = frozenset(account.owners)
        self._sha1 = account.accept_sha1
        self._roots = _authorities(account, "roots", account.roots)
        between = account.intermediates
        self._intermediates = _authorities(account, "intermediates", between) if between else ()
        self._known: OrderedDict[str, _Signer] = OrderedDict()

    def fault(self, pairs: Pairs | None, now: datetime) -> str:
        """Return why these raw pairs are not proven to come from UnionPay, or an empty text when they are."""
        if not pairs:
            return "malformed"
        pem = pairs.get("signPubKeyCert", "")
        if not (pem and pairs.get("signature")):
            return "unsigned"
        if pairs.get("signMethod") != SIGN_METHOD:
            return "sign_method"
        signer = self._known.get(pem) or self._proven(pem)
        if isinstance(signer, str):
            return signer
        if not signer.since <= now <= signer.until:
            return "certificate_expired"
        if not verifies(signer.key, pairs):
            return "bad_signature"
        self._remember(pem, signer)
        return ""

    def _remember(self, pem: str, signer: _Signer) -> None:
        self._known[pem] = signer
        self._known.move_to_end(pem)
        if len(self._known) > _KNOWN_MAX:
            self._known.popitem(last=False)

    def _proven(self, pem: str) -> _Signer | str:
        leaf = _loaded(pem)
        key = leaf.public_key() if leaf is not None else None
        if leaf is None or not isinstance(key, RSAPublicKey) or key.key_size < RSA_BITS_MIN:
            return "certificate_malformed"
        if owner_of(leaf) not in self._owners:
            return "certificate_owner"
        chain = self._chain(leaf)
        if not chain:
            return "certificate_chain"
        if not self._sha1 and any(isinstance(link.signature_hash_algorithm, SHA1) for link in chain[:-1]):
            return "certificate_sha1"
        since = max(link.not_valid_before_utc for link in chain)
        return _Signer(key, since, min(link.not_valid_after_utc for link in chain))

    def _chain(self, leaf: x509.Certificate) -> list[x509.Certificate]:
        """Return the certificates from this one up to a root, empty where none leads there.

        Only configured authorities are links, so what stands in the message besides can lengthen no chain.
        """
        chain = [leaf]
        while len(chain) < _CHAIN_MAX:
            if root := _issuer(chain[-1], self._roots):
                return [*chain, root]
            between = _issuer(chain[-1], self._intermediates)
            if between is None or between in chain:
                return []
            chain.append(between)
        return []


def owner_of(certificate: x509.Certificate) -> str:
    """Return the owner in a common name of CFCA's form, ``041@number@owner@number``; empty for another form.

    The part alone is compared: somebody else may well hold a certificate of the same authority whose name merely
    contains UnionPay's (payments.md, trap 16).
    """
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    parts = str(names[0].value).split("@") if len(names) == 1 else []
    return parts[2] if len(parts) == 4 else ""


def load_key(account: UnionPayAccount) -> RSAPrivateKey:
    """Return the merchant's signing key; raises Misconfigured for one that is unusable."""
    try:
        key = load_pem_private_key(account.private_key.reveal().encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None  # Said below, without the cause: its text may quote the key.
    if not isinstance(key, RSAPrivateKey) or key.key_size < RSA_BITS_MIN:
        remedy = f"[{account.key}] set private_key to an RSA key of 2048 bits or more in PEM, taken out of the .pfx"
        raise Misconfigured("unionpay_key", remedy)
    return key


def _authorities(account: UnionPayAccount, setting: str, text: str) -> tuple[x509.Certificate, ...]:
    try:
        found = x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        found = []
    if not found or not all(_may_issue(certificate) for certificate in found):
        remedy = (
            f"[{account.key}] set {setting} to the PEM text of authorities' certificates, as UnionPay hands them out"
        )
        raise Misconfigured("unionpay_certificates", remedy)
    return tuple(found)


def _may_issue(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        # Roots of version 1 carry no extensions; that they are authorities is the operator's word.
        return certificate.version is x509.Version.v1
    except ValueError:
        return False


def _issuer(certificate: x509.Certificate, authorities: Sequence[x509.Certificate]) -> x509.Certificate | None:
    for authority in authorities:
        try:
            certificate.verify_directly_issued_by(authority)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            continue
        return authority
    return None


def _loaded(pem: str) -> x509.Certificate | None:
    if len(pem) > _PEM_MAX:
        return None
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
        # What the name and the extensions hold is parsed only when it is asked for.
        _ = found[0].subject
    except (ValueError, UnicodeEncodeError):
        return None
    return found[0] if len(found) == 1 else None
