"""`novacron model`: releasing models; this file: what owners and certifiers do with one, and looking at it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from novacron.cli.app import App, facts, parse_metadata, pass_app
from novacron.cli.model_options import (
    StageType,
    consuming,
    digest_or_file,
    publisher_option,
    releasing,
    sent,
)
from novacron.cli.network import progress
from novacron.cli.options import emit_sent, key_option, parse_moment
from novacron.exceptions import InputError, InvalidDigestError, ModelError
from novacron.market.advice import moment
from novacron.market.quotes import head_time
from novacron.models.lineage import Node, certificate_text, lineage_of, run_text, signature_text
from novacron.models.onchain import ZERO, Lineage, Parent, Stage, hexed, parse_relation
from novacron.models.registration import Registered, Registration, manifest_digest, metadata_text
from novacron.provenance.digest import parse_digest
from novacron.provenance.manifest import build_manifest

_REFERENCE = click.argument("reference")


@click.group()
def model() -> None:
    """Models: commit to, register, certify, name, fetch, verify, revoke. See docs/models.md.

    A REFERENCE is a digest, publisher/name@alias, or publisher/name/version.
    """


@model.command()
@_REFERENCE
@publisher_option
@pass_app
def show(app: App, reference: str, publisher: str | None) -> None:
    """Print what the chain says of a model: whose, from what, certified by whom, deployable or not."""
    with consuming(app, publisher) as consumer:
        view = consumer.registry.view(consumer.confirmations)
        graph = lineage_of(view, view.resolve(consumer.reference(reference)), names=True)
        node = graph.root
        metadata = view.metadata(node.state)
    value = {**node.to_dict(), "metadata": metadata, "block": graph.pin.to_dict()}
    app.emit(value, facts(f"Model {hexed(node.model_hash)}", _rows(node, metadata, graph.pin.time)))


def _rows(node: Node, metadata: str | None, now: int) -> dict[str, Any]:
    found, lineage = node.state.model, node.state.lineage
    culprit = node.state.culprit
    about = "" if culprit in (ZERO, node.model_hash) else f": {hexed(culprit)}"
    rows: dict[str, Any] = {
        "model": hexed(node.model_hash),
        "version": found.version,
        "verdict": f"{node.state.verdict.word}{about}",
        "owner": found.owner,
        "stage": found.stage.word,
        "registered": moment(found.registered_at),
        "final": moment(found.final_at) + (", provisional until then" if now < found.final_at else ""),
        "certificate": certificate_text(node, now),
        "metadata": "not UTF-8 text" if metadata is None else metadata or "none",
    }
    if node.state.pending_owner is not None:
        rows["offered to"] = node.state.pending_owner
    if node.revoked:
        rows["revoked"] = moment(found.revoked_at)
        rows["reason"] = node.reason
    if any(found.vector_hash):
        rows["vector"] = hexed(found.vector_hash)
    for name, version in node.names:
        rows[f"published as {name}"] = version
    for parent in lineage.parents:
        rows.setdefault("made from", []).append(f"{parent.relation.word} {hexed(parent.model_hash)}")
    if "made from" in rows:
        rows["made from"] = ", ".join(rows["made from"])
    if lineage.datasets:
        rows["trained on"] = ", ".join(str(hexed(one)) for one in lineage.datasets)
    if any(lineage.run):
        rows["run"] = run_text(node)
    if any(lineage.verification_key):
        rows["signature"] = signature_text(node)
    return rows


@model.command()
@click.argument("source", metavar="PATH|DIGEST")
@pass_app
def commit(app: App, source: str) -> None:
    """Claim the model in PATH, or of a DIGEST, without showing it.

    Before its run is sealed and it is signed, which shows the digest to everybody: of two owners the one with the older
    commitment gets the model. `register` uses it; an hour later the registration is final at once. Repeated, it says
    when that was.
    """
    digest, _ = _source(app, source)
    with releasing(app, None, once=True) as releaser:
        made = releaser.registry.commit(releaser.account, digest)
    value = {
        "model": hexed(digest),
        "commitment": hexed(made.digest),
        "committed_in": made.block,
        "committed_at": made.timestamp,
        "matures_at": made.matures_at,
        "existed": made.existed,
    }
    rows = {
        "model": f"{hexed(digest)}, which the chain does not show",
        "commitment": hexed(made.digest),
        "committed": f"{moment(made.timestamp)}, block {made.block}",
        "existed": "yes" if made.existed else "no",
        "register": f"within an hour of showing the digest to anybody. Final at once from {moment(made.matures_at)} on",
    }
    title = "Committed before" if made.existed else "Committed"
    if made.receipt is None:
        app.emit({**value, "transaction": None}, facts(title, rows))
    else:
        emit_sent(app, title, made.receipt, rows, **value)


@model.command()
@click.argument("source", metavar="PATH|DIGEST")
@click.option("--version", required=True, help="Semantic Versioning 2.0.0, such as 1.4.0.")
@click.option("--metadata", help="JSON object, or @FILE with one; at most 2,048 bytes.")
@click.option("--keep-metadata", is_flag=True, help="Keep it in the contract's reach, for some 200 gas a byte more.")
@click.option(
    "--parent",
    "parents",
    multiple=True,
    metavar="RELATION=REFERENCE",
    help="What it was made from: base, fine-tune, distillation or merge. Repeatable.",
)
@click.option("--dataset", "datasets", multiple=True, metavar="PATH|DIGEST", help="What it was trained on. Repeatable.")
@click.option("--run", help="Training run that this account sealed with it, 64 hexadecimal digits.")
@click.option("--signed-by", metavar="KEY", help="Id of the working key that signed it (novacron quantum sign).")
@click.option(
    "--vector", metavar="DIGEST", help="Digest of its embedding, by which it is found (novacron model search)."
)
@click.option(
    "--commit/--no-commit",
    default=True,
    show_default=True,
    help="Register on a commitment, made before or now. Without one, whoever sees the transaction can take the model.",
)
@publisher_option
@pass_app
def register(
    app: App,
    /,
    source: str,
    version: str,
    metadata: str | None,
    keep_metadata: bool,
    parents: tuple[str, ...],
    datasets: tuple[str, ...],
    run: str | None,
    signed_by: str | None,
    vector: str | None,
    commit: bool,
    publisher: str | None,
) -> None:
    """Register the model in PATH, or of a DIGEST. Repeated, it goes on where it was stopped.

    Final at once if it was committed to (novacron model commit) an hour ago, else in an hour: publish, certify and
    alias wait for that, `novacron model show` tells when.
    """
    digest, names = _source(app, source)
    text = metadata_text(parse_metadata(metadata) or {}, names)
    data = tuple(_source(app, one)[0] for one in datasets)
    given = {name: ZERO if word is None else parse_digest(word) for name, word in (("run", run), ("key", signed_by))}
    vector_hash = ZERO if vector is None else parse_digest(vector)
    with releasing(app, publisher, once=True) as releaser:
        made_from = tuple(_parent(one, releaser.resolve) for one in parents)
        lineage = Lineage(made_from, data, given["run"], given["key"])
        request = Registration(digest, version, text, vector_hash, keep_metadata, lineage)
        done = releaser.registry.register(releaser.account, request, commit=commit)
    _show_registered(app, done)


def _show_registered(app: App, done: Registered) -> None:
    found = done.model
    if done.provisional:
        progress(
            app,
            f"provisional until {moment(done.final_at)}: an owner whose commitment is older can take its place; "
            "publish, certify and alias wait for that time (novacron model show)",
        )
    rows: dict[str, Any] = {
        "model": hexed(found.model_hash),
        "version": found.version,
        "owner": found.owner,
        "final": moment(found.final_at),
        "existed": "yes" if done.existed else "no",
    }
    if done.receipt is None:
        value = {**found.to_dict(), "provisional": done.provisional, "existed": True}
        app.emit(value, facts("Registered before", rows))
        return
    value = {name: found.to_dict()[name] for name in ("model", "version", "owner", "final_at")}
    value = {**value, "provisional": done.provisional, "existed": done.existed}
    emit_sent(app, "Registered before" if done.existed else "Registered", done.receipt, rows, **value)


@model.command()
@_REFERENCE
@click.option("--until", required=True, help="When the certificate ends: 2027-12-01T10:00Z, or +90 days.")
@click.option("--evidence", required=True, metavar="FILE|DIGEST", help="What was looked at.")
@publisher_option
@key_option
@pass_app
def certify(app: App, reference: str, until: str, evidence: str, publisher: str | None, key: str | None) -> None:
    """Certify a model, as a certifier; the new certificate takes the place of an old one."""
    digest = digest_or_file(evidence, "--evidence")
    with releasing(app, publisher, key) as releaser:
        found = releaser.resolve(reference)
        expires = parse_moment(until, head_time(releaser.account.deployment.pool), "--until")
        receipt = releaser.registry.certify(releaser.account, found, expires, digest, key=key)
    shown = {"model": hexed(found), "until": moment(expires), "evidence": hexed(digest)}
    value = {"model": hexed(found), "expires_at": expires, "evidence": hexed(digest)}
    emit_sent(app, "Certified", receipt, shown, **value)


@model.command()
@_REFERENCE
@click.option("--reason", required=True, help="Why; 1 to 256 bytes, for everybody to read.")
@click.option("--certificate", is_flag=True, help="The certificate only, not the model.")
@publisher_option
@key_option
@pass_app
def revoke(app: App, reference: str, reason: str, certificate: bool, publisher: str | None, key: str | None) -> None:
    """Revoke a model for good, and so what descends from it; as its owner, or as a certifier."""
    with releasing(app, publisher, key, once=not certificate) as releaser:
        found, registry = releaser.resolve(reference), releaser.registry
        if certificate:
            receipt = registry.revoke_certificate(releaser.account, found, reason, key=key)
        else:
            receipt = registry.revoke(releaser.account, found, reason)
    title = "Certificate revoked" if certificate else "Revoked, and what descends from it"
    sent(app, title, receipt, found, reason=reason)


@model.command()
@_REFERENCE
@click.argument("stage", type=StageType())
@publisher_option
@key_option
@pass_app
def stage(app: App, reference: str, stage: Stage, publisher: str | None, key: str | None) -> None:
    """Move a model to STAGE: none, staging, production or archived. Owner only."""
    with releasing(app, publisher, key) as releaser:
        found = releaser.resolve(reference)
        receipt = releaser.registry.set_stage(releaser.account, found, stage, key=key)
    sent(app, f"In stage {stage.word}", receipt, found, stage=stage.word)


@model.command()
@_REFERENCE
@click.option("--to", "new_owner", help="The new owner, who must accept.")
@click.option("--withdraw", is_flag=True, help="Take an offer back.")
@publisher_option
@key_option
@pass_app
def transfer(
    app: App, reference: str, new_owner: str | None, withdraw: bool, publisher: str | None, key: str | None
) -> None:
    """Offer a model to somebody."""
    if (new_owner is None) is not withdraw:
        raise click.UsageError("give --to ADDRESS, or --withdraw")
    with releasing(app, publisher, key) as releaser:
        found = releaser.resolve(reference)
        receipt = releaser.registry.transfer(releaser.account, found, new_owner, key=key)
    sent(app, "Offer withdrawn" if withdraw else "Offered", receipt, found, to=new_owner)


@model.command()
@_REFERENCE
@publisher_option
@key_option
@pass_app
def accept(app: App, reference: str, publisher: str | None, key: str | None) -> None:
    """Take a model that was offered to the configured account."""
    with releasing(app, publisher, key) as releaser:
        found = releaser.resolve(reference)
        receipt = releaser.registry.accept(releaser.account, found, key=key)
    sent(app, "Yours", receipt, found, owner=releaser.account.address)


def _source(app: App, words: str) -> tuple[bytes, bytes | None]:
    """The digest of a model or data set, and of its manifest where its files are here."""
    path = Path(words)
    if path.exists():
        with app.progress() as update:
            manifest = build_manifest(path, progress=update)
        return manifest.root, manifest_digest(manifest)
    try:
        return parse_digest(words), None
    except InvalidDigestError:
        raise InputError(f"{words!r} is no file or folder, and not the 64 hexadecimal digits of a digest") from None


def _parent(words: str, resolve: Any) -> Parent:
    relation, equals, reference = words.partition("=")
    if not equals:
        raise InputError(f"--parent {words!r}: write RELATION=REFERENCE, such as fine-tune=0x…/resnet50@champion")
    try:
        return Parent(resolve(reference), parse_relation(relation))
    except ModelError as error:
        raise ModelError(f"--parent {words!r}: {error}") from None
