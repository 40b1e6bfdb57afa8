"""`ape run deploy` and `ape run verify_deployment` as a user types them, and what Ape and the compiler agree on."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ape import networks
from eth_account import Account

from novacron.chain.anvil import Anvil, free_port
from novacron.chain.endpoints import EndpointPool
from novacron.deploy.ape_accounts import ApeSigner
from novacron.deploy.arguments import encode_call
from novacron.deploy.compiler import Compiler
from novacron.deploy.manifest import load_manifest
from novacron.deploy.onchain import code_at
from novacron.exceptions import KeyMismatchError, SigningKeyError
from tests.deploy.support import ROOT, SOLC, ape_environment

KEY = "0x" + "5a" * 32


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project without its deployments, so that the real ones are left alone."""
    folder = tmp_path_factory.mktemp("workspace")
    for name in ("contracts", "interfaces", "scripts"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("ape-config.yaml", "foundry.toml"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    (folder / "out").symlink_to(ROOT / "out")  # development chains take what forge has built
    outputs = ROOT / ".build" / "compiler"  # and what solc has made of the very same input
    outputs.mkdir(parents=True, exist_ok=True)
    (folder / ".build").mkdir()
    (folder / ".build" / "compiler").symlink_to(outputs)
    (folder / "home").mkdir()
    return folder


@pytest.fixture(scope="module")
def chain() -> Iterator[Anvil]:
    with Anvil() as anvil:
        yield anvil


def run(workspace: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=workspace,
        env=ape_environment(HOME=str(workspace / "home"), **environment),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=300,
        check=False,
    )


def test_deploy_and_verify_from_the_command_line(workspace: Path, chain: Anvil) -> None:
    network = ("--network", f"ethereum:local:{chain.url}")
    folder = workspace / "deployments" / "ethereum-local"

    plan = ("--plan", "foundation")
    dry = run(workspace, "ape", "run", "deploy", *network, *plan, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "nothing was sent" in dry.stdout
    assert not folder.exists()

    first = run(workspace, "ape", "run", "deploy", *network, *plan)
    assert first.returncode == 0, first.stderr
    manifest = load_manifest(folder / "manifest.json")
    address = manifest.address_of("ProofOfTraining")
    assert address in dry.stdout
    assert address in first.stdout
    assert manifest.instances["ProofOfTraining"].deployer == chain.accounts[0][0]

    again = run(workspace, "ape", "run", "deploy", *network, *plan)
    assert again.returncode == 0, again.stderr
    assert load_manifest(folder / "manifest.json") == manifest
    assert chain.rpc("eth_getTransactionCount", chain.accounts[0][0], "latest") == "0x1"

    # The other documented way to the same running node.
    good = run(
        workspace, "ape", "run", "verify_deployment", "--network", "ethereum:local:foundry", APE_FOUNDRY_HOST=chain.url
    )
    assert good.returncode == 0, good.stderr
    assert "every byte" in good.stdout

    with EndpointPool([chain.url]) as pool:
        code = bytearray(code_at(pool, address))
    code[1234] ^= 1
    chain.rpc("anvil_setCode", address, "0x" + code.hex())
    bad = run(workspace, "ape", "run", "verify_deployment", *network)
    assert bad.returncode == 1
    assert "ProofOfTraining: code differs from the source at byte offset 1234 (0x4d2)" in bad.stdout
    assert "1 differences" in bad.stderr


def test_the_suite_is_deployed_handed_over_and_checked_from_the_command_line(workspace: Path) -> None:
    with Anvil() as anvil:
        network = ("--network", f"ethereum:local:{anvil.url}")
        done = run(workspace, "ape", "run", "deploy", *network)  # the default plan, anvil's accounts as genesis
        assert done.returncode == 0, done.stderr
        assert "Handed over." in done.stdout
        manifest = load_manifest(workspace / "deployments" / "ethereum-local" / "manifest.json")
        assert len(manifest.instances) == 38

        good = run(workspace, "ape", "run", "check_handover", *network)
        assert good.returncode == 0, good.stdout + good.stderr
        assert "The deployer holds no right." in good.stdout

        timelock, authority = manifest.address_of("Timelock"), manifest.address_of("Authority")
        deployer = anvil.accounts[0][0]
        anvil.rpc("anvil_setBalance", timelock, hex(10**18))
        anvil.rpc("anvil_impersonateAccount", timelock)
        data = encode_call("x", "grantRole(uint64,address,uint32)", [1, deployer, 0])
        anvil.rpc("eth_sendTransactionSync", {"from": timelock, "to": authority, "data": "0x" + data.hex()})
        bad = run(workspace, "ape", "run", "check_handover", *network)
        assert bad.returncode == 1
        assert f"Authority: the deployer {deployer} has the role GUARDIAN" in bad.stdout
        assert f"To mend: the deployer calls Authority.renounceRole(1, {deployer})" in bad.stdout
        assert "the hand-over is not complete; findings: 1" in bad.stderr
        assert "Traceback" not in bad.stdout + bad.stderr

        other = workspace / "other.toml"
        other.write_text("quota = 5")
        refused = run(workspace, "ape", "run", "deploy", *network, "--genesis", str(other))
        assert refused.returncode == 1
        assert (
            "genesis: the file lacks allocations, arbiters, attesters, auditors, certifiers, guardian, market"
            in refused.stderr
        )
        misplaced = run(workspace, "ape", "run", "deploy", *network, "--genesis", str(other), "--plan", "foundation")
        assert misplaced.returncode == 2
        assert "takes no --genesis" in misplaced.stderr
        shutil.rmtree(workspace / "deployments" / "ethereum-local")


def test_a_keyfile_account_deploys_where_ape_knows_only_an_address(workspace: Path) -> None:
    importing = f"import ape_accounts; ape_accounts.import_account_from_private_key('me', 'pass word', '{KEY}')"
    added = run(workspace, sys.executable, "-c", importing)
    assert added.returncode == 0, added.stderr
    address = Account.from_key(KEY).address
    with Anvil(chain_id=4243) as anvil:
        plan = ("--plan", "foundation")
        nobody = run(workspace, "ape", "run", "deploy", "--network", anvil.url, *plan, "--dry-run")
        assert nobody.returncode == 1
        assert "--account ALIAS" in nobody.stderr
        command = ("ape", "run", "deploy", "--network", anvil.url, *plan, "--account", "me", "--yes")
        poor = run(workspace, *command, APE_ACCOUNTS_me_PASSPHRASE="pass word")
        assert poor.returncode == 1
        assert address in poor.stderr
        undecided = run(workspace, "ape", "run", "deploy", "--network", anvil.url, "--account", "me", "--dry-run")
        assert undecided.returncode == 1
        assert "give a genesis file (--genesis FILE)" in undecided.stderr
        anvil.rpc("anvil_setBalance", address, hex(10**18))
        rich = run(workspace, *command, APE_ACCOUNTS_me_PASSPHRASE="pass word")
        assert rich.returncode == 0, rich.stderr
        assert anvil.rpc("eth_getTransactionCount", address, "latest") == "0x1"
    manifest = load_manifest(workspace / "deployments" / "ethereum-custom-4243" / "manifest.json")
    assert manifest.instances["ProofOfTraining"].deployer == address
    for secret in (KEY[2:], "pass word"):
        assert secret not in rich.stdout + rich.stderr + poor.stdout + poor.stderr


def test_without_a_running_node_ape_starts_one_and_stops_it(workspace: Path) -> None:
    port = free_port()
    manifest = workspace / "deployments" / "ethereum-local" / "manifest.json"
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text("of a chain that lives on")
    command = ("ape", "run", "deploy", "--network", "ethereum:local:foundry", "--plan", "foundation")
    done = run(workspace, *command, APE_FOUNDRY_HOST=f"http://127.0.0.1:{port}")
    assert done.returncode == 0, done.stderr
    assert "code equals the source" in done.stdout
    assert "no manifest was written" in done.stdout
    assert manifest.read_text() == "of a chain that lives on"
    manifest.unlink()
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), timeout=5):
        pass


def test_a_local_address_without_a_node_is_one_sentence(workspace: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    done = run(workspace, "ape", "run", "deploy", "--dry-run", "--network", f"ethereum:local:{address}")
    assert done.returncode == 1
    assert "no node answers at this network's address" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_public_network_without_an_address_or_with_a_wrong_one_is_one_sentence(workspace: Path, chain: Anvil) -> None:
    unset = run(workspace, "env", "-u", "SEPOLIA_RPC_URL", "ape", "run", "deploy", "--network", "ethereum:sepolia")
    assert unset.returncode == 1
    assert "set SEPOLIA_RPC_URL" in unset.stderr
    assert "Traceback" not in unset.stdout + unset.stderr
    secret = f"{chain.url}/?key=not-for-your-eyes"
    wrong = run(workspace, "ape", "run", "deploy", "--network", "ethereum:sepolia", SEPOLIA_RPC_URL=secret)
    assert wrong.returncode == 1
    assert "31337" in wrong.stderr
    assert "11155111" in wrong.stderr
    assert "not-for-your-eyes" not in wrong.stdout + wrong.stderr


def test_the_networks_of_the_readme_are_configured(workspace: Path) -> None:
    listed = run(workspace, "ape", "networks", "list", "--format", "yaml")
    assert listed.returncode == 0, listed.stderr
    script = """
import json
from ape import networks
print(json.dumps({
    choice: [network.chain_id, networks.get_provider_from_choice(choice).name, network.ecosystem.fee_token_symbol,
             network.required_confirmations, networks.get_provider_from_choice(choice).uri]
    for choice in ("ethereum:sepolia", "polygon:amoy", "base:sepolia", "optimism:sepolia")
    for network in [networks.get_ecosystem(choice.split(":")[0]).get_network(choice.split(":")[1])]
}))
"""
    names = ("SEPOLIA", "POLYGON_AMOY", "BASE_SEPOLIA", "OPTIMISM_SEPOLIA")
    environment = {f"{name}_RPC_URL": f"http://127.0.0.1:1/{name}" for name in names}
    found = json.loads(run(workspace, sys.executable, "-c", script, **environment).stdout.splitlines()[-1])
    assert found == {
        "ethereum:sepolia": [11155111, "node", "ETH", 2, environment["SEPOLIA_RPC_URL"]],
        "polygon:amoy": [80002, "node", "POL", 5, environment["POLYGON_AMOY_RPC_URL"]],
        "base:sepolia": [84532, "node", "ETH", 2, environment["BASE_SEPOLIA_RPC_URL"]],
        "optimism:sepolia": [11155420, "node", "ETH", 2, environment["OPTIMISM_SEPOLIA_RPC_URL"]],
    }
    for name in ("sepolia", "amoy", "local"):
        assert f"name: {name}\n" in listed.stdout


def test_ape_compiles_to_the_same_bytes(workspace: Path) -> None:
    # Ape compiles a copy of the project without node_modules: set-up's compiler reads imports from the project. It
    # names the remappings that some contract uses, and they are part of the metadata: so it must be the whole project.
    reading = "import ape; print(ape.project.ProofOfTraining.contract_type.model_dump_json())"
    done = run(workspace, sys.executable, "-c", reading, SOLCX_BINARY_PATH=str(SOLC.parent))
    assert done.returncode == 0, done.stderr[-2000:]
    apes = json.loads(done.stdout.splitlines()[-1])
    ours = Compiler(workspace, solc=SOLC).compile("ProofOfTraining")
    assert apes["deploymentBytecode"]["bytecode"] == "0x" + ours.creation_code.hex()
    assert apes["runtimeBytecode"]["bytecode"] == "0x" + ours.runtime_code.hex()


def test_the_deployer_works_without_ape() -> None:
    script = (
        "import sys, novacron.deploy.apply, novacron.deploy.verify, novacron.deploy.preview, novacron.deploy.tables, "
        "novacron.deploy.plans; print('ape' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


class FakeAccount:
    """An Ape account that signs with a key of choice, or changes the transaction, or declines."""

    def __init__(self, key: str, address: str | None = None, change: str = "", declines: bool = False) -> None:
        self._account = Account.from_key(key)
        self.address = address or self._account.address
        self._change, self._declines = change, declines

    def sign_transaction(self, txn: Any) -> Any:
        if self._declines:
            return None
        if self._change:
            setattr(txn, self._change, 99)
        fields = {**txn.model_dump(mode="json", by_alias=True, exclude={"sender"})}
        signed = self._account.sign_transaction(fields)
        txn.sender = None
        txn.signature = SimpleNamespace(v=signed.v, r=signed.r.to_bytes(32, "big"), s=signed.s.to_bytes(32, "big"))
        return SimpleNamespace(
            nonce=txn.nonce,
            chain_id=txn.chain_id,
            gas_limit=txn.gas_limit,
            value=txn.value,
            receiver=txn.receiver,
            data=txn.data,
            serialize_transaction=lambda: bytes(signed.raw_transaction),
        )


TRANSACTION = {
    "type": 2,
    "chainId": 31337,
    "nonce": 3,
    "maxFeePerGas": 10**9,
    "maxPriorityFeePerGas": 1,
    "gas": 21_000,
    "to": "0x4e59b44847b379578588920cA78FbF26c0B4956C",
    "value": 5,
    "data": b"\x01\x02",
}
PROVIDER: Any = SimpleNamespace(network=SimpleNamespace(ecosystem=networks.ethereum))


def test_the_signer_returns_what_the_account_signed() -> None:
    raw = ApeSigner(FakeAccount(KEY), PROVIDER).sign_transaction(dict(TRANSACTION))  # type: ignore[arg-type]
    assert raw[0] == 2
    assert Account.recover_transaction(raw) == Account.from_key(KEY).address
    assert raw == bytes(Account.from_key(KEY).sign_transaction(TRANSACTION).raw_transaction)


def test_a_declined_signature_is_an_error() -> None:
    with pytest.raises(SigningKeyError, match="declined"):
        ApeSigner(FakeAccount(KEY, declines=True), PROVIDER).sign_transaction(dict(TRANSACTION))  # type: ignore[arg-type]


@pytest.mark.parametrize("change", ["nonce", "value", "gas_limit", "max_fee", "max_priority_fee"])
def test_an_account_that_changes_the_transaction_is_refused(change: str) -> None:
    with pytest.raises(KeyMismatchError, match="another"):
        ApeSigner(FakeAccount(KEY, change=change), PROVIDER).sign_transaction(dict(TRANSACTION))  # type: ignore[arg-type]


def test_fees_are_read_from_the_signed_bytes() -> None:
    for asked in (
        TRANSACTION,
        {k: v for k, v in TRANSACTION.items() if "ee" not in k and k != "type"} | {"gasPrice": 7},
    ):
        for name in ("gas", "gasPrice", "maxFeePerGas", "maxPriorityFeePerGas"):
            if name not in asked:
                continue
            other = {**asked, name: asked[name] + 1}
            account = SimpleNamespace(
                address=Account.from_key(KEY).address,
                sign_transaction=lambda _, other=other: SimpleNamespace(
                    serialize_transaction=lambda: bytes(Account.from_key(KEY).sign_transaction(other).raw_transaction)
                ),
            )
            signer = ApeSigner(account, PROVIDER)  # type: ignore[arg-type]
            with pytest.raises(KeyMismatchError, match=f"another {name}"):
                signer.sign_transaction(dict(asked))
            assert signer.sign_transaction(dict(other))


def test_an_account_that_signs_with_another_key_is_refused() -> None:
    other = Account.from_key("0x" + "77" * 32).address
    with pytest.raises(KeyMismatchError, match="another signature"):
        ApeSigner(FakeAccount(KEY, address=other), PROVIDER).sign_transaction(dict(TRANSACTION))  # type: ignore[arg-type]


def test_no_key_is_in_the_representation() -> None:
    assert KEY[2:] not in repr(ApeSigner(FakeAccount(KEY), PROVIDER))  # type: ignore[arg-type]
    assert os.environ.get("NOVACRON_PRIVATE_KEY") is None
