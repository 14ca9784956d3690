"""``chips``, ``events``, ``claims``: the catalogue's tables."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from forkpoint.cli.output import emit_table, machine_options
from forkpoint.errors import InputError

if TYPE_CHECKING:
    from forkpoint.catalog import Accelerator, Claim, Event

_FOLDER = "FORKPOINT_CATALOG"
_STATUSES = {"yes": "licence required", "no": "no licence required", "indeterminate": "indeterminate"}


def _use_folder(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None:
        os.environ[_FOLDER] = value
        ctx.call_on_close(lambda: os.environ.pop(_FOLDER, None))
    return value


def catalog_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--catalog DIR``: a user's folder laid over ours, for every room that this command calls."""
    return click.option(
        "--catalog",
        "folder",
        metavar="DIR",
        expose_value=False,
        is_eager=True,
        callback=_use_folder,
        help="Your own catalogue files over ours (also FORKPOINT_CATALOG).",
    )(command)


def as_day(text: str | None, option: str) -> dt.date | None:
    """The day that an option names. Raises InputError in words."""
    if text is None:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{option}: '{text}' is not a day as YYYY-MM-DD") from None


@click.command(
    epilog="""\b
Examples:
  forkpoint chips --vendor NVIDIA --segment datacenter --sort release_date
  forkpoint chips ascend --csv
  forkpoint chips --country CN --sort fp16_tflops --desc
  forkpoint chips --status-on 2023-11-17 --to CN --status no"""
)
@click.argument("name", nargs=-1)
@click.option("--vendor", metavar="NAME", help="Who sells it.")
@click.option("--country", metavar="CODE", help="Country of the vendor, such as US or CN.")
@click.option("--segment", metavar="KIND", help="datacenter, workstation or consumer.")
@click.option("--family", metavar="NAME", help="Architecture or product family.")
@click.option("--released-by", metavar="DATE", help="Released on or before this day.")
@click.option("--sort", metavar="COLUMN", help="Any column of accelerators.csv.")
@click.option("--desc", is_flag=True, help="Largest or latest first.")
@click.option("--status-on", metavar="DATE", help="Add the licence status on this day.")
@click.option("--to", default="CN", show_default=True, metavar="COUNTRY", help="Destination of --status-on.")
@click.option("--status", metavar="WORD", help="With --status-on: yes, no or indeterminate only.")
@catalog_option
@machine_options
def chips(
    name: tuple[str, ...],
    released_by: str | None,
    sort: str | None,
    desc: bool,
    status_on: str | None,
    to: str,
    status: str | None,
    as_json: bool,
    as_csv: bool,
    **conditions: str | None,
) -> None:
    """List accelerators. NAME: part of a name, vendor or family."""
    from forkpoint.catalog import catalog
    from forkpoint.catalog.select import select_accelerators, sort_records

    day = as_day(status_on, "--status-on")
    if status is not None and status not in _STATUSES:
        raise InputError(f"--status: '{status}' is not one of {', '.join(_STATUSES)}")
    if status is not None and day is None:
        raise InputError("--status needs --status-on DATE")
    known = catalog()
    found = select_accelerators(
        known.accelerators.values(),
        name=" ".join(name),
        released_by=as_day(released_by, "--released-by"),
        **conditions,
    )
    if sort:
        found = sort_records(found, sort, descending=desc)
    law = {} if day is None else _statuses(found, day, to)
    if status is not None:
        found = [c for c in found if law[c.id]["licence_required"] == status]
    whole = as_json or as_csv
    rows = [(machine_row(c, as_csv=as_csv) if whole else _chip_row(c)) | law.get(c.id, {}) for c in found]
    columns = {"name": "accelerator", "vendor": "vendor", "country": "in", "released": "released"}
    columns |= {"fp16": "FP16/BF16", "low": "FP8/INT8", "mem_gb": "GB"}
    if day is None:
        columns |= {"mem_bw_gbs": "GB/s", "link_bw_gbs": "link", "quality": "grade"}
    else:
        columns |= {"eccn": "ECCN", "licence_required": "licence"}
    emit_table(
        rows,
        columns=columns,
        note=f"{len(rows)} of {len(known.accelerators)} accelerators. FP16/BF16 and FP8/INT8: peak dense TFLOP/s or "
        "TOP/s; link: GB/s, both directions. One in full: forkpoint chip NAME"
        + ("" if day is None else f". Licence to {to} on {day}: informs, never clears."),
        as_json=as_json,
        as_csv=as_csv,
    )


