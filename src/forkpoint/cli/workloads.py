"""``models`` and ``model``: language models as workloads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from forkpoint.cli.output import emit_table, json_option, machine_options, print_json
from forkpoint.errors import InputError

if TYPE_CHECKING:
    from forkpoint.perf.workload import Architecture

CONTEXT = 4096


@click.command(
    epilog="""\b
Examples:
  forkpoint models
  forkpoint models --lab DeepSeek
  forkpoint models --csv > models.csv"""
)
@click.option("--lab", metavar="NAME", help="Only models of this lab.")
@machine_options
def models(lab: str | None, as_json: bool, as_csv: bool) -> None:
    """List language models: parameters, cache and arithmetic a token."""
    from forkpoint.catalog import catalog
    from forkpoint.perf.architectures import of_language_model

    rows = []
    for record in catalog().language_models.values():
        if lab and lab.casefold() not in record.lab.casefold():
            continue
        row: dict[str, Any] = {"model": record.name, "lab": record.lab, "released": record.release_date}
        try:
            row |= _numbers(of_language_model(record))
        except InputError as error:
            row["unknown"] = str(error)
        rows.append({**row, "published_b": record.total_params_b, "quality": record.quality})
    if not rows:
        labs = sorted({m.lab for m in catalog().language_models.values()})
        raise InputError(f"no model of a lab called '{lab}'; there are {', '.join(labs)}")
    shown = {
        "model": "model",
        "lab": "lab",
        "released": "released",
        "parameters_b": "params (B)",
        "active_b": "active (B)",
        "kv_kb_per_token": "cache (KB/token)",
        "gflop_per_token": "GFLOP/token",
    }
    note = f"Cache at 16 bit; forward arithmetic at a context of {CONTEXT:,} tokens; parameters counted, not quoted."
    emit_table(rows, columns=shown, note=note, as_json=as_json, as_csv=as_csv)


@click.command(
    epilog="""\b
Examples:
  forkpoint model deepseek-v3
  forkpoint model ./Qwen3-8B/config.json
  forkpoint model gpt-oss-120b --json"""
)
@click.argument("name")
@json_option
def model(name: str, as_json: bool) -> None:
    """One model as a workload: NAME in the catalogue or a Hugging Face config.json."""
    from forkpoint.perf.jobs import architecture_of

    architecture = architecture_of(name)
    facts = {"model": architecture.name, **_numbers(architecture), **_shape(architecture)}
    if as_json:
        print_json({**facts, "matrices": _matrices(architecture)})
        return
    words = {
        "parameters_b": "parameters (billions)",
        "active_b": "active in a token (billions)",
        "kv_kb_per_token": "cache of a token at 16 bit (KB)",
        "gflop_per_token": f"forward arithmetic of a token at {CONTEXT:,} (GFLOP)",
        "weights_gb_16bit": "weights at 16 bit (GB)",
    }
    emit_table(
        [{"figure": words.get(k, k.replace("_", " ")), "value": _text(v)} for k, v in facts.items()],
        columns={"figure": "", "value": ""},
    )
    emit_table(_matrices(architecture), title="Weight matrices (rows × columns, layers, copies)")


def _numbers(a: Architecture) -> dict[str, Any]:
    return {
        "parameters_b": round(a.parameters / 1e9, 4),
        "active_b": round(a.active_parameters / 1e9, 4),
        "kv_kb_per_token": round(a.kv_bytes_per_token() / 1024, 3),
        "gflop_per_token": round(float(a.forward_flops(CONTEXT, causal=True)) / CONTEXT / 1e9, 3),
        "weights_gb_16bit": round(a.parameters * 2 / 1e9, 3),
    }


def _shape(a: Architecture) -> dict[str, Any]:
    mixers = [_mixer_words(m) for m in a.mixers]
    blocks = [
        f"{f.layers:g} × {f.experts} experts of {f.width:g}, {f.topk:g} a token"
        + (f", {f.shared_width:g} shared" if f.shared_width else "")
        if f.experts
        else f"{f.layers:g} × {'gated' if f.gated else 'plain'} block of {f.width:g}"
        for f in a.feed_forwards
    ]
    return {
        "layers": a.layers,
        "hidden": a.hidden,
        "vocabulary": a.vocab,
        "token_mixers": "; ".join(mixers),
        "feed_forward": "; ".join(blocks),
        "embeddings": "tied" if a.tied else "separate",
    }


def _mixer_words(m: Any) -> str:
    if m.kind == "linear":
        return f"{m.layers:g} × linear, state of {m.state:,.0f} numbers"
    if m.kind == "latent":
        return f"{m.layers:g} × latent attention, {m.heads} heads, rank {m.kv_rank} + {m.rope}"
    window = f", window {m.window:,}" if m.window else ""
    return f"{m.layers:g} × attention, {m.heads} heads on {m.kv_heads} of {m.head_dim:g}{window}"


def _matrices(a: Architecture) -> list[dict[str, Any]]:
    return [
        {
            "matrix": m.name,
            "rows": m.k,
            "columns": m.n,
            "layers": m.layers,
            "copies": m.experts,
            "parameters_b": round(m.parameters / 1e9, 4),
            "part": m.part,
        }
        for m in a.matmuls
    ]


def _text(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)
