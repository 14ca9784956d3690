"""Ecosystem: the article's three dimensions, developers, frameworks and compute in reach, and the labs that port
models.
"""

from __future__ import annotations

from typing import Any

from forkpoint.dynamics import functions as f
from forkpoint.dynamics.variables import aux, flow
from forkpoint.world.declare import stock


@stock(dims=("region", "platform"), unit="person")
def developers(initial_developers: Any, initial_developer_share: Any) -> Any:
    """People who write code for a platform (main platform of each)."""
    return initial_developers * initial_developer_share


@aux(dims=("region", "platform"), unit="1")
def platform_weight(installed: Any, coverage: Any, developer_floor: Any) -> Any:
    """What draws a developer: compute in reach on a platform, and how much of the models it covers."""
    reach = f.share(f.total(installed, over="vintage"), over="platform")
    return (reach + developer_floor) * coverage


@aux(dims=("region",), unit="1/year")
def developer_growth(time: Any, developer_growth_start: Any, developer_growth_decline: Any, model_start: Any) -> Any:
    """Growth of the number of AI developers."""
    return developer_growth_start * f.exp(-(time - model_start) / developer_growth_decline)


@flow(into="developers", dims=("region", "platform"), unit="person/year")
def developer_entry(developers: Any, developer_growth: Any, platform_weight: Any) -> Any:
    """New developers choose a platform by its weight."""
    return f.total(developers, over="platform") * developer_growth * f.share(platform_weight, over="platform")


@flow(into="developers", dims=("region", "platform"), unit="person/year")
def developer_switching(developers: Any, platform_weight: Any, developer_switch_time: Any) -> Any:
    """Developers move slowly to where the weight is; the sum over platforms is zero."""
    goal = f.total(developers, over="platform") * f.share(platform_weight, over="platform")
    return (goal - developers) / developer_switch_time


@aux(dims=("region", "platform"), unit="1")
def developer_share(developers: Any) -> Any:
    """Share of a region's developers on each platform."""
    return f.share(developers, over="platform")


@aux(dims=("region", "platform"), unit="1")
def ecosystem_pull(
    developer_share: Any,
    initial_developer_share: Any,
    network_strength: Any,
    domestic_platform: Any,
    in_rest: Any,
    switch_r3: Any,
    switch_r3_prime: Any,
    switch_r4: Any,
) -> Any:
    """How developers' numbers pull buyers: CUDA's network effect (R3), Ascend's (R3′), and its export (R4)."""
    abroad = 1 - in_rest * (1 - switch_r4)
    switch = switch_r3 + domestic_platform * (switch_r3_prime * abroad - switch_r3)
    return network_strength * switch * (developer_share - initial_developer_share)


# --- frameworks: what runs, how fast it runs, how soon --------------------------------------------------------------


@aux(unit="1")
def fragmentation(expected_orders: Any, vendor_platform: Any, in_china: Any, switch_b8: Any) -> Any:
    """Effective number of instruction sets among the small Chinese platforms (loop B8). Source: inverse
    Herfindahl index.
    """
    orders = expected_orders * in_china * f.at(vendor_platform, platform="other_cn")
    everyone = f.total(f.total(orders, over="region"), over="vendor")
    squares = f.total(f.total(orders * orders, over="region"), over="vendor")
    return 1 + switch_b8 * (everyone * everyone / squares - 1)


@aux(unit="1")
def lab_porting(lab_ported: Any, lab_weight: Any, lab_ported_reference: Any, switch_r8: Any) -> Any:
    """Weighted share of Chinese labs' work that runs on domestic chips (loop R8)."""
    ported = f.total(lab_ported * lab_weight, over="lab")
    return lab_ported_reference + switch_r8 * (ported - lab_ported_reference)


@stock(dims=("platform",), unit="1")
def coverage(initial_coverage: Any) -> Any:
    """Share of operators and models that a platform's frameworks run well."""
    return initial_coverage


@aux(dims=("platform",), unit="1")
def porting_push(
    installed: Any,
    porting_compute: Any,
    deployment_exponent: Any,
    developers: Any,
    porting_developers: Any,
    porting_exponent: Any,
    porting_use_reference: Any,
    porting_people_reference: Any,
    domestic_platform: Any,
    switch_r2: Any,
    switch_r3_prime: Any,
) -> Any:
    """What drives porting: compute in use on a platform (learning by using, loop R2) and its developers (loop R3′)."""
    used = (f.total(f.total(installed, over="vintage"), over="region") / porting_compute) ** deployment_exponent
    people = (f.total(developers, over="region") / porting_developers) ** porting_exponent
    used_held = domestic_platform * (1 - switch_r2) * (porting_use_reference - used)
    people_held = domestic_platform * (1 - switch_r3_prime) * (porting_people_reference - people)
    return (used + used_held) * (people + people_held)


