"""Technology: what a vendor's best chip is worth, where it may go, and how knowledge moves the next one.

History is data: the tables of ``law`` and ``machine`` say, for each vendor, region and quarter, what the best chip
allowed there is worth. After the last quarter of the catalogue the worth grows with the vendor's knowledge and node
access. Worth is in H100-equivalents (H100e): effective work on the reference workloads, an H100 with CUDA being one.
"""

from __future__ import annotations

from typing import Any

from forkpoint.dynamics import functions as f
from forkpoint.dynamics.variables import aux, flow
from forkpoint.world.declare import stock


@aux(dims=("vendor", "region"), unit="H100e/chip")
def offered_worth(legal_worth_training: Any, legal_worth_serving: Any, serving_share: Any) -> Any:
    """Worth of the best chip that the catalogue knows and the dated law lets in, over the mix of training and
    serving.
    """
    return (1 - serving_share) * legal_worth_training + serving_share * legal_worth_serving


@stock(dims=("vendor",), unit="1")
def design_progress(initial_design_progress: Any) -> Any:
    """Worth of a vendor's best design relative to its last design in the catalogue."""
    return initial_design_progress


@aux(dims=("vendor",), unit="1/year")
def knowledge_growth(knowledge: Any, knowledge_gain: Any, knowledge_depreciation: Any) -> Any:
    """Net growth rate of the knowledge stock. Source: perpetual inventory (Hall, Mairesse & Mohnen 2010)."""
    return knowledge_gain / knowledge - knowledge_depreciation


@aux(dims=("vendor",), unit="1/year")
def design_rate(
    knowledge_growth: Any,
    progress_elasticity: Any,
    node_progress: Any,
    domestic_design: Any,
    tool_access: Any,
    tool_access_reference: Any,
    tool_dependence: Any,
    smoothing_rate: Any,
) -> Any:
    """Growth of chip worth from knowledge; Chinese designs also wait for the process node that tools allow."""
    node = node_progress * (1 + domestic_design * tool_dependence * (tool_access / tool_access_reference - 1))
    return progress_elasticity * node * f.smooth_positive(knowledge_growth, smoothing_rate)


@flow(into="design_progress", dims=("vendor",), unit="1/year")
def design_gain(design_progress: Any, design_rate: Any, beyond_catalogue: Any) -> Any:
    """Progress of designs after the catalogue's last quarter (before it, progress is in the catalogue's chips)."""
    return design_progress * design_rate * beyond_catalogue


@aux(dims=("vendor",), unit="H100e/chip")
def frontier_worth(offered_worth: Any, design_progress: Any) -> Any:
    """Worth of a vendor's best chip where nothing limits it."""
    return f.at(offered_worth, region="us") * design_progress


@aux(unit="H100e/chip")
def threshold_worth(
    tpp_threshold: Any,
    bandwidth_threshold: Any,
    threshold_reference_worth: Any,
    tpp_reference: Any,
    bandwidth_reference: Any,
    tpp_exponent: Any,
    bandwidth_exponent: Any,
) -> Any:
    """Worth of the best chip that just stays under a threshold of TPP and of memory bandwidth.

    Source: power law through the frontier of compliant designs, see ``tables/frontier.csv``.
    """
    compute = (tpp_threshold / tpp_reference) ** tpp_exponent
    memory = (bandwidth_threshold / bandwidth_reference) ** bandwidth_exponent
    return threshold_reference_worth * compute * memory


@stock(unit="1")
def reform_ready(threshold_reform: Any) -> Any:
    """How far vendors have designs for a reform's thresholds."""
    return threshold_reform


@flow(into="reform_ready", unit="1/year")
def reform_design(threshold_reform: Any, reform_ready: Any, design_lag: Any) -> Any:
    """Variants for a reform take a design lag, as the A800 and the H20 did."""
    return (threshold_reform - reform_ready) / design_lag


@aux(dims=("vendor", "region"), unit="H100e/chip")
def chip_worth(
    offered_worth: Any,
    design_progress: Any,
    capped: Any,
    frontier_worth: Any,
    threshold_worth: Any,
    reform_ready: Any,
    control_strictness: Any,
    tightening: Any,
    us_design: Any,
    in_china: Any,
) -> Any:
    """Worth of the best chip that a vendor may sell in a region: under the dated law, a reform's threshold, or
    no control.
    """
    legal = offered_worth * (1 + (1 - capped) * (design_progress - 1))
    reformed = legal + reform_ready * (f.smooth_minimum(frontier_worth, threshold_worth) - legal)
    controlled = frontier_worth + control_strictness * (reformed * (1 - tightening) - frontier_worth)
    return legal + us_design * in_china * (controlled - legal)


@aux(dims=("vendor", "region"), unit="USD/chip")
def chip_price(
    list_price: Any, chip_worth: Any, offered_worth: Any, price_of_progress: Any, unit_cost_index: Any, scarcity: Any
) -> Any:
    """Price of a card: list price, moved by later performance, by experience and by scarcity."""
    return list_price * (chip_worth / offered_worth) ** price_of_progress * unit_cost_index * scarcity


@aux(unit="generation")
def technology_lead(frontier_worth: Any, worth_per_generation: Any, one_generation: Any) -> Any:
    """How many generations NVIDIA's best chip is ahead of Huawei's best chip."""
    ratio = f.at(frontier_worth, vendor="nvidia") / f.at(frontier_worth, vendor="huawei")
    return one_generation * f.log(ratio) / f.log(worth_per_generation)
