"""Compiling: the import closure, solc's output, and that forge and these settings agree on every byte."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import yaml

from novacron.deploy.compiler import Compiler, CompilerSettings
from novacron.deploy.sources import find_source, import_closure, imports_of, resolve_import
from novacron.exceptions import CompilerError
from tests.deploy.support import ROOT, SOLC


def test_imports_of_every_form_are_found_and_comments_are_not() -> None:
    text = """
    // import "no1.sol";
    /* import {A} from "no2.sol"; */
    import "a.sol";
    import {A, B as C} from 'b.sol';
    import * as D from "./c.sol"; import {
        E
    }
      from "d//e.sol";
    string constant s = "import 'no3.sol';";
    string constant t = '// "'; import "f.sol";
    function reimport() {} // import "no4.sol"
    """
    assert imports_of(text) == ["a.sol", "b.sol", "./c.sol", "d//e.sol", "f.sol"]


@pytest.mark.parametrize(
    ("importer", "path", "unit"),
    [
        ("contracts/a/X.sol", "./Y.sol", "contracts/a/Y.sol"),
        ("contracts/a/X.sol", "../../interfaces/I.sol", "interfaces/I.sol"),
        ("contracts/X.sol", "lib/Y.sol", "short/Y.sol"),
        ("contracts/X.sol", "lib/deep/Y.sol", "long/Y.sol"),
        ("contracts/X.sol", "contracts/Z.sol", "contracts/Z.sol"),
    ],
)
def test_imports_resolve_as_in_solc(importer: str, path: str, unit: str) -> None:
    assert resolve_import(importer, path, {"lib/": "short/", "lib/deep/": "long/"}) == unit


def test_the_closure_has_what_the_contract_needs_and_nothing_else(project: Path) -> None:
    closure = import_closure(project, "contracts/Registry.sol", {"lib/": "contracts/shared/"})
    assert list(closure) == ["contracts/Registry.sol", "contracts/shared/Owned.sol"]


def test_a_missing_import_names_file_and_importer(project: Path) -> None:
    (project / "contracts" / "shared" / "Owned.sol").unlink()
    with pytest.raises(CompilerError, match=r"contracts/shared/Owned\.sol, imported by contracts/Registry\.sol"):
        import_closure(project, "contracts/Registry.sol", {"lib/": "contracts/shared/"})


def test_an_import_outside_the_project_is_refused(project: Path) -> None:
    (project / "contracts" / "Far.sol").write_text('import "../../secret.sol"; contract Far {}')
    with pytest.raises(CompilerError, match="outside the project"):
        import_closure(project, "contracts/Far.sol", {})


def test_source_that_is_no_utf8_is_named(project: Path) -> None:
    (project / "contracts" / "Bin.sol").write_bytes(b"contract Bin {} // \xff")
    with pytest.raises(CompilerError, match=r"Bin\.sol.*UTF-8"):
        import_closure(project, "contracts/Bin.sol", {})


def test_a_contract_is_found_by_name_or_by_file(project: Path) -> None:
    assert find_source(project, "Vault") == ("contracts/Vault.sol", "Vault")
    assert find_source(project, "contracts/Vault.sol:Vault") == ("contracts/Vault.sol", "Vault")
    with pytest.raises(CompilerError, match=r"no Nowhere\.sol"):
        find_source(project, "Nowhere")
    (project / "contracts" / "shared" / "Vault.sol").write_text("")
    with pytest.raises(CompilerError, match=r"defined by contracts/Vault\.sol and contracts/shared/Vault\.sol"):
        find_source(project, "Vault")


def test_immutables_are_named_where_they_were_declared(compiler: Compiler) -> None:
    built = compiler.compile("Registry")
    assert sorted((item.name, item.type) for item in built.immutables) == [("owner", "address"), ("self", "address")]
    for item in built.immutables:
        for start, length in item.places:
            assert length == 32
            assert built.runtime_code[start : start + length] == bytes(32)
    assert built.storage_layout["storage"][0]["label"] == "count"


def test_the_input_hash_is_that_of_the_file_an_explorer_gets(compiler: Compiler) -> None:
    built = compiler.compile("Registry")
    assert hashlib.sha256(built.standard_input.encode()).hexdigest() == built.input_hash
    document = json.loads(built.standard_input)
    assert document["language"] == "Solidity"
    assert document["settings"]["evmVersion"] == "prague"


def test_compiling_twice_gives_the_same_bytes_with_and_without_cache(compiler: Compiler, project: Path) -> None:
    assert (
        compiler.compile("Registry") == compiler.compile("Registry") == Compiler(project, solc=SOLC).compile("Registry")
    )


def test_the_cache_follows_source_and_settings_and_survives_damage(project: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = Compiler(project, cache=cache, solc=SOLC).compile("Registry")
    for file in cache.iterdir():
        file.write_text("{")
    assert Compiler(project, cache=cache, solc=SOLC).compile("Registry") == first
    source = project / "contracts" / "Registry.sol"
    source.write_text(source.read_text().replace("count = 7", "count = 8"))
    assert Compiler(project, cache=cache, solc=SOLC).compile("Registry").creation_code != first.creation_code


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("contract Odd { function f() external { g(); } }", "Undeclared identifier"),
        ("abstract contract Odd {}", "abstract or an interface"),
        ("interface Odd {}", "abstract or an interface"),
        ("contract Other {}", r"defines no contract Odd"),
        ("library L { function f() external {} } contract Odd { function g() external { L.f(); } }", "linked librar"),
    ],
)
def test_what_cannot_be_deployed_is_refused(project: Path, source: str, message: str) -> None:
    header = "// SPDX-License-Identifier: MIT\npragma solidity ^0.8.37;\n"
    (project / "contracts" / "Odd.sol").write_text(header + source)
    with pytest.raises(CompilerError, match=message):
        Compiler(project, solc=SOLC).compile("Odd")


def test_a_missing_compiler_says_what_to_run(project: Path, tmp_path: Path) -> None:
    with pytest.raises(CompilerError, match=r"solc 0\.8\.37 is missing.*make setup"):
        Compiler(project, solc=tmp_path / "solc").compile("Registry")


def test_a_compiler_that_talks_nonsense_is_named(project: Path, tmp_path: Path) -> None:
    fake = tmp_path / "solc"
    fake.write_text("#!/bin/sh\necho segmentation fault >&2\n")
    fake.chmod(0o755)
    with pytest.raises(CompilerError, match=r"gave no JSON.*segmentation fault"):
        Compiler(project, solc=fake).compile("Registry")


def test_another_compiler_version_is_refused(project: Path) -> None:
    toml = project / "foundry.toml"
    toml.write_text(toml.read_text().replace("solc-v0.8.37", "solc-v0.8.38"))
    with pytest.raises(CompilerError, match=r"solc is 0\.8\.37\+commit.*wants 0\.8\.38"):
        Compiler(project, solc=SOLC).compile("Registry")


@pytest.mark.parametrize("missing", ["evm_version", "optimizer_runs", "solc"])
def test_a_setting_that_decides_about_bytecode_must_be_set(project: Path, missing: str) -> None:
    toml = project / "foundry.toml"
    toml.write_text("\n".join(line for line in toml.read_text().splitlines() if not line.startswith(missing)))
    with pytest.raises(CompilerError, match=missing):
        Compiler(project)


def test_a_folder_without_foundry_toml_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(CompilerError, match="source tree"):
        Compiler(tmp_path)


def test_proof_of_training_has_forges_bytecode_metadata_included() -> None:
    artifact = json.loads((ROOT / "out" / "forge" / "ProofOfTraining.sol" / "ProofOfTraining.json").read_text())
    built = Compiler(ROOT).compile("ProofOfTraining")
    sources = artifact["metadata"]["sources"]
    changed = [
        name
        for name, text in json.loads(built.standard_input)["sources"].items()
        if name not in sources or sources[name]["keccak256"] != "0x" + keccak_of(text["content"])
    ]
    assert not changed, f"out/forge is older than {changed}: run `make build`"
    assert built.creation_code.hex() == artifact["bytecode"]["object"][2:]
    assert built.runtime_code.hex() == artifact["deployedBytecode"]["object"][2:]


def keccak_of(text: str) -> str:
    from eth_utils.crypto import keccak

    return keccak(text=text).hex()


def test_version_and_settings_are_the_same_in_every_file() -> None:
    settings = CompilerSettings.of_project(ROOT)
    ape = yaml.safe_load((ROOT / "ape-config.yaml").read_text())
    package = json.loads((ROOT / "package.json").read_text())
    assert package["devDependencies"]["solc"] == settings.version
    assert ape["solidity"] == {
        "version": settings.version,
        "evm_version": settings.evm_version,
        "optimize": settings.optimizer,
        "optimization_runs": settings.runs,
        "import_remapping": list(settings.remappings),
    }
    assert not settings.via_ir  # ape-config.yaml would need it too
    assert ape["foundry"]["evm_version"] == settings.evm_version
    lock = (ROOT / "requirements.lock").read_text()
    for plugin in ape["plugins"]:
        assert f"ape-{plugin['name']}=={plugin['version']} " in lock
