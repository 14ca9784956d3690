"""Supply: expectations, wafers, dies, HBM, packaging, inventories and shipments.

American designs share TSMC's wafers and packaging; when one region closes, capacity goes to the others (loop B9).
Chinese designs need dies (foreign foundries while allowed, then SMIC with a yield that is learned, loop R2) and HBM (a
stock bought before the ban, then Chinese output, loop B4). Chips, dies, stacks and wafers are moved, never made from
nothing.
"""

from __future__ import annotations

from typing import Any

from forkpoint.dynamics import functions as f
from forkpoint.dynamics.variables import aux, flow
from forkpoint.world.declare import account, stock

# --- expectations and the wish to produce ---------------------------------------------------------------------------


@stock(dims=("vendor", "region"), unit="chip/year")
def expected_orders(observed_spend: Any, initial_share: Any, list_price: Any) -> Any:
    """Orders that a vendor expects from a region."""
    return observed_spend * initial_share / list_price


@flow(into="expected_orders", dims=("vendor", "region"), unit="chip/year**2")
def expectation_change(order_units: Any, expected_orders: Any, perception_time: Any) -> Any:
    """Expectations follow orders. Source: first-order smoothing (Forrester 1961)."""
    return (order_units - expected_orders) / perception_time


@aux(dims=("vendor", "region"), unit="chip/year")
def desired_production(
    expected_orders: Any,
    inventory: Any,
    coverage_time: Any,
    inventory_adjustment_time: Any,
    growth_anticipation: Any,
    smoothing_production: Any,
) -> Any:
    """Production that meets expected orders and brings the stock of chips to its target cover, never below zero."""
    target = expected_orders * (1 + growth_anticipation)
    gap = coverage_time * target - inventory
    return f.smooth_positive(target + gap / inventory_adjustment_time, smoothing_production * target)


# --- American designs: advanced packaging ---------------------------------------------------------------------------


@aux(dims=("region",), unit="wafer/year")
def packaging_orders(
    desired_production: Any, us_design: Any, packages_per_wafer: Any, design_progress: Any, price_of_progress: Any
) -> Any:
    """Interposer wafers (CoWoS) that American designs would need for a region; packages grow as designs do."""
    packages = packages_per_wafer * design_progress ** (-price_of_progress)
    return f.total(desired_production * us_design / packages, over="vendor")


@aux(unit="wafer/year")
def packaging_wanted(
    packaging_orders: Any, packaging_capacity: Any, china_packaging_reference: Any, switch_b9: Any
) -> Any:
    """Wafers wanted by all regions; with loop B9 off, what China no longer takes stays empty instead of refilling."""
    idle = china_packaging_reference * packaging_capacity
    return f.total(packaging_orders, over="region") + (1 - switch_b9) * idle


@stock(unit="wafer/year")
def packaging_capacity(initial_packaging_capacity: Any) -> Any:
    """CoWoS capacity for accelerators, in interposer wafers a year."""
    return initial_packaging_capacity


@flow(into="packaging_capacity", unit="wafer/year**2")
def packaging_expansion(
    packaging_wanted: Any, packaging_capacity: Any, packaging_headroom: Any, packaging_build_time: Any
) -> Any:
    """Capacity is built towards what is wanted plus headroom."""
    return (packaging_wanted * (1 + packaging_headroom) - packaging_capacity) / packaging_build_time


@aux(unit="1")
def packaging_fill(packaging_wanted: Any, packaging_capacity: Any) -> Any:
    """Share of the wanted packaging that capacity allows."""
    return f.smooth_minimum(packaging_wanted, packaging_capacity) / packaging_wanted


@stock(unit="1")
def us_wafer_share(initial_us_wafer_share: Any) -> Any:
    """Share of American designs' wafers that is made in Arizona."""
    return initial_us_wafer_share


@flow(into="us_wafer_share", unit="1/year")
def arizona_ramp(us_wafer_share: Any, us_wafer_target: Any, us_wafer_time: Any, reshoring_push: Any) -> Any:
    """Wafer fabs in Arizona ramp towards their planned share (loop B3)."""
    return reshoring_push * (us_wafer_target - us_wafer_share) / us_wafer_time


