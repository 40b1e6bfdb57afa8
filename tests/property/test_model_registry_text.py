"""The rules of versions, names and aliases in Solidity against regular expressions; the official one for versions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction

from tests.property.registry_model import SEMVER, is_alias, is_name, is_version
from tests.support.contracts import deploy

#: Made of what versions are made of, so that about half are some; and of what stands beside that in ASCII.
PARTS = [
    "0",
    "1",
    "10",
    "01",
    ".",
    ".",
    ".",
    "-",
    "+",
    "a",
    "Z",
    "rc",
    "alpha",
    "0a",
    "1.0.0",
    "2.3.4-",
    "/",
    ":",
    "@",
    "\0",
]
versions = st.one_of(
    st.lists(st.sampled_from(PARTS), max_size=10).map("".join),
    st.from_regex(SEMVER, fullmatch=True).filter(lambda text: len(text) <= 40),
    st.text(max_size=12),
)
names = st.one_of(
    st.from_regex(r"[a-z0-9._A/-]{1,66}", fullmatch=True),
    st.from_regex(r"v[0-9]{1,8}[a-z.]?", fullmatch=True),
    st.sampled_from(["latest", "latest1", "lates", "v", "x1", "12", "", "a" * 63, "a" * 64]),
    st.text(max_size=5),
)

PROFILE = settings(
    max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def harness(w3: Web3) -> Contract:
    return deploy(w3, "ModelRegistryTextHarness")


def agree(function: Callable[[list[str]], ContractFunction], rule: Callable[[str], bool], texts: list[str]) -> None:
    said = function(texts).call()
    assert dict(zip(texts, said, strict=True)) == {text: rule(text) for text in texts}


@settings(PROFILE)
@given(texts=st.lists(versions, min_size=20, max_size=60))
def test_versions_are_those_of_the_official_expression(harness: Contract, texts: list[str]) -> None:
    agree(harness.functions.areVersions, is_version, texts)


@settings(PROFILE)
@given(texts=st.lists(names, min_size=20, max_size=60))
def test_names_and_aliases_are_those_of_the_expression(harness: Contract, texts: list[str]) -> None:
    agree(harness.functions.areNames, is_name, texts)
    agree(harness.functions.areAliases, is_alias, texts)


def test_every_character_at_every_place_of_a_version(harness: Contract) -> None:
    """All of ASCII, put into each place of a version that has every part."""
    whole = "1.0.2-a.0b+00.c"
    texts = [
        whole[:i] + chr(c) + whole[i + more :] for i in range(len(whole) + 1) for c in range(128) for more in (0, 1)
    ]
    agree(harness.functions.areVersions, is_version, texts)
    assert 100 < sum(map(is_version, texts)) < len(texts) - 100
