"""Speed of the engine: against the arithmetic floor of the machine, and other engines on the same exported model.

python bench/bench_dynamics.py            prints three tables; BPTK-Py is compared where it is installed
python bench/bench_dynamics.py world      only the world model

All figures are CPU seconds of one process on one core, the best of several repetitions; trust the ratios.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dynamics_models import VARIED, draws, synthetic
from forkpoint.dynamics import Model
from forkpoint.dynamics.gradients import gradient
from forkpoint.dynamics.simulate import make_plan, start_values
from forkpoint.dynamics.simulate_jax import jax_module

CHUNK = 128
SLOW = ("exp", "log", "pow", "div", "sqrt", "tanh")
FREE = {"broadcast_in_dim", "reshape", "squeeze", "slice", "convert_element_type", "concatenate", "copy", "transpose"}


def cpu(function: Callable[[], Any], repeat: int = 5) -> float:
    """Least CPU seconds of a call."""
    best = float("inf")
    for _ in range(repeat):
        start = time.process_time()
        function()
        best = min(best, time.process_time() - start)
    return best


def nanoseconds() -> dict[str, float]:
    """Time of one operation on one number, on arrays in the nearest cache: what the machine can do at best."""
    jax = jax_module()
    jnp = jax.numpy
    x = jnp.asarray(np.random.default_rng(0).uniform(0.5, 1.5, (8, CHUNK)))
    kernels: dict[str, Callable[[Any], Any]] = {
        "exp": lambda y: jnp.exp(y - 1.0), "log": lambda y: jnp.log(y + 1.0), "pow": lambda y: (y + 0.1) ** (0.1 * x),
        "div": lambda y: x / (y + 1.0), "sqrt": lambda y: jnp.sqrt(y + x), "tanh": lambda y: jnp.tanh(y),
        "other": lambda y: (((y * x + 0.1) * 0.7 + x) * 0.3 + 0.1) * 0.5 + x,
    }  # fmt: skip
    rounds, times = 3000, {}
    for name, kernel in kernels.items():
        loop = jax.jit(lambda y, k=kernel: jax.lax.fori_loop(0, rounds, lambda i, v: k(v), y))
        loop(x).block_until_ready()
        seconds = cpu(lambda run=loop: run(x).block_until_ready(), 15)
        times[name] = seconds / rounds / x.size * 1e9 / (8.0 if name == "other" else 1.0)
    return times


def operations(model: Model) -> Counter[str]:
    """Scalar operations in one step of one run, by kind."""
    jax = jax_module()
    plan = make_plan(model, draws=draws(model, 1), outputs=["price"])
    fixed, state = start_values(plan, lambda varying: {})

    def step(state: Any, fixed: Any) -> Any:
        values = plan.system.evaluate(state, fixed, 1.0, 1.0, constants=False)
        rates = plan.system.rates(values)
        return {n: state[n] + 1.0 * rates[n] for n in state}

    counts: Counter[str] = Counter()

    def visit(jaxpr: Any) -> None:
        narrow: dict[Any, Any] = {}
        for equation in jaxpr.eqns:
            if equation.primitive.name == "broadcast_in_dim":
                narrow[equation.outvars[0]] = equation.invars[0]
            inner = [p for p in equation.params.values() if hasattr(p, "jaxpr")]
            for part in inner:
                visit(part.jaxpr)
            name = equation.primitive.name
            if inner or name in FREE:
                continue
            operands = equation.invars if name.startswith("reduce") else equation.outvars
            size = int(np.prod(operands[0].aval.shape))
            if name == "div":
                # Dividing many numbers by one is one division and many products.
                divisor = int(np.prod(narrow.get(equation.invars[1], equation.invars[1]).aval.shape))
                counts["other"] += size - divisor
                size = divisor
            counts[name if name in SLOW else "other"] += size

    state = {n: np.broadcast_to(v, (*model.shape(n), 1)) for n, v in state.items()}
    visit(jax.make_jaxpr(step)(state, fixed).jaxpr)
    return counts


def own_speed() -> None:
    """The synthetic model: compile times, runs a CPU second, share of the floor, gradient."""
    model, count = synthetic(), 4096
    states = sum(int(np.prod(model.shape(s))) for s in model.stocks)
    print(f"synthetic model: {states} states, {len(VARIED)} varied parameters, 60 steps, float64")
    jax_module().config.update("jax_enable_compilation_cache", False)
    samples = draws(model, count)
    first = {n: v[..., :CHUNK] for n, v in samples.items()}
    options: dict[str, Any] = {"outputs": ["price"], "save_every": 60, "engine": "jax", "chunk": CHUNK}
    print(f"  forward: compiled and first run in {cpu(lambda: model.run(draws=first, **options), 1):.2f} CPU-s")
    short = {n: v[..., : 8 * CHUNK] for n, v in samples.items()}
    speed = 8 * CHUNK / cpu(lambda: model.run(draws=short, **options), 25)
    each, counts = nanoseconds(), operations(model)
    floor = 61 * sum(counts[k] * each[k] for k in counts) * 1e-9
    listed = ", ".join(
        f"{counts[k]} {k} of {each[k]:.2f} ns" for k in sorted(counts, key=lambda k: -counts[k] * each[k])
    )
    print(f"  arithmetic of one step: {listed}")
    print(f"  JAX, draws last, chunk {CHUNK}: {speed:,.0f} runs/CPU-s; floor by arithmetic {1 / floor:,.0f}; "
          f"share of the floor {speed * floor:.0%}")  # fmt: skip
    many = 8 * CHUNK / cpu(lambda: model.run(draws=short, outputs=["price"], save_every=60), 3)
    print(f"  NumPy over {8 * CHUNK:,} draws: {many:,.0f} runs/CPU-s; one run {cpu(model.run) * 1e3:.1f} ms")

    def objective(values: Any) -> Any:
        return values["price"][-1].sum()

    compiled = cpu(lambda: gradient(model, objective, VARIED, ["price"]), 1)
    print(f"  gradient by {len(VARIED)} parameters: compiled and first run in {compiled:.2f} CPU-s, then "
          f"{cpu(lambda: gradient(model, objective, VARIED, ['price']), 15) * 1e3:.2f} ms")  # fmt: skip


def world_speed() -> None:
    """The world model: a single run on NumPy against its equations one by one, and draws of all parameters on JAX."""
    from forkpoint.dynamics.simulate import _execute
    from forkpoint.uncertainty.parameters import free_names, reference_array
    from forkpoint.world.model import world
    from forkpoint.world.run import inputs, run
    from forkpoint.world.scenario import scenario

    model, scene = world(), scenario("as-it-was")
    states = sum(int(np.prod(model.shape(s))) for s in model.stocks)
    first = cpu(lambda: run(scene), 1)
    plan = make_plan(model, inputs(scene))

    def one_by_one() -> None:
        with np.errstate(all="ignore"):
            _execute(plan)

    whole, slow = cpu(lambda: run(scene), 9), cpu(one_by_one)
    print(f"world model: {len(model.order)} equations, {states} states, {plan.grid.count} steps")
    print(f"  NumPy: first run {first * 1e3:.0f} ms (recorded, too), then {whole * 1e3:.0f} ms; "
          f"equations one by one {slow * 1e3:.0f} ms ({slow / whole:.1f} ×)")  # fmt: skip
    names = [n for n in free_names() if n in model.parameters]
    count, rng = 32 * CHUNK, np.random.default_rng(0)
    samples = {n: reference_array(n)[..., None] * rng.uniform(0.99, 1.01, (*model.shape(n), count)) for n in names}
    fixed = {n: v for n, v in inputs(scene).items() if n not in samples}
    outputs = ["domestic_share_units", "nvidia_china_revenue", "largest_training_run", "technology_lead",
               "nvidia_revenue", "compute_ratio", "standards_leadership", "smic_die_output"]  # fmt: skip
    options: dict[str, Any] = {"outputs": outputs, "engine": "jax", "chunk": CHUNK, "on_error": "mark"}
    jax_module().config.update("jax_enable_compilation_cache", False)
    narrow = {n: v[..., :CHUNK] for n, v in samples.items()}
    print(f"  JAX: compiled and first run in {cpu(lambda: model.run(fixed, draws=narrow, **options), 1):.1f} CPU-s")
    speed = count / cpu(lambda: model.run(fixed, draws=samples, **options), 2)
    print(f"  JAX, {len(names)} parameters drawn, {len(outputs)} outputs, chunk {CHUNK}: {speed:,.0f} runs/CPU-s")


def gallery(name: str) -> Model:
    """A model of the gallery."""
    path = Path(__file__).parents[1] / "examples" / "dynamics" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"gallery_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    model: Model = module.build()
    return model


def in_pysd(path: Path) -> Callable[[], Any]:
    import pysd

    model = pysd.read_xmile(str(path))
    return lambda: model.run()


def in_pysimlin(path: Path) -> Callable[[], Any]:
    import simlin

    model = simlin.load(str(path))
    return lambda: model.run().results


def in_bptk(path: Path) -> Callable[[], Any]:
    from BPTK_Py.sdcompiler.compile import compile_xmile

    target = path.with_suffix(".py")
    compile_xmile(str(path), str(target), "py")
    spec = importlib.util.spec_from_file_location("bptk_model", target)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def run() -> None:
        model = module.simulation_model()
        for n in range(round((model.stoptime - model.starttime) / model.dt) + 1):
            for stock in model.stocks:
                model.equation(stock, model.starttime + n * model.dt)

    return run


def peers(name: str) -> None:
    """One gallery model in every engine: milliseconds a run and the ratio to our NumPy engine."""
    from forkpoint.dynamics.emit.xmile import to_xmile

    model = gallery(name)
    count = 4096
    parameter = next(iter(model.parameters))
    value = model.inputs()[parameter]
    samples = {parameter: np.repeat(np.asarray(value)[..., None], count, axis=-1)}
    steps = round((model.stop - model.start) / model.step_length)  # type: ignore[operator]
    print(f"{model.name}: {len(model.order)} equations, {len(model.stocks)} stocks, {steps} steps")
    options: dict[str, Any] = {"outputs": list(model.stocks)[:1], "save_every": steps}
    own = cpu(model.run)
    rows = [("forkpoint, NumPy, one run", own),
            ("forkpoint, NumPy, 4,096 draws", cpu(lambda: model.run(draws=samples, **options)) / count)]  # fmt: skip
    model.run(draws=samples, engine="jax", chunk=CHUNK, **options)
    compiled = cpu(lambda: model.run(draws=samples, engine="jax", chunk=CHUNK, **options))
    rows.append(("forkpoint, JAX, 4,096 draws", compiled / count))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.xmile"
        path.write_text(to_xmile(model), encoding="utf-8")
        for label, load in (("PySD", in_pysd), ("pysimlin", in_pysimlin), ("BPTK-Py", in_bptk)):
            try:
                rows.append((label, cpu(load(path), 3)))
            except ImportError:
                print(f"  {label} is not installed")
            except Exception as error:  # a peer that cannot run the file is a result, not a failure of the bench
                print(f"  {label} cannot run it: {type(error).__name__}: {str(error)[:100]}")
    for label, seconds in rows:
        print(f"  {label:32} {seconds * 1e3:10.4f} ms a run   {seconds / own:10.4f} × our single run")


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # one core, as in a pool of one process a core
    if "world" in sys.argv[1:]:
        world_speed()
        sys.exit()
    own_speed()
    world_speed()
    for model_name in ("bass", "lock_in"):
        peers(model_name)