@click.command(
    epilog="""\b
Examples:
  forkpoint events --jurisdiction US --type threshold
  forkpoint events --chip H20 --since 2025-01-01
  forkpoint events --type letter --json"""
)
@click.argument("text", nargs=-1)
@click.option("--jurisdiction", metavar="CODE", help="US, CN or TW.")
@click.option("--type", "kind", metavar="KIND", help="threshold, letter, licence-policy, fee, tariff, …")
@click.option("--chip", metavar="NAME", help="Events whose source names this chip.")
@click.option("--since", metavar="DATE", help="Announced on or after this day.")
@click.option("--until", metavar="DATE", help="Announced on or before this day.")
@catalog_option
@machine_options
def events(
    text: tuple[str, ...],
    jurisdiction: str | None,
    kind: str | None,
    chip: str | None,
    since: str | None,
    until: str | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """List the dated legal and political events. TEXT: words of the title."""
    from forkpoint.catalog import catalog
    from forkpoint.catalog.select import select_events

    known = catalog()
    found = select_events(
        known.events,
        text=" ".join(text),
        jurisdiction=jurisdiction,
        kind=kind,
        chip=chip,
        since=as_day(since, "--since"),
        until=as_day(until, "--until"),
    )
    rows = [machine_row(e, as_csv=as_csv) if as_json or as_csv else _event_row(e) for e in found]
    emit_table(
        rows,
        columns={
            "announced": "announced",
            "in force": "in force",
            "by": "by",
            "type": "type",
            "title": "event",
            "sure": "sure",
        },
        note=f"{len(rows)} of {len(known.events)} events. Sure: A text read, B good report, C weak. "
        "Sources and parameters: --json",
        as_json=as_json,
        as_csv=as_csv,
    )


@click.command(
    epilog="""\b
Examples:
  forkpoint claims --verdict contradicted
  forkpoint claims F06                     # one in full: evidence, notes, sources
  forkpoint claims research                # those that speak of it
  forkpoint claims --type causal
  forkpoint claims --json"""
)
@click.argument("text", nargs=-1)
@click.option("--verdict", metavar="WORD", help="supported, partly, contradicted, unverifiable or opinion.")
@click.option("--type", "kind", metavar="KIND", help="fact, quote, opinion or causal.")
@catalog_option
@machine_options
def claims(text: tuple[str, ...], verdict: str | None, kind: str | None, as_json: bool, as_csv: bool) -> None:
    """The article's claims: what it states, the verdict of the evidence, what the evidence says. TEXT: ids, or
    words of the claim."""
    from forkpoint.catalog import catalog
    from forkpoint.catalog.select import select_claims
    from forkpoint.errors import UnknownName

    known = catalog()
    found = select_claims(known.claims, verdict=verdict, kind=kind)
    if named := {c.claim_id for c in known.claims} & {word.upper() for word in text}:
        found = [c for c in found if c.claim_id in named]
    else:
        found = [c for c in found if " ".join(text).lower() in _claim_row(c)["claim"].lower()]
    if text and not found:
        raise UnknownName("claim", " ".join(text), [c.claim_id for c in known.claims])
    rows = [machine_row(c, as_csv=as_csv) if as_json or as_csv else _claim_row(c) for c in found]
    emit_table(
        rows,
        columns={"id": "id", "claim": "the article says", "verdict": "verdict", "better": "the evidence says"},
        note=f"{len(rows)} of {len(known.claims)} claims. "
        + (_evidence(found[0]) if len(found) == 1 else "One with notes and sources: forkpoint claims ID"),
        as_json=as_json,
        as_csv=as_csv,
    )


def _evidence(claim: Claim) -> str:
    """What stands behind a verdict: where the article says it, notes, and every source."""
    lines = [f"Paragraph {claim.paragraph_no} of the article of {claim.date_of_claim}."]
    lines += [f"Notes: {claim.notes}"] if claim.notes else []
    lines += [f"Sources: {', '.join(claim.evidence_urls)}"] if claim.evidence_urls else ["No source speaks of it."]
    return "\n".join(lines)


def machine_row(record: Any, *, as_csv: bool) -> dict[str, Any]:
    """A record for machines: lists as lists in JSON, as the file writes them in CSV."""
    row: dict[str, Any] = record.model_dump(mode="json")
    if not as_csv:
        return row
    import json

    separator = " | " if "evidence_urls" in row else ";"
    joined = {k: separator.join(v) for k, v in row.items() if isinstance(v, list)}
    nested = {k: json.dumps(v, ensure_ascii=False) for k, v in row.items() if isinstance(v, dict)}
    return row | joined | nested


def _statuses(found: list[Accelerator], day: dt.date, to: str) -> dict[str, dict[str, Any]]:
    """The licence status of every accelerator on a day."""
    from forkpoint.rules.clauses import law
    from forkpoint.rules.evaluate import evaluate
    from forkpoint.rules.items import items_of
    from forkpoint.rules.question import ask

    question, rules = ask(to=to, on=day), law()
    answers = {}
    for chip in found:
        outcome = evaluate(items_of(chip), question, rules, explain=False).outcome
        answers[chip.id] = {"eccn": outcome.eccn, "licence_required": outcome.licence_required}
    return answers


def _chip_row(chip: Accelerator) -> dict[str, Any]:
    return {
        "name": chip.name,
        "vendor": chip.vendor,
        "country": chip.vendor_country,
        "released": chip.release_date,
        "fp16": chip.fp16_tflops or chip.bf16_tflops,
        "low": chip.fp8_tflops or chip.int8_tops,
        "mem_gb": chip.mem_gb,
        "mem_bw_gbs": chip.mem_bw_gbs,
        "link_bw_gbs": chip.link_bw_gbs,
        "quality": chip.quality,
    }


def _event_row(event: Event) -> dict[str, Any]:
    ended = f" to {event.end_date}" if event.end_date else ""
    return {
        "announced": str(event.date_announced),
        "in force": f"{event.effective_date or '–'}{ended}",
        "by": event.jurisdiction,
        "type": event.type,
        "title": event.title,
        "sure": event.confidence,
    }


_MEASURED = ("trillion USD", "percent", "products", "dimensions", "firms")
"""Units of the claims that say something beside the value; the others name a kind of statement (rank, status)."""


def _claim_row(claim: Claim) -> dict[str, Any]:
    if claim.type == "causal":
        says = f"{claim.cause} → {claim.effect} ({claim.sign}{', loop ' + claim.loop if claim.loop else ''})"
    else:
        says = f"{claim.subject}: {claim.predicate}"
        if any(sign.isdigit() for sign in claim.value or ""):  # a word repeats what the predicate says
            says += f" {claim.value} {claim.unit if claim.unit in _MEASURED else ''}".rstrip()
    return {"id": claim.claim_id, "claim": says, "verdict": claim.verdict, "better": claim.better_value}
