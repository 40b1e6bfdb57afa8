"""What a Safe 1.5 keeps in storage and says in events; its published artifact has the code and no layout."""

from __future__ import annotations

from typing import Any

from eth_utils.crypto import keccak

from novacron.governance.decoding.storage_layout import Layout, Region

#: Slots fixed by hashes (GuardManager, FallbackManager and ModuleManager of its package).
SAFE_SLOTS = {
    "fallbackHandler": int.from_bytes(keccak(text="fallback_manager.handler.address"), "big"),
    "guard": int.from_bytes(keccak(text="guard_manager.guard.address"), "big"),
    "moduleGuard": int.from_bytes(keccak(text="module_manager.module_guard.address"), "big"),
}
#: `contracts/libraries/SafeStorage.sol` of its package, in order; one slot each.
_VARIABLES = (
    ("singleton", "t_address"),
    ("modules", "t_address_address"),
    ("owners", "t_address_address"),
    ("ownerCount", "t_uint256"),
    ("threshold", "t_uint256"),
    ("nonce", "t_uint256"),
    ("_deprecatedDomainSeparator", "t_bytes32"),
    ("signedMessages", "t_bytes32_uint256"),
    ("approvedHashes", "t_address_map"),
)
#: Events of SafeL2: name, then type and name of each argument, `*` for an indexed one.
_EVENTS = (
    "AddedOwner address* owner",
    "ApproveHash bytes32* approvedHash address* owner",
    "ChangedFallbackHandler address* handler",
    "ChangedGuard address* guard",
    "ChangedModuleGuard address* moduleGuard",
    "ChangedThreshold uint256 threshold",
    "DisabledModule address* module",
    "EnabledModule address* module",
    "ExecutionFailure bytes32* txHash uint256 payment",
    "ExecutionFromModuleFailure address* module",
    "ExecutionFromModuleSuccess address* module",
    "ExecutionSuccess bytes32* txHash uint256 payment",
    "RemovedOwner address* owner",
    "SafeModuleTransaction address module address to uint256 value bytes data uint8 operation",
    "SafeMultiSigTransaction address to uint256 value bytes data uint8 operation uint256 safeTxGas uint256 baseGas "
    "uint256 gasPrice address gasToken address refundReceiver bytes signatures bytes additionalInfo",
    "SafeReceived address* sender uint256 value",
    "SafeSetup address* initiator address[] owners uint256 threshold address initializer address fallbackHandler",
    "SignMsg bytes32* msgHash",
)


def safe_layout() -> Layout:
    """Where a Safe keeps its variables."""
    regions = [Region(label, slot, 0, kind) for slot, (label, kind) in enumerate(_VARIABLES)]
    regions += [Region(label, slot, 0, "t_address") for label, slot in SAFE_SLOTS.items()]
    return Layout(tuple(regions), dict(_TYPES))


def safe_events() -> list[dict[str, Any]]:
    """ABI items of its events."""
    found = []
    for line in _EVENTS:
        name, *words = line.split()
        inputs = [
            {"name": argument, "type": kind.removesuffix("*"), "indexed": kind.endswith("*")}
            for kind, argument in zip(words[::2], words[1::2], strict=True)
        ]
        found.append({"type": "event", "name": name, "inputs": inputs, "anonymous": False})
    return found


def _value(label: str, size: int) -> dict[str, Any]:
    return {"encoding": "inplace", "label": label, "numberOfBytes": str(size)}


def _mapping(label: str, key: str, value: str) -> dict[str, Any]:
    return {"encoding": "mapping", "label": label, "numberOfBytes": "32", "key": key, "value": value}


_TYPES: dict[str, dict[str, Any]] = {
    "t_address": _value("address", 20),
    "t_uint256": _value("uint256", 32),
    "t_bytes32": _value("bytes32", 32),
    "t_address_address": _mapping("mapping(address => address)", "t_address", "t_address"),
    "t_bytes32_uint256": _mapping("mapping(bytes32 => uint256)", "t_bytes32", "t_uint256"),
    "t_address_map": _mapping("mapping(address => mapping(bytes32 => uint256))", "t_address", "t_bytes32_uint256"),
}
