"""Compute: what is installed, what of it is used, what is reached abroad or past the rules, and the largest training
run.
"""

from __future__ import annotations

from typing import Any

from forkpoint.dynamics import functions as f
from forkpoint.dynamics.variables import aux, flow
from forkpoint.world.declare import account, stock


@stock(dims=("region", "platform", "vintage"), unit="H100e")
def installed(initial_compute: Any, initial_platform_share: Any, initial_vintage_share: Any) -> Any:
    """Installed accelerators by region, platform and age, in H100-equivalents."""
    return initial_compute * initial_platform_share * initial_vintage_share


@flow(into="installed[vintage=new]", dims=("region", "platform"), unit="H100e/year")
def new_compute(shipments: Any, chip_worth: Any, vendor_platform: Any) -> Any:
    """Accelerators put to work."""
    return f.total(shipments * chip_worth * vendor_platform, over="vendor")


@flow(into="installed[region=cn,platform=cuda,vintage=new]", unit="H100e/year")
def small_card_compute(small_cards: Any, small_card_worth: Any) -> Any:
    """Compute of small inference cards."""
    return small_cards * small_card_worth


@flow(into="installed", dims=("region", "platform", "vintage"), unit="H100e/year")
def ageing(installed: Any, ageing_time: Any) -> Any:
    """New accelerators become old ones."""
    return f.ageing(installed, ageing_time, over="vintage")


@flow(outof="installed[vintage=old]", dims=("region", "platform"), unit="H100e/year")
def retirement(installed: Any, old_life: Any) -> Any:
    """Old accelerators leave service."""
    return f.at(installed, vintage="old") / old_life


# --- grey supply (loop B5) ------------------------------------------------------------------------------------------


@aux(unit="chip/year")
def grey_wanted(
    grey_level: Any,
    tightness: Any,
    enforcement: Any,
    order_spend: Any,
    grey_budget_share: Any,
    grey_price: Any,
    switch_b5: Any,
) -> Any:
    """Controlled cards that buyers in China would take past the rules: more as the rules tighten, up to their money."""
    level = grey_level * tightness * (1 - enforcement)
    return switch_b5 * f.smooth_minimum(level, grey_budget_share * f.at(order_spend, region="cn") / grey_price)


@flow(outof="cards[vendor=nvidia,region=row]", into="cards[vendor=nvidia,region=cn]", unit="chip/year")
def grey_shipments(grey_wanted: Any, shipments: Any, grey_reach: Any) -> Any:
    """Cards resold into China from deliveries to swing markets (loop B5). They are moved, not made."""
    return f.smooth_minimum(grey_wanted, grey_reach * f.at(f.at(shipments, vendor="nvidia"), region="row"))


@flow(outof="backlog[region=cn]", into="grey_receipts", unit="USD/year")
def grey_spend(grey_shipments: Any, grey_price: Any) -> Any:
    """Money paid to resellers."""
    return grey_shipments * grey_price


grey_receipts = account(unit="USD", doc="Money that grey resellers received, since the start.")


@flow(
    outof="installed[region=row,platform=cuda,vintage=new]",
    into="installed[region=cn,platform=cuda,vintage=new]",
    unit="H100e/year",
)
def grey_compute(grey_shipments: Any, frontier_worth: Any) -> Any:
    """Compute that moves with grey cards."""
    return grey_shipments * f.at(frontier_worth, vendor="nvidia")


# --- offshore access ------------------------------------------------------------------------------------------------


@flow(outof="backlog[region=cn]", into="backlog[region=row]", unit="USD/year")
def offshore_spend(backlog: Any, order_time: Any, tightness: Any, offshore_share: Any, offshore_access: Any) -> Any:
    """Chinese money that rents compute abroad and so becomes orders of swing markets."""
    return offshore_share * offshore_access * tightness * f.at(backlog, region="cn") / order_time


@stock(unit="H100e")
def offshore_compute(initial_offshore_compute: Any) -> Any:
    """Compute abroad that Chinese firms rent (installed elsewhere, not counted twice)."""
    return initial_offshore_compute


@flow(into="offshore_compute", unit="H100e/year")
def offshore_gain(offshore_spend: Any, delivered_price: Any, chip_worth: Any) -> Any:
    """Compute that new rents reach."""
    price = f.at(f.at(delivered_price, vendor="nvidia"), region="row")
    return offshore_spend * f.at(f.at(chip_worth, vendor="nvidia"), region="row") / price


@flow(outof="offshore_compute", unit="H100e/year")
def offshore_loss(offshore_compute: Any, rental_time: Any) -> Any:
    """Rents that end."""
    return offshore_compute / rental_time


# --- use ------------------------------------------------------------------------------------------------------------


@aux(dims=("region",), unit="H100e")
def nominal_compute(installed: Any) -> Any:
    """Installed compute of a region."""
    return f.total(f.total(installed, over="vintage"), over="platform")


@aux(dims=("region",), unit="H100e")
def software_compute(installed: Any, software_efficiency: Any) -> Any:
    """Installed compute times the efficiency that software reaches on it."""
    return f.total(f.total(installed, over="vintage") * software_efficiency, over="platform")


@stock(unit="1")
def public_compute_share(initial_public_compute_share: Any) -> Any:
    """Share of China's installed compute that is in public centres."""
    return initial_public_compute_share


