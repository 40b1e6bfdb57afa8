"""How models are named, and what a malformed name is told."""

from __future__ import annotations

import re

import pytest

from novacron.exceptions import InvalidReferenceError
from novacron.models.references import (
    NameReference,
    Reference,
    parse_alias_reference,
    parse_name_reference,
    parse_reference,
    parse_version,
)

WHO = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
NAME = NameReference(WHO, "resnet50")


@pytest.mark.parametrize("text", ["ab" * 32, "0x" + "ab" * 32, "0x" + "AB" * 32])
def test_a_digest_names_a_model(text: str) -> None:
    assert parse_reference(text) == Reference(model_hash=b"\xab" * 32)
    assert str(parse_reference(text)) == "0x" + "ab" * 32


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{WHO}/resnet50@champion", Reference(name=NAME, alias="champion")),
        (f"{WHO.lower()}/resnet50@champion", Reference(name=NAME, alias="champion")),
        ("resnet50@champion", Reference(name=NAME, alias="champion")),
        ("resnet50/1.0.0-rc.1+b.7", Reference(name=NAME, version="1.0.0-rc.1+b.7")),
        (f"{WHO}/resnet50/1.0.0", Reference(name=NAME, version="1.0.0")),
    ],
)
def test_names_with_aliases_and_versions(text: str, expected: Reference) -> None:
    found = parse_reference(text, WHO)
    assert found == expected
    assert parse_reference(str(found)) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no model is named"),
        ("00" * 32, "32 zero bytes"),
        ("0x" + "ab" * 31, "has 62 hexadecimal digits, a digest has 64"),
        ("0xzz", "name '0xzz'|does not say which"),
        ("resnet50", "does not say which of them: resnet50@champion or resnet50/1.0.0"),
        (f"{WHO}/resnet50", "does not say which of them"),
        (f"{WHO[:-1]}c/resnet50@champion", "wrong EIP-55 checksum"),
        (f"{WHO[:-1]}/resnet50@champion", "is no address"),
        ("ResNet50@champion", "1 to 63 of a-z"),
        ("x" * 64 + "@champion", "1 to 63 of a-z"),
        ("-x@champion", "the first a letter or digit"),
        ("resnet50@", "alias ''"),
        ("resnet50@latest", "'latest' is reserved"),
        ("resnet50@v12", "'v12' is reserved"),
        ("resnet50@a@b", "alias 'a@b'"),
        ("resnet50/1.0", "version '1.0'"),
        ("resnet50/v1.0.0", "version 'v1.0.0'"),
        ("resnet50/1.0.0/x", "version '1.0.0/x'"),
        ("resnet50@champion\n", "alias 'champion\\n'"),
        (" resnet50@champion", "name ' resnet50'"),
    ],
)
def test_what_is_no_name_is_told_what_is_wrong(text: str, words: str) -> None:
    with pytest.raises(InvalidReferenceError) as caught:
        parse_reference(text, WHO)
    assert words in str(caught.value) or re.search(words, str(caught.value))


def test_a_name_without_a_publisher_is_nobodys() -> None:
    with pytest.raises(InvalidReferenceError, match=r"does not say whose: write publisher/resnet50@champion"):
        parse_reference("resnet50@champion")
    with pytest.raises(InvalidReferenceError, match="publisher 'acme' is no address"):
        parse_reference("resnet50@champion", "acme")


def test_names_alone_and_aliases_alone() -> None:
    assert parse_name_reference(f"{WHO}/resnet50") == NAME
    assert parse_alias_reference("resnet50@champion", WHO) == (NAME, "champion")
    with pytest.raises(InvalidReferenceError, match="without alias or version"):
        parse_name_reference("resnet50@champion", WHO)
    with pytest.raises(InvalidReferenceError, match="write publisher/name@alias"):
        parse_alias_reference("resnet50/1.0.0", WHO)


@pytest.mark.parametrize("version", ["0.0.0", "1.2.3", "10.20.30-alpha.1", "1.0.0--", "1.0.0-0a.b+001", "1.0.0+0"])
def test_versions_of_semantic_versioning(version: str) -> None:
    assert parse_version(version) == version


@pytest.mark.parametrize(
    "version",
    [
        "",
        "1",
        "1.2",
        "01.2.3",
        "1.2.3-01",
        "1.2.3-",
        "1.2.3+",
        "1.2.3-a..b",
        "1.2.3 ",
        "１.2.3",
        "1.2.3-é",
        "1.0.0-" + "x" * 27,
    ],
)
def test_what_is_no_version(version: str) -> None:
    with pytest.raises(InvalidReferenceError, match=r"Semantic Versioning 2\.0\.0"):
        parse_version(version)
