"""Demand: money that buyers in each region want to spend on accelerators.

History is observed capex (United States) and observed spend on accelerated servers (China); the future is a growth
path with a range. Money that finds no chip waits in a backlog: it is spent later, elsewhere, or withdrawn, never lost.
"""

from __future__ import annotations

from typing import Any

from forkpoint.dynamics import functions as f
from forkpoint.dynamics.variables import aux, flow
from forkpoint.world.declare import account, stock


@aux(unit="1")
def ai_share_of_capex(
    time: Any,
    ai_share_before: Any,
    ai_share_early_growth: Any,
    ai_share_after: Any,
    generative_rise: Any,
    model_start: Any,
) -> Any:
    """Share of hyperscalers' capex that buys accelerators: it grew, and stepped up as generative AI took hold."""
    before = ai_share_before * f.exp(ai_share_early_growth * (time - model_start))
    return before * (1 - generative_rise) + ai_share_after * generative_rise


@aux(unit="1")
def accelerator_share_cn(
    accelerator_share_cn_before: Any, accelerator_share_cn_after: Any, generative_rise: Any
) -> Any:
    """Accelerators that China's buyers want relative to the spend on accelerated servers that is observed."""
    return accelerator_share_cn_before + (accelerator_share_cn_after - accelerator_share_cn_before) * generative_rise


@aux(unit="1")
def generative_rise(time: Any, ai_share_midpoint: Any, ai_share_width: Any) -> Any:
    """How far generative AI has taken hold: a logistic step."""
    return f.smooth_step(time, ai_share_midpoint, ai_share_width)


@aux(dims=("region",), unit="1/year")
def demand_growth(
    time: Any,
    growth_near: Any,
    growth_long: Any,
    growth_decline_time: Any,
    catalogue_end: Any,
    smoothing_time: Any,
) -> Any:
    """Growth of budgets after the observed years: from today's rate towards a long-run rate."""
    elapsed = f.smooth_positive(time - catalogue_end, smoothing_time)
    return growth_long + (growth_near - growth_long) * f.exp(-elapsed / growth_decline_time)


@stock(dims=("region",), unit="1")
def demand_index(initial_demand_index: Any) -> Any:
    """Budgets relative to the last observed quarter."""
    return initial_demand_index


@flow(into="demand_index", dims=("region",), unit="1/year")
def demand_expansion(demand_index: Any, demand_growth: Any, beyond_catalogue: Any) -> Any:
    """Growth of budgets after the last observed quarter."""
    return demand_index * demand_growth * beyond_catalogue


@aux(dims=("region",), unit="USD/year")
def observed_spend(
    hyperscaler_capex: Any,
    china_server_spend: Any,
    ai_share_of_capex: Any,
    accelerator_share_us: Any,
    accelerator_share_cn: Any,
    rest_of_world_ratio: Any,
    in_us: Any,
    in_china: Any,
    in_rest: Any,
) -> Any:
    """Spend on accelerators that the observed levers imply."""
    allied = hyperscaler_capex * ai_share_of_capex * accelerator_share_us
    return (in_us + in_rest * rest_of_world_ratio) * allied + in_china * china_server_spend * accelerator_share_cn


@aux(dims=("region",), unit="1")
def lab_pull(
    lab_strength: Any, lab_strength_reference: Any, demand_lab_elasticity: Any, switch_r8: Any, in_china: Any
) -> Any:
    """Stronger Chinese labs draw more spending in China (loop R8)."""
    strength = lab_strength / lab_strength_reference
    return 1 + in_china * switch_r8 * demand_lab_elasticity * (strength - 1)


@aux(dims=("region",), unit="USD/year")
def budget(
    observed_spend: Any,
    demand_index: Any,
    demand_level: Any,
    lab_pull: Any,
    idle_drag: Any,
    small_card_spend: Any,
    smoothing_spend: Any,
) -> Any:
    """Money that buyers set aside for data-centre accelerators: what small inference cards leave, never below zero."""
    everything = demand_level * observed_spend * demand_index * lab_pull * idle_drag
    return f.smooth_positive(everything - small_card_spend, smoothing_spend)