@stock(unit="1")
def us_packaging_share(initial_us_packaging_share: Any) -> Any:
    """Share of American designs' packaging that is done in the United States."""
    return initial_us_packaging_share


@flow(into="us_packaging_share", unit="1/year")
def us_packaging_ramp(
    us_packaging_share: Any,
    us_packaging_target: Any,
    us_packaging_time: Any,
    reshoring_push: Any,
    time: Any,
    us_packaging_start: Any,
    us_packaging_start_width: Any,
) -> Any:
    """Advanced packaging in the United States starts years after the wafers (loop B3)."""
    started = f.smooth_step(time, us_packaging_start, us_packaging_start_width)
    return started * reshoring_push * (us_packaging_target - us_packaging_share) / us_packaging_time


@aux(unit="1")
def us_made_share(us_wafer_share: Any, us_packaging_share: Any, switch_b3: Any) -> Any:
    """Share of American designs made wholly in the United States: the scarcer of wafers and packaging (loop B3)."""
    limited = f.smooth_minimum(us_wafer_share, us_packaging_share)
    return us_wafer_share + switch_b3 * (limited - us_wafer_share)


# --- Chinese designs: dies ------------------------------------------------------------------------------------------


@aux(dims=("vendor",), unit="die/year")
def dies_wanted(desired_production: Any, domestic_design: Any, dies_per_chip: Any) -> Any:
    """Compute dies that a Chinese design would need."""
    return f.total(desired_production, over="region") * domestic_design * dies_per_chip


@stock(dims=("vendor",), unit="die")
def die_bank(initial_die_bank: Any) -> Any:
    """Compute dies in store: from foreign foundries and from SMIC."""
    return initial_die_bank


@flow(into="die_bank", dims=("vendor",), unit="die/year")
def foreign_dies(dies_wanted: Any, foreign_foundry_access: Any, diverted_dies: Any, diverted_share: Any) -> Any:
    """Dies from TSMC and Samsung: while the law lets a vendor in, and those diverted past it."""
    return foreign_foundry_access * dies_wanted + diverted_dies * diverted_share


@stock(unit="wafer/year")
def smic_capacity(initial_smic_capacity: Any) -> Any:
    """Chinese 7 nm-class wafer capacity that accelerators can use."""
    return initial_smic_capacity


@aux(unit="1")
def tool_effect(tool_access: Any, tool_access_reference: Any, tool_dependence: Any, switch_b4: Any) -> Any:
    """How far the access to foreign tools slows or speeds Chinese fabs (loop B4); one at the access of today."""
    return 1 + switch_b4 * tool_dependence * (tool_access / tool_access_reference - 1)


@flow(into="smic_capacity", unit="wafer/year**2")
def smic_expansion(
    smic_capacity: Any,
    smic_growth: Any,
    smic_fastest_growth: Any,
    smic_limit: Any,
    tool_effect: Any,
    capital_push: Any,
    dies_wanted: Any,
    smic_die_output_limit: Any,
) -> Any:
    """Capacity grows with tools, capital and the dies that are wanted, up to what tools and clean rooms allow.

    However much capital there is, building takes its time.
    """
    wanted = f.total(dies_wanted, over="vendor")
    pressure = wanted / (wanted + smic_die_output_limit)
    growth = f.smooth_minimum(smic_growth * tool_effect * capital_push * pressure, smic_fastest_growth)
    return smic_capacity * growth * (1 - smic_capacity / smic_limit)


@stock(unit="die")
def smic_experience(initial_smic_experience: Any) -> Any:
    """Good accelerator dies that SMIC ever made: its experience."""
    return initial_smic_experience


@flow(into="smic_experience", unit="die/year")
def smic_learning(smic_die_output: Any) -> Any:
    """Dies made add to experience."""
    return smic_die_output


@aux(unit="1")
def smic_yield(
    smic_experience: Any,
    initial_smic_experience: Any,
    yield_start: Any,
    yield_ceiling: Any,
    yield_learning: Any,
    switch_r2: Any,
) -> Any:
    """Share of dies that work: the lost share falls with experience. Source: Wright (1936), applied to defects."""
    lost = (smic_experience / initial_smic_experience) ** (-yield_learning)
    return yield_ceiling - (yield_ceiling - yield_start) * (1 + switch_r2 * (lost - 1))


