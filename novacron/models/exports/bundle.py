"""A signature over a model's files that the OpenSSF `model_signing` tool verifies, without a chain.

    model_signing verify key resnet50 --signature resnet50.sig --public_key release.pub

It is a Sigstore bundle (v0.3) with a DSSE envelope over the in-toto statement of the manifest, signed with ECDSA.
The tool knows no post-quantum keys: the model's ML-DSA signature is on chain, and `novacron model verify` looks there.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from novacron.exceptions import InputError, ModelRefusedError
from novacron.models.exports.facts import ModelFacts
from novacron.models.onchain import Verdict, hexed
from novacron.provenance.digest import canonical_json

_MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_PAYLOAD_TYPE = "application/vnd.in-toto+json"
#: The hash that model-signing uses with each curve.
_HASHES = {"secp256r1": hashes.SHA256(), "secp384r1": hashes.SHA384(), "secp521r1": hashes.SHA512()}


def model_signing_bundle(facts: ModelFacts, key: EllipticCurvePrivateKey) -> str:
    """Sign the model's files: the text of a `.sig` file.

    ECDSA takes a random number: two bundles of the same files differ in the signature only.

    Raises:
        InputError: facts without the files' manifest, or a key of another curve.
        ModelRefusedError: the model, or an ancestor, is revoked: a bundle could never say so.
    """
    if facts.manifest is None:
        raise InputError("a bundle is a signature over files: give their manifest")
    state = facts.graph.root.state
    if state.verdict in (Verdict.REVOKED, Verdict.ANCESTOR_REVOKED):
        raise ModelRefusedError(
            f"{hexed(facts.model_hash)} is not signed: {hexed(state.culprit) or 'it'} is revoked, and who verifies a "
            "bundle does not ask the chain"
        )
    algorithm = _algorithm(key)
    payload = canonical_json(facts.manifest.model_signing_statement())
    signature = key.sign(_pre_authentication(payload), ECDSA(algorithm))
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    bundle = {
        "mediaType": _MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": hashlib.sha256(public).hexdigest()}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": _PAYLOAD_TYPE,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
        },
    }
    return json.dumps(bundle)


def load_signing_key(path: Path, passphrase: bytes | None = None) -> EllipticCurvePrivateKey:
    """A private key in PEM, as `model_signing sign key` takes it.

    Raises:
        InputError: no such file, no private key, a passphrase that is wrong, missing or not needed, or not a key of
            P-256, P-384 or P-521.
    """
    try:
        found = load_pem_private_key(path.read_bytes(), passphrase)
    except OSError as error:
        raise InputError(f"the signing key {path} cannot be read: {error.strerror}") from error
    except TypeError as error:  # the one for a passphrase that is missing, or given in vain
        raise InputError(f"the signing key {path}: {error}") from error
    except (ValueError, UnsupportedAlgorithm) as error:  # whose text may quote the file
        raise InputError(f"{path} holds no private key in PEM, or its passphrase is another one") from error
    if not isinstance(found, EllipticCurvePrivateKey):
        raise InputError(f"{path} holds no key of an elliptic curve: model-signing takes P-256, P-384 and P-521")
    _algorithm(found)
    return found


def _algorithm(key: EllipticCurvePrivateKey) -> hashes.HashAlgorithm:
    try:
        return _HASHES[key.curve.name]
    except KeyError:
        raise InputError(f"a key of {key.curve.name}: model-signing takes P-256, P-384 and P-521") from None


def _pre_authentication(payload: bytes) -> bytes:
    """What DSSE signs: https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md."""
    kind = _PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
