"""What a JSON-RPC answer must look like before anything believes it (JSON-RPC 2.0, Ethereum execution API)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

from eth_utils.crypto import keccak

from novacron.exceptions import InconsistentEndpointError

_QUANTITY = re.compile(r"0x[0-9a-fA-F]+")
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
_HASH = re.compile(r"0x[0-9a-fA-F]{64}")


def is_quantity(value: object) -> TypeGuard[str]:
    """A hexadecimal quantity such as `0x1a`."""
    return isinstance(value, str) and len(value) <= 66 and _QUANTITY.fullmatch(value) is not None


def is_hash(value: object) -> TypeGuard[str]:
    """32 bytes as 0x and 64 hexadecimal digits."""
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def is_data(value: object) -> TypeGuard[str]:
    """Bytes as 0x and an even number of hexadecimal digits."""
    return isinstance(value, str) and _DATA.fullmatch(value) is not None


def same_hex(left: object, right: object) -> bool:
    """Equal hexadecimal strings, letter case aside."""
    return isinstance(left, str) and isinstance(right, str) and left.lower() == right.lower()


def _quantity(_: Sequence[Any], result: Any) -> bool:
    return is_quantity(result)


def _data(_: Sequence[Any], result: Any) -> bool:
    return is_data(result)


def _block(params: Sequence[Any], result: Any) -> bool:
    if result is None:
        return True
    if not isinstance(result, dict) or not is_quantity(result.get("number")) or not is_hash(result.get("hash")):
        return False
    asked = params[0] if params else None
    return not is_quantity(asked) or int(result["number"], 16) == int(str(asked), 16)


def _block_by_hash(params: Sequence[Any], result: Any) -> bool:
    if result is None:
        return True
    return isinstance(result, dict) and bool(params) and same_hex(result.get("hash"), params[0])


def _transaction(params: Sequence[Any], result: Any) -> bool:
    if result is None:
        return True
    return isinstance(result, dict) and bool(params) and same_hex(result.get("hash"), params[0])


def _receipt(params: Sequence[Any], result: Any) -> bool:
    if result is None:
        return True
    if not isinstance(result, dict) or not params or not same_hex(result.get("transactionHash"), params[0]):
        return False
    quantities = all(is_quantity(result.get(field)) for field in ("blockNumber", "gasUsed", "status"))
    logs = result.get("logs")
    return quantities and is_hash(result.get("blockHash")) and isinstance(logs, list) and all(map(_is_log, logs))


def _is_log(log: object) -> bool:
    return (
        isinstance(log, dict)
        and is_data(log.get("address"))
        and is_data(log.get("data"))
        and isinstance(log.get("topics"), list)
        and all(is_hash(topic) for topic in log["topics"])
    )


def _logs(_: Sequence[Any], result: Any) -> bool:
    return isinstance(result, list) and all(map(_is_log, result))


def _fee_history(_: Sequence[Any], result: Any) -> bool:
    return isinstance(result, dict)


def _sent(params: Sequence[Any], result: Any) -> bool:
    # The hash is ours to compute: a node that names another one did something else with the bytes.
    return is_hash(result) and bool(params) and same_hex(result, "0x" + keccak(hexstr=params[0]).hex())


_CHECKS: dict[str, Callable[[Sequence[Any], Any], bool]] = {
    "eth_chainId": _quantity,
    "eth_blockNumber": _quantity,
    "eth_gasPrice": _quantity,
    "eth_maxPriorityFeePerGas": _quantity,
    "eth_estimateGas": _quantity,
    "eth_getBalance": _quantity,
    "eth_getTransactionCount": _quantity,
    "eth_getCode": _data,
    "eth_call": _data,
    "eth_getStorageAt": _data,
    "eth_getBlockByNumber": _block,
    "eth_getBlockByHash": _block_by_hash,
    "eth_getTransactionByHash": _transaction,
    "eth_getTransactionReceipt": _receipt,
    "eth_getLogs": _logs,
    "eth_feeHistory": _fee_history,
    "eth_sendRawTransaction": _sent,
}


def check_answer(label: str, method: str, params: Sequence[Any], answer: object, request_id: object) -> dict[str, Any]:
    """Validate one JSON-RPC answer: `{"result": …}` or `{"error": {…}}`.

    Raises:
        InconsistentEndpointError: wrong id, no object, neither or both members, or a result of the wrong type.
    """
    if not isinstance(answer, dict):
        raise InconsistentEndpointError(f"{label} answered {method} with no JSON-RPC object")
    error = answer.get("error")
    # Nodes answer with id null when they could not read the request (JSON-RPC 2.0 section 5).
    if answer.get("id") != request_id and not (error is not None and answer.get("id") is None):
        raise InconsistentEndpointError(f"{label} answered {method} with the id of another request")
    if error is not None:
        if not isinstance(error, dict):
            error = {"code": 0, "message": str(error)}
        return {"jsonrpc": "2.0", "id": request_id, "error": error}
    if "result" not in answer:
        raise InconsistentEndpointError(f"{label} answered {method} with neither result nor error")
    check = _CHECKS.get(method)
    if check is not None and not check(params, answer["result"]):
        raise InconsistentEndpointError(f"{label} answered {method} with a malformed or contradictory result")
    return {"jsonrpc": "2.0", "id": request_id, "result": answer["result"]}
