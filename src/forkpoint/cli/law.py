"""``check``, ``timeline``, ``matrix``, ``diff``: the law, from the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from forkpoint.cli.output import json_option, machine_options, print_json, to_csv
from forkpoint.errors import InputError

if TYPE_CHECKING:
    from forkpoint.rules.clauses import Law
    from forkpoint.rules.finding import Finding
    from forkpoint.rules.timeline import Change

_SWITCHES = {
    "diffusion": ("diffusion_enforced", {"enforced": True, "not-enforced": False}),
    "affiliates": ("affiliates_rule", {"in-force": True, "stayed": False}),
}


def question_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that make up a question."""
    options = [
        click.option("--to", default="CN", show_default=True, metavar="COUNTRY", help="Destination, code or name."),
        click.option("--hq", metavar="COUNTRY", help="End user's headquarters; the destination if not given."),
        click.option("--parent", metavar="COUNTRY", help="Headquarters of the ultimate parent."),
        click.option("--end-user", metavar="NAME", help="End user by name or kind, such as ByteDance."),
        click.option("--transaction", metavar="KIND", help="export_from_us (default), reexport, …"),
        click.option("--purpose", metavar="USE", help="supercomputer, military, us_data_centre, …"),
        click.option("--segment", metavar="KIND", help="datacenter, workstation or consumer, as the seller has it."),
        click.option("--known", metavar="DATE", help="Answer by what was public on this day."),
        click.option("--uncertified", is_flag=True, help="The applicant does not make the certifications asked for."),
        click.option("--exported-tpp", type=float, help="Volume test: TPP exported to China and Macau so far."),
        click.option("--us-tpp", type=float, help="Volume test: TPP shipped for US end use so far."),
        click.option("--order-tpp", type=float, help="Size of the order in TPP (AI Diffusion's LPP)."),
        click.option("--listed-ownership", type=float, help="Share of the buyer that listed parties own, 0 to 1."),
        click.option("--reform", metavar="FILE", help="What-if: a YAML file that changes, adds or ends clauses."),
        click.option("--diffusion", type=click.Choice(["enforced", "not-enforced"]), help="Scenario switch."),
        click.option("--affiliates", type=click.Choice(["in-force", "stayed"]), help="Scenario switch."),
        click.option("--letter-datacenter-only", is_flag=True, help="The letters of April 2025 spare other segments."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command(
    epilog="""\b
Examples:
  forkpoint check H20 --to CN --on 2025-04-10
  forkpoint check "RTX 4090" --to GB --hq CN --on 2024-06-01 --explain
  forkpoint check H100 --to MY --on 2025-06-01 --known 2025-02-01
  forkpoint check --specs my_chip.yaml --to SA --on 2024-01-01
  forkpoint check --cases cases.csv --out results.csv

Informs; never clears. docs/rules.md says what is modelled and what is not.
Exit: 0 answered, 2 bad input."""
)
@click.argument("chip", required=False)
@click.option("--on", metavar="DATE", help="Day of the question; today if not given.")
@click.option("--sku", default="", help="Variant of the chip, such as SXM, PCIe or 80GB.")
@click.option("--specs", metavar="FILE", help="A YAML file with the figures of a chip of your own.")
@click.option("--explain", is_flag=True, help="Show every clause tried, with numbers, margins and citations.")
@click.option("--cases", metavar="FILE", help="Answer every row of a CSV file.")
@click.option("--out", metavar="FILE", help="With --cases: where the results go (standard output if not given).")
@question_options
@json_option
def check(
    chip: str | None,
    on: str | None,
    sku: str,
    specs: str | None,
    explain: bool,
    cases: str | None,
    out: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Does CHIP need a licence, why, and what else stands in the way?"""
    law = chosen_law(options.pop("reform"))
    if sum(x is not None for x in (chip, specs, cases)) != 1:
        raise InputError("give one of a chip's name, --specs FILE or --cases FILE")
    if out is not None and cases is None:
        raise InputError("--out goes with --cases")
    if cases is not None:
        _check_cases(cases, out, law, options, as_json)
        return
    from forkpoint.rules.evaluate import check as ask_the_law

    segment = options.pop("segment")
    item: Any = chip
    if specs is not None:
        from forkpoint.files import read_yaml
        from forkpoint.rules.items import own_item
        from forkpoint.rules.question import segment_of

        item = own_item(read_yaml(specs), specs, segment_of(segment))
    finding = ask_the_law(item, sku=sku, segment=segment, law_of=law, on=on, **question_words(options))
    if as_json:
        print_json(finding.to_dict())
        return
    print_finding(finding)
    if explain:
        from forkpoint.cli.output import emit_step

        emit_step(finding.trace)


def question_words(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a question as the words that :func:`forkpoint.rules.question.ask` takes."""
    words = {k: v for k, v in options.items() if k not in ("diffusion", "affiliates", "letter_datacenter_only")}
    words.pop("segment", None)
    words["certified"] = not words.pop("uncertified")
    switches = {name: values[options[o]] for o, (name, values) in _SWITCHES.items() if options.get(o)}
    if options.get("letter_datacenter_only"):
        switches["letter_datacenter_only"] = True
    return words | {"switches": switches}


def chosen_law(reform: str | None) -> Law:
    """The law, or the law with a reform applied."""
    from forkpoint.rules.clauses import law

    if reform is None:
        return law()
    from forkpoint.rules.reform import read_reform

    return read_reform(reform).apply(law())


def print_finding(finding: Finding) -> None:
    """A finding in a few lines of plain words, each with the paragraphs that decided it."""
    from forkpoint.cli.output import screen_width
    from forkpoint.rules.account import FIELD_TITLES, cited, in_words
    from forkpoint.rules.finding import INDETERMINATE

    o = finding.outcome

    def line(label: str, said: str, stage: str = "") -> str:
        label = FIELD_TITLES.get(label, label)
        cites = "; ".join(cited(finding.trace, stage)) if stage and said != INDETERMINATE else ""
        return click.wrap_text(said + (f" [{cites}]" if cites else ""), room, f"  {label:<17}", " " * 19)

    room = min(screen_width(), 100)
    source = in_words("licence_source", o.licence_source)
    licence = f"{o.licence_required}, by {source}" if o.licence_required == "yes" else o.licence_required
    lines = [
        f"{finding.name} to {finding.to} on {finding.on}" + (f", as known on {finding.known}" if finding.known else ""),
        line("eccn", in_words("eccn", o.eccn), "classify"),
        line("licence_required", licence, "require"),
        line("exception_available", o.exception_available, "exception" if o.exception_available != "none" else ""),
        line("net_authorisation", in_words("net_authorisation", o.net_authorisation)),
        line("review_policy", in_words("review_policy", o.review_policy) or "nothing to apply for", "review"),
        line("tariff_232", o.tariff_232, "tariff"),
    ]
    if o.fee:
        lines.append(line("fee", f"{o.fee} (practice)", "fee"))
    if o.prc_gate:
        lines.append(line("prc_gate", o.prc_gate, "gate"))
    if finding.settles:
        lines.append(line("would settle it", "; ".join(finding.settles)))
    lines += [line("look into", flag) for flag in finding.flags]
    lines.append(line("evidence", f"grade {finding.grade or '–'}, the weakest clause that decided"))
    lines.append(line("taken", "; ".join(finding.assumptions)))
    lines.append("Informs, never clears; not legal advice.")
    click.echo("\n".join(lines))


def _check_cases(path: str, out: str | None, law: Law, options: dict[str, Any], as_json: bool) -> None:
    from forkpoint.files import write_atomically
    from forkpoint.rules.batch import RESULTS, check_cases, read_cases, result_row

    cases = read_cases(path)
    words = question_words(options)
    shared = {k: words[k] for k in ("known", "certified", "switches") if words.get(k) is not None}
    findings, told = check_cases(cases, path, law, explain=as_json, **shared)
    for line in told:
        click.echo(f"forkpoint: {line}", err=True)
    rows = [result_row(case, finding) for case, finding in zip(cases, findings, strict=True)]
    if as_json:
        print_json([f.to_dict() for f in findings])
        return
    text = to_csv(rows, RESULTS)
    if out is None:
        click.echo(text, nl=False)
        return
    write_atomically(out, text)
    click.echo(f"{len(rows)} cases answered, written to {out}")


@click.command(
    epilog="""\b
Examples:
  forkpoint timeline H20 --to CN
  forkpoint timeline "RTX 4090" --to CN --csv"""
)
@click.argument("chip")
@click.option("--sku", default="", help="Variant of the chip, such as SXM, PCIe or 80GB.")
@question_options
@machine_options
def timeline(chip: str, sku: str, as_json: bool, as_csv: bool, **options: Any) -> None:
    """One CHIP through all versions of the law."""
    from forkpoint.cli.output import emit_table
    from forkpoint.rules.account import in_words
    from forkpoint.rules.finding import INDETERMINATE
    from forkpoint.rules.timeline import timeline as through_time

    law = chosen_law(options.pop("reform"))
    segment = options.pop("segment")
    spans = through_time(chip, sku=sku, segment=segment, law_of=law, **question_words(options))
    title = f"{spans[0].finding.name} to {options['to']}; a line holds until the day before the next"
    if as_json or as_csv:
        rows = [{**span.to_dict(), "name": span.finding.name} for span in spans]
        emit_table(rows, as_json=as_json, as_csv=as_csv)
        return
    columns = {
        "from": "from",
        "eccn": "paragraph",
        "licence_required": "licence",
        "licence_source": "by",
        "net_authorisation": "what remains",
        "review_policy": "review",
    }
    shown = [{k: in_words(k, str(v or "")) for k, v in span.to_dict().items()} for span in spans]
    shown = [{k: "?" if v == INDETERMINATE else v for k, v in row.items()} for row in shown]
    unsettled = any("?" in row.values() for row in shown)
    note = ("? indeterminate: forkpoint check --on DATE says what would settle it. " if unsettled else "") + _NOTE
    columns |= {k: v for k, v in (("prc_gate", "China's gate"), ("fee", "share")) if any(r[k] for r in shown)}
    emit_table(shown, columns=columns, title=title, note=note)


@click.command(
    epilog="""\b
Examples:
  forkpoint matrix A100 H100 A800 H800 H20 910B --to CN
  forkpoint matrix --on 2023-11-16 --on 2023-11-17 --to AE --json"""
)
@click.argument("chips", nargs=-1)
@click.option("--on", "days", multiple=True, metavar="DATE", help="A day to show; may be given often.")
@click.option("--to", default="CN", show_default=True, metavar="COUNTRY", help="Destination, code or name.")
@click.option("--hq", metavar="COUNTRY", help="End user's headquarters; the destination if not given.")
@click.option("--known", metavar="DATE", help="Answer by what was public on this day.")
@click.option("--reform", metavar="FILE", help="What-if: a YAML file that changes, adds or ends clauses.")
@machine_options
def matrix(
    chips: tuple[str, ...],
    days: tuple[str, ...],
    to: str,
    hq: str | None,
    known: str | None,
    reform: str | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """What remains to be done for CHIPS (all by default) on every version of the law."""
    from forkpoint.cli.output import emit_table, screen_width
    from forkpoint.rules.question import day
    from forkpoint.rules.timeline import matrix as all_versions

    chosen = [d for text in days if (d := day(text, "--on")) is not None]
    shown, rows = all_versions(
        chosen or None, chips or None, to=to, hq=hq, known=day(known, "--known"), law_of=chosen_law(reform)
    )
    table = [{"chip": c, **{d.isoformat(): s for d, s in zip(shown, r, strict=True)}} for c, r in rows.items()]
    widest = max(1, (screen_width() - max(map(len, rows), default=0)) // _DAY)
    if as_json or as_csv or len(shown) <= widest:
        emit_table(table, title=f"to {to}", note=_NOTE, as_json=as_json, as_csv=as_csv)
        return
    for start in range(0, len(shown), widest):
        part = [d.isoformat() for d in shown[start : start + widest]]
        emit_table(table, columns={"chip": "chip", **{d: d for d in part}}, title=f"to {to}, from {part[0]}")
    click.echo(_NOTE)


@click.command(
    epilog="""\b
Examples:
  forkpoint diff 2023-11-16 2023-11-17 --to CN
  forkpoint diff 2026-11-01 2027-01-01 --to CN --reform reform.yaml"""
)
@click.argument("before")
@click.argument("after")
@click.option("--to", default="CN", show_default=True, metavar="COUNTRY", help="Destination, code or name.")
@click.option("--hq", metavar="COUNTRY", help="End user's headquarters; the destination if not given.")
@click.option("--known", metavar="DATE", help="Answer by what was public on this day.")
@click.option("--reform", metavar="FILE", help="Compare the law on BEFORE with the reformed law on AFTER.")
@machine_options
def diff(
    before: str,
    after: str,
    to: str,
    hq: str | None,
    known: str | None,
    reform: str | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """What changed between the days BEFORE and AFTER, and for which chips."""
    from forkpoint.cli.output import emit_table
    from forkpoint.rules.account import FIELD_TITLES, in_words
    from forkpoint.rules.question import day
    from forkpoint.rules.timeline import diff as changes_between

    first, second = day(before, "BEFORE"), day(after, "AFTER")
    assert first is not None
    assert second is not None
    if second < first:
        raise InputError(f"BEFORE {first} lies after AFTER {second}: turn them round")
    changes = changes_between(
        first, second, to=to, hq=hq, known=day(known, "--known"), law_after=chosen_law(reform) if reform else None
    )
    if as_json:
        print_json([c.to_dict() for c in changes])
        return
    if not changes and not as_csv:
        click.echo(f"nothing changed for any chip between {first} and {second} for {to}")
        return
    if as_csv:
        rows = [
            {"chip": c.chip, "field": field, str(first): c.before[field] or "–", str(second): c.after[field] or "–"}
            for c in changes
            for field in c.before
        ]
        click.echo(to_csv(rows, ("chip", "field", str(first), str(second))), nl=False)
        return
    shown = [
        {"chip": c.name, "what": FIELD_TITLES[field]}
        | {side: in_words(field, of[field]) for side, of in (("before", c.before), ("after", c.after))}
        for c in changes
        for field in c.before
    ]
    columns = {"chip": "chip", "what": "what", "before": str(first), "after": str(second)}
    emit_table(shown, columns=columns, title=f"{_counted(changes)}, to {to}", note=_NOTE)


def _counted(changes: Sequence[Change]) -> str:
    return "1 chip changes" if len(changes) == 1 else f"{len(changes)} chips change"


_NOTE = "Informs, never clears; not legal advice."
_DAY = 15
"""Characters of a day's column: the longest word and the gap between columns."""