@aux(dims=("region",), unit="1")
def public_share(public_share_base: Any, centre_programme: Any, in_china: Any) -> Any:
    """Share of China's budget that is public: national compute centres, operators, state firms."""
    return in_china * public_share_base * centre_programme


@stock(dims=("region",), unit="USD")
def backlog(budget: Any, order_time: Any) -> Any:
    """Money set aside and not yet spent: demand that waits."""
    return budget * order_time


@flow(into="backlog", dims=("region",), unit="USD/year")
def budget_release(budget: Any) -> Any:
    """New money for accelerators."""
    return budget


@flow(outof="backlog", into="spending_withdrawn", dims=("region",), unit="USD/year")
def withdrawal(backlog: Any, order_time: Any, withdrawal_time: Any, budget: Any, smoothing_spend: Any) -> Any:
    """Waiting money beyond the usual order time that goes to other uses; none where none waits."""
    width = order_time * smoothing_spend
    excess = f.smooth_positive(backlog - order_time * budget, width) * backlog / (backlog + width)
    return excess / withdrawal_time


spending_withdrawn = account(
    dims=("region",), unit="USD", doc="Money that waited too long and went to other uses, since the start."
)


@stock(unit="USD")
def home_order_book(initial_home_order_book: Any) -> Any:
    """Part of China's backlog that is on order with Chinese vendors and waits for their cards."""
    return initial_home_order_book


@flow(into="home_order_book", unit="USD/year")
def home_orders(placed_value: Any, domestic_design: Any) -> Any:
    """New orders for Chinese designs in China."""
    return f.total(f.at(placed_value, region="cn") * domestic_design, over="vendor")


@flow(outof="home_order_book", unit="USD/year")
def home_deliveries(revenue: Any, domestic_design: Any) -> Any:
    """Orders for Chinese designs that are delivered and paid."""
    return f.total(f.at(revenue, region="cn") * domestic_design, over="vendor")


@flow(outof="home_order_book", unit="USD/year")
def home_cancellations(
    home_order_book: Any,
    home_orders: Any,
    home_deliveries: Any,
    order_time: Any,
    order_patience: Any,
    backlog: Any,
    withdrawal: Any,
    offshore_spend: Any,
) -> Any:
    """Orders that wait too long: the money is free again, or leaves the backlog with the rest that leaves it."""
    asked = home_orders + home_order_book / order_time
    unfilled = f.divide(asked - home_deliveries, asked)
    leaving = (f.at(withdrawal, region="cn") + offshore_spend) / f.at(backlog, region="cn")
    return home_order_book * unfilled * (1 / order_patience + leaving)


@aux(dims=("region",), unit="USD/year")
def order_spend(backlog: Any, order_time: Any, home_order_book: Any, in_china: Any) -> Any:
    """Money that buyers place as new orders: what is not yet on order turns over once in an order time."""
    return (backlog - in_china * home_order_book) / order_time


@aux(dims=("region",), unit="USD/year")
def small_card_spend(small_cards: Any, small_card_price: Any, in_china: Any) -> Any:
    """What China pays for small inference cards of NVIDIA that no threshold catches (T4, A10, L4, L20 class)."""
    return in_china * small_cards * small_card_price


@aux(unit="chip/year")
def small_cards(
    time: Any,
    small_card_level: Any,
    small_card_growth: Any,
    model_start: Any,
    availability: Any,
    small_card_substitution: Any,
    refusal: Any,
    small_card_refusal: Any,
    small_card_access: Any,
) -> Any:
    """Small inference cards of NVIDIA bought in China a year: more while its large ones are barred or scarce; a refusal
    reaches them in part.
    """
    usual = small_card_level * f.exp(small_card_growth * (time - model_start))
    closed = 1 - f.at(f.at(availability, vendor="nvidia"), region="cn")
    wanted = usual * (1 + small_card_substitution * closed)
    return small_card_access * wanted * (1 - small_card_refusal * refusal)