@aux(unit="die/year")
def smic_die_output_limit(smic_capacity: Any, dies_per_wafer: Any, smic_yield: Any) -> Any:
    """Good dies that SMIC's accelerator capacity can give."""
    return smic_capacity * dies_per_wafer * smic_yield


@aux(dims=("vendor",), unit="die/year")
def smic_need(dies_wanted: Any, foreign_foundry_access: Any, smic_priority: Any) -> Any:
    """Dies that vendors want from SMIC because foreign foundries are closed to them."""
    return dies_wanted * (1 - foreign_foundry_access) * smic_priority


@aux(unit="die/year")
def smic_die_output(smic_die_output_limit: Any, smic_need: Any) -> Any:
    """Good dies that SMIC makes."""
    return f.smooth_minimum(smic_die_output_limit, f.total(smic_need, over="vendor"))


@flow(into="die_bank", dims=("vendor",), unit="die/year")
def smic_dies(smic_die_output: Any, smic_need: Any) -> Any:
    """SMIC's dies go to vendors in proportion to what they ask for."""
    return smic_die_output * f.share(smic_need, over="vendor")


@aux(dims=("vendor",), unit="1")
def die_fill(dies_wanted: Any, die_bank: Any, die_turnover: Any, die_floor: Any) -> Any:
    """Share of the dies wanted that the bank can give."""
    wanted = dies_wanted + die_floor
    return f.smooth_minimum(wanted, die_bank / die_turnover) / wanted


# --- Chinese designs: high-bandwidth memory -------------------------------------------------------------------------


@stock(unit="stack")
def hbm_stock(initial_hbm_stock: Any) -> Any:
    """HBM stacks in China that are not yet on a card."""
    return initial_hbm_stock


@flow(into="hbm_stock", unit="stack/year")
def hbm_imports(hbm_import_rate: Any, hbm_import_access: Any) -> Any:
    """HBM bought abroad: stock-piled before the ban, a trickle on packages after it."""
    return hbm_import_rate * hbm_import_access


@stock(unit="stack/year")
def hbm_capacity(initial_hbm_capacity: Any) -> Any:
    """Chinese HBM output a year."""
    return initial_hbm_capacity


@flow(into="hbm_capacity", unit="stack/year**2")
def hbm_expansion(
    hbm_capacity: Any,
    hbm_growth: Any,
    hbm_limit: Any,
    hbm_push: Any,
    capital_push: Any,
    time: Any,
    hbm_start: Any,
    hbm_start_width: Any,
    hbm_build_time: Any,
) -> Any:
    """Chinese HBM grows as an S-curve from the start of volume output, faster with more capital (loop R6), and closes
    in on its limit no faster than lines are built.
    """
    started = f.smooth_step(time, hbm_start, hbm_start_width)
    filled, pace = hbm_capacity / hbm_limit, hbm_growth * capital_push
    return started * hbm_capacity * pace * (hbm_push - filled) / (1 + pace * filled * hbm_build_time)


@flow(into="hbm_stock", unit="stack/year")
def hbm_output(hbm_capacity: Any) -> Any:
    """HBM made in China."""
    return hbm_capacity


@aux(unit="stack/year")
def hbm_wanted(
    desired_production: Any, domestic_design: Any, die_fill: Any, stacks_per_chip: Any, hbm_floor: Any
) -> Any:
    """Stacks that Chinese designs would put on the packages for which dies exist."""
    cards = f.total(desired_production, over="region") * domestic_design * die_fill * stacks_per_chip
    return f.total(cards, over="vendor") + hbm_floor


@aux(unit="1")
def hbm_fill(hbm_wanted: Any, hbm_stock: Any, hbm_turnover: Any, switch_b4: Any) -> Any:
    """Share of the stacks wanted that the stock can give (loop B4)."""
    limited = f.smooth_minimum(hbm_wanted, hbm_stock / hbm_turnover) / hbm_wanted
    return 1 + switch_b4 * (limited - 1)


# --- production, stock, shipment ------------------------------------------------------------------------------------