@flow(into="coverage", dims=("platform",), unit="1/year")
def porting(
    coverage: Any,
    porting_rate: Any,
    porting_push: Any,
    lab_porting: Any,
    lab_porting_weight: Any,
    domestic_platform: Any,
    fragmented_platform: Any,
    fragmentation: Any,
    fragmentation_exponent: Any,
    software_openness: Any,
) -> Any:
    """Porting adds what is missing, up to a fastest rate; labs that port help, more instruction sets divide the effort
    (loops R8 and B8).
    """
    labs = 1 + domestic_platform * lab_porting_weight * lab_porting
    divided = 1 + fragmented_platform * (fragmentation ** (-fragmentation_exponent) - 1)
    push = porting_push * labs * divided * software_openness
    return (1 - coverage) * porting_rate * push / (1 + push)


@flow(outof="coverage", dims=("platform",), unit="1/year")
def novelty(coverage: Any, model_turnover: Any) -> Any:
    """New models and operators that are not covered yet."""
    return coverage * model_turnover


@aux(dims=("platform",), unit="1")
def software_efficiency(coverage: Any, efficiency_floor: Any, efficiency_ceiling: Any) -> Any:
    """Part of a chip's worth that its software reaches: out of the box at the floor, tuned at the ceiling."""
    return efficiency_floor + (efficiency_ceiling - efficiency_floor) * coverage


@aux(dims=("platform",), unit="day")
def adaptation_lag(coverage: Any, lag_uncovered: Any, lag_exponent: Any, coverage_floor: Any) -> Any:
    """Days from a model's release to its support: long where little is covered."""
    return lag_uncovered * (f.maximum(1 - coverage, 0.0) + coverage_floor) ** lag_exponent


# --- Chinese model labs ---------------------------------------------------------------------------------------------


@aux(unit="1")
def domestic_fit(installed: Any, domestic_platform: Any, coverage: Any) -> Any:
    """How well domestic chips serve a Chinese lab: their share of China's compute and what their software covers."""
    here = f.at(f.total(installed, over="vintage"), region="cn")
    return f.total(here * domestic_platform * coverage, over="platform") / f.total(here, over="platform")


@stock(dims=("lab",), unit="1")
def lab_ported(initial_lab_ported: Any) -> Any:
    """Share of a lab's work that runs on domestic chips."""
    return initial_lab_ported


@flow(into="lab_ported", dims=("lab",), unit="1/year")
def lab_port(lab_ported: Any, lab_openness: Any, domestic_fit: Any, fit_half: Any, lab_port_time: Any) -> Any:
    """Labs port their models as domestic chips fit better, each as far as it is willing."""
    goal = lab_openness * domestic_fit / (domestic_fit + fit_half)
    return (goal - lab_ported) / lab_port_time


@stock(unit="1")
def algorithmic_efficiency(initial_algorithmic_efficiency: Any) -> Any:
    """Work that Chinese labs get from a unit of compute, relative to American labs."""
    return initial_algorithmic_efficiency


@flow(into="algorithmic_efficiency", unit="1/year")
def algorithmic_effort(
    algorithmic_efficiency: Any,
    compute_ratio: Any,
    scarcity_effort: Any,
    efficiency_limit: Any,
    effort_time: Any,
    switch_r9: Any,
) -> Any:
    """Scarcity of compute turns effort to efficiency (MLA, sparse attention, FP8), up to what spreads to all
    (loop R9).
    """
    goal = 1 + switch_r9 * (efficiency_limit - 1) * compute_ratio / (compute_ratio + scarcity_effort)
    return (goal - algorithmic_efficiency) / effort_time


@aux(unit="1")
def lab_strength_goal(
    compute_ratio: Any, algorithmic_efficiency: Any, lab_compute_elasticity: Any, talent_factor: Any
) -> Any:
    """Strength of Chinese models relative to American ones that compute, algorithms and people support."""
    return talent_factor * (algorithmic_efficiency / compute_ratio) ** lab_compute_elasticity


@stock(unit="1")
def lab_strength(initial_lab_strength: Any) -> Any:
    """Strength of the best Chinese models relative to the best American ones."""
    return initial_lab_strength


@flow(into="lab_strength", unit="1/year")
def lab_progress(lab_strength_goal: Any, lab_strength: Any, lab_time: Any) -> Any:
    """Models follow what supports them."""
    return (lab_strength_goal - lab_strength) / lab_time


@aux(unit="1")
def standards_leadership(
    developers: Any, new_compute: Any, domestic_platform: Any, standards_developer_weight: Any
) -> Any:
    """Share of the world's new AI work whose first platform is American: by developers and by new compute."""
    people = f.total(developers, over="region")
    work = f.total(new_compute, over="region")
    by_people = f.total(people * (1 - domestic_platform), over="platform") / f.total(people, over="platform")
    by_work = f.total(work * (1 - domestic_platform), over="platform") / f.total(work, over="platform")
    return standards_developer_weight * by_people + (1 - standards_developer_weight) * by_work
