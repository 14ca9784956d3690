"""Speed of the engine: against the arithmetic floor of the machine, and other engines on the same exported model.

python bench/bench_dynamics.py            prints four tables; BPTK-Py is compared where it is installed
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
from forkpoint.dynamics.emit.symbols import Graph, Symbol, in_order
from forkpoint.dynamics.gradients import gradient
from forkpoint.dynamics.llvm.machine import Compiled
from forkpoint.dynamics.llvm.mathematics import LANES
from forkpoint.dynamics.llvm.text import Code, module, run_function
from forkpoint.dynamics.pullback import Pullback
from forkpoint.dynamics.scalar_step import scalar_step, standing
from forkpoint.dynamics.simulate import make_plan
from forkpoint.dynamics.simulate_jax import jax_module
from forkpoint.dynamics.simulate_llvm import execute as run_alone
from forkpoint.dynamics.simulate_llvm import places

CHUNK = 128
"""Draws in one call of the JAX engine."""
SLOW = ("exp", "log", "pow", "div", "sqrt", "tanh")
CHAINS, LENGTH = 16, 12
"""Independent chains of operations that keep the processor busy, and operations in each."""


def cpu(function: Callable[[], Any], repeat: int = 5) -> float:
    """Least CPU seconds of a call."""
    best = float("inf")
    for _ in range(repeat):
        start = time.process_time()
        function()
        best = min(best, time.process_time() - start)
    return best


def nanoseconds() -> dict[str, float]:
    """Time of one operation on one number, in compiled code on registers: what the machine can do at best."""
    graph = Graph()
    number = graph.constant
    kernels: dict[str, Callable[[Symbol], Symbol]] = {
        "exp": lambda x: graph.apply("exp", graph.apply("neg", x)),
        "log": lambda x: graph.apply("log", graph.apply("add", x, number(2.0))),
        "pow": lambda x: graph.apply("pow", graph.apply("add", x, number(2.0)), number(0.3)),
        "div": lambda x: graph.apply("div", number(1.7), x),
        "sqrt": lambda x: graph.apply("sqrt", graph.apply("add", x, number(1.0))),
        "tanh": lambda x: graph.apply("tanh", x),
        "other": lambda x: graph.apply("add", graph.apply("mul", x, number(0.9)), number(0.1)),  # one instruction
    }
    moments, times = 20_000, {}
    for name, kernel in kernels.items():
        ends = []
        for chain in range(CHAINS):
            symbol = graph.input("state", chain)
            for _ in range(LENGTH):
                symbol = kernel(symbol)
            ends.append(symbol)
        code = Code("step", slots=CHAINS)
        code.add(ends, places(("kept", ends)))
        run = run_function(Code("prepare"), Code("start"), code, {"timed": 0, "path": 0}, CHAINS, 0)
        compiled = Compiled(module([*code.text, run]), "run", arrays=10, numbers=3)
        state, kept = np.full((CHAINS, LANES), 0.7), np.empty((code.slots, LANES))
        lowest, none = np.zeros((CHAINS, LANES)), np.empty(0)
        seconds = cpu(lambda c=compiled, s=state, k=kept, low=lowest, n=none:
                      c(n, n, n, n, s, k, n, n, n, low, moments, 1, 0), 9)  # fmt: skip
        count = moments * CHAINS * LENGTH * LANES * (2 if name == "other" else 1)
        times[name] = seconds / count * 1e9
    return times


def operations(model: Model) -> Counter[str]:
    """Scalar operations that one step of one run cannot do without, by kind: nothing twice, nothing that stands."""
    samples = draws(model, 2)
    plan = make_plan(model, draws=samples, outputs=["price"])
    step = scalar_step(plan, frozenset(samples), [])
    stands = standing(step.following)
    moving = [s for s in in_order(step.following) if s.operands and not stands[id(s)]]
    counts = Counter(s.operation if s.operation in SLOW else "other" for s in moving)
    # Dividing many numbers by one is one division and many products.
    divisions = len({id(s.operands[1]) for s in moving if s.operation == "div"})
    counts["other"] += counts["div"] - divisions
    counts["div"] = divisions
    return counts


def own_speed() -> None:
    """The synthetic model: compile times, runs a CPU second, share of the floor, gradient."""
    model, count = synthetic(), 4096
    states = sum(int(np.prod(model.shape(s))) for s in model.stocks)
    print(f"synthetic model: {states} states, {len(VARIED)} varied parameters, 60 steps, float64")
    samples = draws(model, count)
    eight = {n: v[..., :LANES] for n, v in samples.items()}
    options: dict[str, Any] = {"outputs": ["price"], "save_every": 60}
    each, counts = nanoseconds(), operations(model)
    floor = 60 * sum(counts[k] * each[k] for k in counts) * 1e-9
    listed = ", ".join(
        f"{counts[k]} {k} of {each[k]:.3f} ns" for k in sorted(counts, key=lambda k: -counts[k] * each[k])
    )
    print(f"  arithmetic of one step: {listed}; floor {1 / floor:,.0f} runs/CPU-s")
    first = cpu(lambda: model.run(draws=eight, engine="llvm", **options), 1)
    speed = count / cpu(lambda: model.run(draws=samples, engine="llvm", **options), 15)
    share = speed * floor
    print(f"  LLVM: compiled and first run in {first:.2f} CPU-s; {speed:,.0f} runs/CPU-s, {share:.0%} of the floor")
    gradient_speed(model, None, eight, ["price"])
    short = {n: v[..., : 8 * CHUNK] for n, v in samples.items()}
    narrow = {n: v[..., :CHUNK] for n, v in samples.items()}
    options |= {"engine": "jax", "chunk": CHUNK}
    first = cpu(lambda: model.run(draws=narrow, **options), 1)
    speed = 8 * CHUNK / cpu(lambda: model.run(draws=short, **options), 15)
    print(f"  JAX, chunk {CHUNK}: compiled and first run in {first:.2f} CPU-s; {speed:,.0f} runs/CPU-s, "
          f"{speed * floor:.0%} of the floor")  # fmt: skip

    def objective(values: Any) -> Any:
        return values["price"][-1].sum()

    compiled = cpu(lambda: gradient(model, objective, VARIED, ["price"]), 1)
    print(f"  JAX: gradient by {len(VARIED)} parameters: compiled and first run in {compiled:.2f} CPU-s, then "
          f"{cpu(lambda: gradient(model, objective, VARIED, ['price']), 15) * 1e3:.2f} ms")  # fmt: skip
    many = 8 * CHUNK / cpu(lambda: model.run(draws=short, outputs=["price"], save_every=60), 3)
    print(f"  NumPy over {8 * CHUNK:,} draws: {many:,.0f} runs/CPU-s; one run {cpu(model.run) * 1e3:.1f} ms")


def gradient_speed(model: Model, levers: Any, values: Any, outputs: list[str]) -> None:
    """Compile time and time of a run with its backward pass over one vector of draws."""
    plan = make_plan(model, levers, draws=values, outputs=outputs)
    elements = [(n, place) for n in outputs for place in range(int(np.prod(model.shape(n))))]

    def there_and_back() -> None:
        paths, pull = Pullback(plan, elements)(values)
        pull(np.ones_like(paths))

    first, then = cpu(there_and_back, 1), cpu(there_and_back, 15)
    print(f"  LLVM: {LANES} draws and their gradient by {len(values)} parameters: compiled and first run in "
          f"{first:.2f} CPU-s, then {then * 1e3:.2f} ms, {then / LANES * 1e3:.2f} ms a draw")  # fmt: skip


def world_speed() -> None:
    """The world model: a single run, draws of all parameters, gradients."""
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
    outputs = ["domestic_share_units", "nvidia_china_revenue", "largest_training_run", "technology_lead",
               "nvidia_revenue", "compute_ratio", "standards_leadership", "smic_die_output"]  # fmt: skip
    for named in (plan.outputs, outputs):
        single = make_plan(model, inputs(scene), outputs=named)
        compiled, alone = cpu(lambda p=single: run_alone(p), 1), cpu(lambda p=single: run_alone(p), 9)
        print(f"  LLVM: one run, {len(named)} outputs, {alone * 1e3:.1f} ms (first, compiled: {compiled:.2f} CPU-s)")
    names = [n for n in free_names() if n in model.parameters]
    count, rng = 32 * CHUNK, np.random.default_rng(0)
    samples = {n: reference_array(n)[..., None] * rng.uniform(0.99, 1.01, (*model.shape(n), count)) for n in names}
    fixed = {n: v for n, v in inputs(scene).items() if n not in samples}
    narrow = {n: v[..., :CHUNK] for n, v in samples.items()}
    print(f"  {len(names)} parameters drawn, {len(outputs)} outputs at every step:")
    for engine, number in (("llvm", count), ("jax", count // 4)):
        options: dict[str, Any] = {"outputs": outputs, "engine": engine, "chunk": CHUNK, "on_error": "mark"}
        some = {n: v[..., :number] for n, v in samples.items()}
        first = cpu(lambda o=options: model.run(fixed, draws=narrow, **o), 1)
        speed = number / cpu(lambda o=options, d=some: model.run(fixed, draws=d, **o), 5)
        print(f"  {engine}: compiled and first run in {first:.1f} CPU-s, {speed:,.0f} runs/CPU-s")
    gradient_speed(model, fixed, {n: v[..., :LANES] for n, v in samples.items()}, outputs)


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
    for engine, label in (("jax", "JAX"), ("llvm", "LLVM")):
        model.run(draws=samples, engine=engine, chunk=CHUNK, **options)
        compiled = cpu(lambda e=engine: model.run(draws=samples, engine=e, chunk=CHUNK, **options))
        rows.append((f"forkpoint, {label}, 4,096 draws", compiled / count))
    model.run(engine="llvm")
    rows.append(("forkpoint, LLVM, one run", cpu(lambda: model.run(engine="llvm"))))
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
    with tempfile.TemporaryDirectory() as nothing_compiled:
        os.environ["XDG_CACHE_HOME"] = nothing_compiled
        jax_module().config.update("jax_enable_compilation_cache", False)
        if "world" not in sys.argv[1:]:
            own_speed()
        world_speed()
        if "world" not in sys.argv[1:]:
            for model_name in ("bass", "lock_in"):
                peers(model_name)