@aux(dims=("vendor",), unit="1")
def supply_fill(
    us_design: Any, domestic_design: Any, packaging_fill: Any, die_fill: Any, hbm_fill: Any, needs_hbm: Any
) -> Any:
    """Share of the wanted production that the scarcest input allows."""
    domestic = die_fill * (1 + needs_hbm * (hbm_fill - 1))
    return us_design * packaging_fill + domestic_design * domestic


@flow(into="inventory", dims=("vendor", "region"), unit="chip/year")
def production(desired_production: Any, supply_fill: Any) -> Any:
    """Cards made for a region."""
    return desired_production * supply_fill


@flow(outof="die_bank", dims=("vendor",), unit="die/year")
def die_use(production: Any, domestic_design: Any, dies_per_chip: Any) -> Any:
    """Dies packaged."""
    return f.total(production, over="region") * domestic_design * dies_per_chip


@flow(outof="hbm_stock", unit="stack/year")
def hbm_use(hbm_wanted: Any, hbm_fill: Any, switch_b4: Any) -> Any:
    """Stacks packaged (with loop B4 off, HBM is not counted)."""
    return switch_b4 * hbm_wanted * hbm_fill


@stock(dims=("vendor", "region"), unit="chip")
def inventory(expected_orders: Any, coverage_time: Any) -> Any:
    """Finished cards meant for a region, at the vendor or on the way."""
    return expected_orders * coverage_time


@aux(dims=("vendor", "region"), unit="1/year")
def caught_rate(
    expected_orders: Any,
    held_price: Any,
    order_units: Any,
    chip_price: Any,
    permission: Any,
    market_access: Any,
    refusal: Any,
    us_design: Any,
    in_china: Any,
    order_floor: Any,
    price_unit: Any,
    writeoff_time: Any,
) -> Any:
    """How fast a rule or a refusal catches stock: the value of orders falls short of the stock's, and nobody else may
    buy.
    """
    expected, placed = expected_orders * held_price, order_units * chip_price
    shortfall = (expected - placed) / (expected + placed + order_floor * price_unit)
    caught = f.maximum(shortfall, 0 * shortfall) ** 2
    still_open = permission * market_access * (1 - us_design * in_china * refusal)
    return caught * (1 - still_open) / writeoff_time


@flow(outof="inventory", into="cards_written_off", dims=("vendor", "region"), unit="chip/year")
def write_off(inventory: Any, caught_rate: Any) -> Any:
    """Cards that a rule or a refusal has caught."""
    return inventory * caught_rate


@flow(outof="inventory", into="cards", dims=("vendor", "region"), unit="chip/year")
def shipments(order_units: Any, inventory: Any, write_off: Any, delivery_time: Any) -> Any:
    """Cards delivered: orders, as far as the stock of cards can be sent."""
    return f.smooth_minimum(order_units, inventory / delivery_time - write_off)


cards = account(dims=("vendor", "region"), unit="chip", doc="Cards in use, delivered since the start.")

cards_written_off = account(unit="chip", doc="Cards written off, since the start.")

cards_scrapped = account(unit="chip", doc="Cards taken out of use, since the start.")


@flow(outof="cards", into="cards_scrapped", dims=("vendor", "region"), unit="chip/year")
def card_retirement(cards: Any, card_life: Any) -> Any:
    """Cards leave service after their life."""
    return cards / card_life


@stock(dims=("vendor",), unit="chip")
def cumulative_output(initial_output: Any) -> Any:
    """Cards a vendor ever made: its experience."""
    return initial_output


@flow(into="cumulative_output", dims=("vendor",), unit="chip/year")
def experience_gain(production: Any) -> Any:
    """Production adds to experience."""
    return f.total(production, over="region")


@aux(dims=("vendor",), unit="1")
def unit_cost_index(
    cumulative_output: Any, learning_reference: Any, learning_exponent: Any, domestic_design: Any, switch_r2: Any
) -> Any:
    """Chinese unit cost falls with experience (loop R2). Source: Wright (1936)."""
    learned = (1 + cumulative_output / learning_reference) ** (-learning_exponent)
    return 1 + domestic_design * switch_r2 * (learned - 1)


@aux(dims=("vendor",), unit="1")
def scarcity(supply_fill: Any, scarcity_elasticity: Any, fill_floor: Any) -> Any:
    """Scarcity raises the price of what can be had."""
    return (supply_fill + fill_floor) ** (-scarcity_elasticity)
