"""``predict`` for prefill, decode and serving: the inference model's answer as a ``Prediction``."""

from __future__ import annotations

import math
from typing import Any

from forkpoint.catalog import Accelerator
from forkpoint.errors import InputError, UnknownName
from forkpoint.perf import chip as machines
from forkpoint.perf import cluster, economics
from forkpoint.perf.inference_parameters import spread
from forkpoint.perf.instances import deployments, widening
from forkpoint.perf.prediction import Prediction
from forkpoint.perf.prefill_decode import Deployment, Pass, decode, prefill
from forkpoint.perf.serving import Request, memory_batch, serve
from forkpoint.perf.workload import Architecture

_OPTIONS = ("input_tokens", "output_tokens", "batch", "precision", "tp", "pp", "cluster")


def predict_inference(
    arch: Architecture, accelerator: Accelerator, chips: int, job: str, options: dict[str, Any]
) -> Prediction:
    """As many instances as ``chips`` hold, each of ``tp`` × ``pp`` chips where those are given.

    Without ``tp`` the layout that gives most tokens a second is taken (mixtures: attention-data
    ranks with spread experts too). Raises InputError where none holds the model.
    """
    for name in options:
        if name not in _OPTIONS:
            raise UnknownName("option", name, _OPTIONS)
    prompt, made = float(options.get("input_tokens") or 2048), float(options.get("output_tokens") or 256)
    precision = options.get("precision") or "bf16"
    reason: InputError | None = None
    found: list[Prediction] = []
    for d in _layouts(arch, accelerator, chips, precision, options):
        try:
            found.append(_one(d, chips, job, prompt, made, options))
        except InputError as error:
            reason = error
    if not found:
        asked = f" of {options['pp']} stages" if options.get("pp") else ""
        raise reason or InputError(f"{chips:,} chips are no whole number of instances{asked} of {arch.name}")
    return max(found, key=lambda prediction: prediction.rate)


def _layouts(
    arch: Architecture, chip: Accelerator, chips: int, precision: str, options: dict[str, Any]
) -> list[Deployment]:
    """The stated instance, or every layout anybody would try of which the chips hold a whole number."""
    stages = int(options["pp"]) if options.get("pp") else None
    if options.get("tp"):
        tensor, stages = int(options["tp"]), stages or 1
        if chips % (tensor * stages):
            raise InputError(f"tp {tensor} × pp {stages} does not divide {chips} chips")
        return [Deployment(arch, chip, precision, tensor=tensor, pipeline=stages)]
    domain = max(int(chip.scale_up_domain or 8), 8)
    if stages:
        tensors = [t for t in (1, 2, 4, 8, 16) if t <= domain and arch.heads % t == 0]
        found = [Deployment(arch, chip, precision, tensor=t, pipeline=stages) for t in tensors]
    else:
        found = list(deployments(arch, chip, precision))
    return [d for d in found if chips % d.chips == 0]


def _one(d: Deployment, chips: int, job: str, prompt: float, made: float, options: dict[str, Any]) -> Prediction:
    copies = chips / d.chips
    given = options.get("batch")
    most = memory_batch(d, prompt, made if job != "prefill" else 0.0)
    if job == "prefill":
        batch = float(given or d.attention_data)
        spent: Pass = prefill(d, prompt, batch)
        seconds, rate = spent.seconds, batch * prompt / spent.seconds * d.pipeline
    elif job == "decode":
        batch = float(given or most)
        _fits(batch, most, d)
        spent = decode(d, batch / d.pipeline, prompt + made / 2)
        seconds, rate = spent.seconds, batch / spent.seconds
    else:
        served = serve(d, Request(prompt, made), None if given is None else float(given))
        batch, spent, rate = served.batch, served.step, served.output_tokens_per_s
        seconds = (served.ttft_ms + served.tpot_ms * made) / 1e3
    rate *= copies
    low, high = (end * widening(d.chip) for end in spread()[job])
    machine = machines.of_accelerator(d.chip)
    wires = cluster.for_chip(machine, options.get("cluster"))
    shares = _shares(spent)
    power = economics.watts(machine, wires, min(1.0, shares["compute"] + shares["HBM"]))
    flops = 2.0 * d.architecture.active_parameters
    held = d.weights.total_bytes / 1e9
    # Serving counts its prompts too; prefill and decode count the tokens they pass through the model.
    passed = rate * (1.0 + prompt / made) if job == "serve" else rate
    context = prompt + made / 2 if job != "prefill" else prompt
    cache = batch * float(d.architecture.kv_bytes(context, d.kv_bytes)) / d.chips / 1e9
    return Prediction(
        job=job,
        model=d.architecture.name,
        chip=machine.name,
        chips=chips,
        precision=d.precision,
        plan=f"{_named(d)} · {copies:g} instances · {batch:,.0f} sequences each",
        cluster=wires.name,
        unit_seconds=seconds,
        rate=rate,
        low=rate * math.exp(low),
        high=rate * math.exp(high),
        mfu=passed * flops / chips / d.peak,
        hfu=None,
        memory_gb={"weights": held, "cache": cache},
        memory_limit_gb=machine.memory / 1e9,
        watts_per_chip=power,
        usd_per_chip_hour=economics.usd_per_hour(machine, power),
        shares=shares,
    )


def _named(d: Deployment) -> str:
    data = f" · {d.attention_data} data ranks" if d.attention_data > 1 else ""
    return f"tp {d.tensor} · pp {d.pipeline}{data}"


def _fits(batch: float, most: float, d: Deployment) -> None:
    if batch > most:
        raise InputError(f"{batch:,.0f} sequences do not fit: memory holds {most:,.0f} on {_named(d)} of {d.chip.name}")


def _shares(spent: Pass) -> dict[str, float]:
    hbm = spent.weights + spent.cache + spent.activations
    parts = {"compute": spent.compute, "HBM": hbm, "network": spent.network, "overhead": spent.overhead}
    return {k: v / spent.seconds for k, v in sorted(parts.items(), key=lambda item: -item[1])}
