"""``forkpoint derive`` and ``forkpoint headroom``: what a chip planner asks of the law."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from forkpoint.cli.law import chosen_law
from forkpoint.cli.output import emit_table, machine_options, print_json
from forkpoint.errors import InputError


def _question(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that both commands share."""
    for option in (
        click.option("--reform", metavar="FILE", help="What-if: a YAML file that changes, adds or ends clauses."),
        click.option("--known", metavar="DATE", help="Answer by what was public on this day."),
        click.option("--segment", metavar="KIND", help="datacenter, workstation or consumer, as the seller has it."),
        click.option("--hq", metavar="COUNTRY", help="End user's headquarters; the destination if not given."),
        click.option("--to", default="CN", show_default=True, metavar="COUNTRY", help="Destination, code or name."),
        click.option(
            "--specs", metavar="FILE", type=click.Path(path_type=Path),
            help="A YAML file with the figures of a chip of your own.",
        ),
        click.option("--on", default="today", metavar="DATE", help="Day of the question; today if not given."),
    ):  # fmt: skip
        command = option(command)
    return command


@click.command(
    epilog="""\b
Examples:
  forkpoint derive H100 --to CN --on 2023-12-01
  forkpoint derive A100 --on 2022-11-10 --link-step 50  # a fabric that loses whole links
  forkpoint derive H100 --on 2024-02-01 --memory-up-to 4000
  forkpoint derive --products  # every product made beside its derivation"""
)
@click.argument("chip", required=False)
@_question
@click.option(
    "--value", default="training", show_default=True, help="What the buyer values: training, serving, graphics."
)
@click.option("--memory-up-to", type=float, default=None, help="Memory bandwidth that the variant may reach, GB/s.")
@click.option("--link-step", type=float, default=None, help="Bandwidth of one whole link, GB/s.")
@click.option("--products", is_flag=True, help="The products really made, each beside what the law alone gives.")
@machine_options
def derive(
    chip: str | None,
    specs: Path | None,
    reform: str | None,
    products: bool,
    value: str,
    memory_up_to: float | None,
    link_step: float | None,
    as_json: bool,
    as_csv: bool,
    **words: Any,
) -> None:
    """The best chip that the law allows: cut compute, memory or links until no licence is needed."""
    from forkpoint.rules.derivation import derive as best_allowed

    if products:
        if chip is not None or specs is not None:
            raise InputError("--products takes the chips that were made; leave out the chip")
        _print_products(reform, as_json, as_csv)
        return
    found = best_allowed(
        _chip(chip, specs, words["segment"]),
        value=value,
        memory_up_to=memory_up_to,
        link_step_gbs=link_step,
        law_of=chosen_law(reform),
        **words,
    )
    if as_json:
        print_json(found.to_dict())
        return
    rows = [{"best": "→" if v is found.best else "", **v.to_dict()} for v in found.frontier]
    columns = {
        "best": "",
        "tpp": "TPP",
        "performance_density": "TPP/mm²",
        "dram_bw_gbs": "memory GB/s",
        "link_bw_gbs": "links GB/s",
        "compute": "compute share",
        "memory": "memory share",
        "links": "links share",
        "value": f"worth ({value})",
    }
    bound = "; ".join(f"{b['cut']}: {b['clause']} [{b['citation']}, grade {b['grade']}]" for b in found.binding)
    note = "needs no licence as it is" if found.base_allowed else f"bound by {bound}" if bound else ""
    title = f"{found.name} → {found.to} on {found.on}: allowed variants, as shares of the base chip"
    emit_table(rows, columns=columns, title=title, note=note, as_csv=as_csv)


@click.command(
    epilog="""\b
Examples:
  forkpoint headroom H20 --to CN --on 2025-04-10
  forkpoint headroom --specs my_chip.yaml --on 2026-03-01"""
)
@click.argument("chip", required=False)
@_question
@machine_options
def headroom(
    chip: str | None, specs: Path | None, reform: str | None, as_json: bool, as_csv: bool, **words: Any
) -> None:
    """How far a chip is from every line of the law, the nearest first."""
    from forkpoint.rules.headroom import headroom as lines_of

    rows = [
        line.to_dict() for line in lines_of(_chip(chip, specs, words["segment"]), law_of=chosen_law(reform), **words)
    ]
    shown = [{**r, "margin": f"{r['margin']:+.1%}"} for r in rows] if not (as_json or as_csv) else rows
    columns = {"margin": "margin", "met": "met", "clause": "line", "quantities": "the chip has", "grade": "grade"}
    note = "positive: short of the line; negative: beyond it. Lines that an unknown figure decides are left out."
    day = dt.date.today().isoformat() if words["on"] == "today" else words["on"]
    title = f"{chip or specs} → {words['to']} on {day}: distance from every line of the law"
    emit_table(shown, columns=columns, title=title, note=note, as_json=as_json, as_csv=as_csv)


def _chip(chip: str | None, specs: Path | None, segment: str | None) -> Any:
    """The chip by name, or the user's own from its file."""
    from forkpoint.files import read_yaml
    from forkpoint.rules.items import own_item
    from forkpoint.rules.question import segment_of

    if (chip is None) == (specs is None):
        raise InputError("name one chip, or give your own with --specs FILE")
    return chip if specs is None else own_item(read_yaml(specs), str(specs), segment_of(segment))


def _print_products(reform: str | None, as_json: bool, as_csv: bool) -> None:
    from forkpoint.rules.products import against_products

    rows = against_products(chosen_law(reform))
    columns = {
        "base": "base chip",
        "product": "product made",
        "law": "law",
        "tpp_derived": "TPP derived",
        "tpp_real": "real",
        "links_derived": "links GB/s derived",
        "links_real": "real",
        "memory_derived": "memory GB/s derived",
        "memory_real": "real",
    }
    emit_table(rows, columns=columns, as_json=as_json, as_csv=as_csv)
