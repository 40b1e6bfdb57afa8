"""The table of roles, continued: keys, verifications and models."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from novacron.deploy.roles_compute import MANAGED
from novacron.deploy.rules import Rule, Who

_E = Who.EVERYBODY
_LINEAGE = "((bytes32,uint8)[],bytes32[],bytes32,bytes32)"

MODELS: Mapping[str, Mapping[str, Rule]] = MappingProxyType(
    {
        "PostQuantumKeys": {
            "registerKey(uint8,bytes)": Rule(_E, "derive the expanded form of any public key, at their own expense")
        },
        "MLDSA44": {},
        "MLDSA65": {},
        "MLDSA87": {},
        "SLHDSASHA2128s": {},
        "QuantumVerification": {
            "enrolRoot(uint8,bytes32,address,bytes)": Rule(_E, "enrol keys that they hold"),
            "authorizeKey(bytes32,uint8,bytes32,address,uint40,uint40,bytes32,bytes)": Rule(
                Who.SIGNING_ROOT, "authorise anybody's key in its own name, for 90 days at a time", "root not revoked"
            ),
            "revokeKey(bytes32,uint40,bytes32,bytes)": Rule(
                Who.ROOT, "void what its own keys sign, the root's signature also what they have signed"
            ),
            "verifyData(bytes32,bytes)": Rule(
                Who.SIGNING_KEY, "say that it has signed a datum, in its root's name", "key valid"
            ),
            "verifyBatch(bytes32,uint64,bytes)": Rule(Who.SIGNING_KEY, "the same of a tree of data", "key valid"),
        },
        "ModelRegistry": dict(MANAGED)
        | {
            "commit(bytes32)": Rule(_E, "nothing: it keeps a number"),
            "registerModel(bytes32,bytes32,string,string)": Rule(
                _E, "register what nobody has registered; give way for an hour to whoever committed before"
            ),
            f"register(bytes32,bytes32,string,string,bool,{_LINEAGE},bytes32)": Rule(
                _E, "the same; at once final with a commitment"
            ),
            "transferModel(bytes32,address)": Rule(Who.MODEL_OWNER, "offer a model; nothing moves until accepted"),
            "acceptModel(bytes32)": Rule(Who.OFFERED, "take the model that was offered"),
            "setStage(bytes32,uint8)": Rule(Who.MODEL_OWNER, "name another stage of their own model"),
            "revokeModel(bytes32,string)": Rule(
                Who.REVOKER, "end the use of a model and of all that descends from it", "final, not revoked"
            ),
            "certify(bytes32,uint40,bytes32)": Rule(
                Who.CERTIFIER, "call a bad model good, until somebody revokes it", "final, not revoked"
            ),
            "revokeCertificate(bytes32,string)": Rule(Who.CERTIFIER, "take a good model's certificate", "certified"),
            "createName(string)": Rule(_E, "create names in their own namespace"),
            "transferName(bytes32,address)": Rule(Who.NAME_OWNER, "offer a name; nothing moves until accepted"),
            "acceptName(bytes32)": Rule(Who.OFFERED, "take the name that was offered"),
            "publish(bytes32,bytes32)": Rule(Who.BOTH_OWNER, "add versions to their own name", "not frozen"),
            "setAlias(bytes32,string,bytes32,bytes32)": Rule(
                Who.NAME_OWNER, "point an alias to another of the published models", "not frozen"
            ),
            "freezeAlias(bytes32,string)": Rule(Who.NAME_OWNER, "stop their own alias for good", "not frozen"),
            "freezeName(bytes32)": Rule(Who.NAME_OWNER, "stop their own name for good", "not frozen"),
        },
    }
)