@flow(into="public_compute_share", unit="1/year")
def public_build_out(public_share: Any, public_compute_share: Any, installed: Any, new_compute: Any) -> Any:
    """The share of public centres follows their share in what is newly installed."""
    added = f.at(f.total(new_compute, over="platform"), region="cn")
    base = f.at(f.total(f.total(installed, over="vintage"), over="platform"), region="cn")
    return (f.at(public_share, region="cn") - public_compute_share) * added / base


@stock(unit="1")
def public_utilisation(initial_public_utilisation: Any) -> Any:
    """Share of public compute that is in use."""
    return initial_public_utilisation


@flow(into="public_utilisation", unit="1/year")
def utilisation_change(
    public_utilisation: Any,
    utilisation_best: Any,
    utilisation_time: Any,
    public_compute_share: Any,
    glut_weight: Any,
    smoothing_share: Any,
) -> Any:
    """Centres fill slowly, and more slowly the larger their share: built ahead of users (loop B7)."""
    goal = utilisation_best * f.smooth_positive(1 - glut_weight * public_compute_share, smoothing_share)
    return (goal - public_utilisation) / utilisation_time


@aux(dims=("region",), unit="1")
def idle_drag(public_utilisation: Any, utilisation_best: Any, idle_response: Any, switch_b7: Any, in_china: Any) -> Any:
    """Idle centres dampen what is set aside for new ones (loop B7)."""
    return 1 - in_china * switch_b7 * idle_response * (1 - public_utilisation / utilisation_best)


@aux(dims=("region",), unit="1")
def utilisation(
    private_utilisation: Any, public_utilisation: Any, public_compute_share: Any, in_china: Any, switch_b7: Any
) -> Any:
    """Share of a region's compute in use: much public capacity in China stands idle (loop B7)."""
    return private_utilisation + in_china * switch_b7 * public_compute_share * (
        public_utilisation - private_utilisation
    )


@aux(dims=("region",), unit="H100e")
def usable_compute(software_compute: Any, utilisation: Any, offshore_compute: Any, in_china: Any, in_rest: Any) -> Any:
    """Compute that work can reach: installed, efficient, in use, and rented abroad."""
    return (software_compute * utilisation) + (in_china - in_rest) * offshore_compute


@aux(dims=("region",), unit="FLOP")
def largest_training_run(
    usable_compute: Any,
    largest_cluster_share: Any,
    training_time: Any,
    h100_peak: Any,
    training_mfu: Any,
    seconds_per_year: Any,
) -> Any:
    """Largest training run that a region can do: its largest cluster for one training time."""
    return usable_compute * largest_cluster_share * training_time * seconds_per_year * h100_peak * training_mfu


@aux(unit="1")
def compute_ratio(usable_compute: Any) -> Any:
    """Usable compute of the United States and allies, times that of China."""
    return f.at(usable_compute, region="us") / f.at(usable_compute, region="cn")


# --- China's market as the trackers count it ------------------------------------------------------------------------


@aux(unit="chip/year")
def china_cards(shipments: Any, small_cards: Any) -> Any:
    """Accelerator cards delivered in China by all vendors, legal, small inference cards included."""
    return f.total(f.at(shipments, region="cn"), over="vendor") + small_cards


@aux(unit="1")
def domestic_share_units(shipments: Any, domestic_design: Any, china_cards: Any) -> Any:
    """Share of Chinese designs in cards delivered in China."""
    return f.total(f.at(shipments, region="cn") * domestic_design, over="vendor") / china_cards


@aux(unit="1")
def domestic_share_value(revenue: Any, domestic_design: Any, small_card_spend: Any) -> Any:
    """Share of Chinese designs in what China pays for accelerators."""
    paid = f.at(revenue, region="cn")
    every = f.total(paid, over="vendor") + f.at(small_card_spend, region="cn")
    return f.total(paid * domestic_design, over="vendor") / every


@aux(unit="1")
def domestic_share_compute(
    new_compute: Any, software_efficiency: Any, domestic_platform: Any, small_card_compute: Any
) -> Any:
    """Share of Chinese platforms in the effective compute newly installed in China."""
    added = f.at(new_compute, region="cn") * software_efficiency
    return f.total(added * domestic_platform, over="platform") / (f.total(added, over="platform") + small_card_compute)


@aux(unit="1")
def nvidia_share_units(shipments: Any, small_cards: Any, china_cards: Any) -> Any:
    """NVIDIA's share of the cards delivered in China."""
    return (f.at(f.at(shipments, vendor="nvidia"), region="cn") + small_cards) / china_cards


@aux(unit="1")
def domestic_demand_met(shipments: Any, delivered_price: Any, domestic_design: Any, budget: Any) -> Any:
    """Deliveries of Chinese designs by value, times China's whole budget: when domestic supply meets demand."""
    paid = f.at(shipments * delivered_price, region="cn")
    return f.total(paid * domestic_design, over="vendor") / f.at(budget, region="cn")


@aux(dims=("region",), unit="USD/H100e")
def price_of_compute(revenue: Any, new_compute: Any, software_efficiency: Any) -> Any:
    """What a region pays for one effective H100-equivalent."""
    return f.total(revenue, over="vendor") / f.total(new_compute * software_efficiency, over="platform")
