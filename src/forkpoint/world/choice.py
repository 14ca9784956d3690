"""Choice: how buyers split what they spend over what they can get.

A nested logit (McFadden 1978): first the software platform, then the vendor on it. Attraction rises with effective
work per dollar and with the size of the chip; it falls with security suspicion and with long waits. Public money in
China follows a mandate, and buyers who refuse American chips order domestic ones.
"""

from __future__ import annotations

from typing import Any

from forkpoint.dynamics import functions as f
from forkpoint.dynamics.variables import aux, flow
from forkpoint.world.declare import stock


@aux(dims=("vendor",), unit="1")
def vendor_software(software_efficiency: Any, vendor_platform: Any) -> Any:
    """Software efficiency that a vendor's platform has reached."""
    return f.total(vendor_platform * software_efficiency, over="platform")


@aux(dims=("vendor",), unit="1")
def perceived_software(vendor_software: Any, domestic_design: Any, quality_reference: Any, switch_b6: Any) -> Any:
    """Software efficiency as buyers see it: where Chinese chips fall short, buyers go back to NVIDIA (loop B6)."""
    return vendor_software + domestic_design * (1 - switch_b6) * (quality_reference - vendor_software)


@aux(dims=("vendor", "region"), unit="1")
def delivery_confidence(
    inventory: Any, expected_orders: Any, coverage_time: Any, delivery_floor: Any, chip_floor: Any
) -> Any:
    """How far stock covers expected orders: one when well covered, near the floor when a buyer would have to wait."""
    cover = (inventory + chip_floor) / (coverage_time * expected_orders + chip_floor)
    return (delivery_floor + cover) / (1 + cover)


@aux(dims=("vendor", "region"), unit="1")
def permission(licence_grant: Any, licence_needed: Any) -> Any:
    """Part of the buyers to whom a vendor may sell: licensed where a licence is needed."""
    return 1 - licence_needed * (1 - licence_grant)


@aux(dims=("vendor", "region"), unit="1")
def availability(permission: Any, market_access: Any, patience: Any) -> Any:
    """Part of the buyers who consider a vendor: with some patience, buyers wait for an offer that is still thin."""
    return permission * market_access * (1 + patience) / (market_access + patience)


@stock(dims=("vendor",), unit="1")
def considered_in_china(initial_considered: Any) -> Any:
    """Part of China's buyers who plan with a vendor: after a rule, tenders and clusters are re-planned in time."""
    return initial_considered


@flow(into="considered_in_china", dims=("vendor",), unit="1/year")
def reconsideration(availability: Any, considered_in_china: Any, switching_time: Any) -> Any:
    """Buyers plan with what may be had. Source: first-order smoothing (Forrester 1961)."""
    return (f.at(availability, region="cn") - considered_in_china) / switching_time


@aux(dims=("vendor", "region"), unit="1")
def considered(availability: Any, considered_in_china: Any, in_china: Any) -> Any:
    """Part of the buyers who plan with a vendor: what may be had, and for a while what could be had before a rule."""
    return availability + in_china * (f.maximum(availability, considered_in_china) - availability)


@aux(dims=("vendor", "region"), unit="1")
def attraction(
    chip_worth: Any,
    chip_price: Any,
    perceived_software: Any,
    worth_unit: Any,
    price_unit: Any,
    value_elasticity: Any,
    size_elasticity: Any,
    vendor_appeal: Any,
    home_bias: Any,
    vendor_home: Any,
    delivery_confidence: Any,
    delivery_weight: Any,
    suspicion: Any,
    suspicion_weight: Any,
    us_design: Any,
    in_china: Any,
) -> Any:
    """Utility of a vendor's chip to a buyer, in logarithms: value for money, size, trust, home market and delivery."""
    work = f.log(chip_worth * perceived_software / worth_unit)
    value = value_elasticity * (work - f.log(chip_price / price_unit)) + size_elasticity * work
    trust = delivery_weight * f.log(delivery_confidence) - suspicion_weight * suspicion * us_design * in_china
    return value + trust + vendor_appeal - home_bias * (1 - vendor_home)


@aux(dims=("vendor", "region"), unit="1")
def vendor_weight(attraction: Any, considered: Any, nest_dissimilarity: Any) -> Any:
    """Weight of a vendor inside its platform. Source: nested logit (McFadden 1978)."""
    return considered * f.exp(attraction / nest_dissimilarity)


@aux(dims=("region", "platform"), unit="1")
def platform_sum(vendor_weight: Any, vendor_platform: Any, weight_floor: Any) -> Any:
    """Sum of weights on a platform (a floor keeps an empty platform's logarithm finite)."""
    return f.total(vendor_weight * vendor_platform, over="vendor") + weight_floor


@aux(dims=("region", "platform"), unit="1")
def platform_share(platform_sum: Any, nest_dissimilarity: Any, ecosystem_pull: Any) -> Any:
    """Share of each platform in orders: its best offers and the pull of its ecosystem (loops R3, R3′, R4)."""
    return f.share(platform_sum**nest_dissimilarity * f.exp(ecosystem_pull), over="platform")


@aux(dims=("vendor", "region"), unit="1")
def free_share(vendor_weight: Any, vendor_platform: Any, platform_share: Any, platform_sum: Any) -> Any:
    """Share of each vendor in orders that follow the buyer's own choice."""
    return vendor_weight * f.total(vendor_platform * (platform_share / platform_sum), over="platform")


@aux(dims=("region",), unit="1")
def domestic_preference(free_share: Any, domestic_design: Any) -> Any:
    """Share that Chinese designs win where buyers are free to choose."""
    return f.total(free_share * domestic_design, over="vendor")


@aux(dims=("region",), unit="1")
def mandated_share(
    public_share: Any,
    domestic_mandate: Any,
    switch_r1: Any,
    domestic_mandate_reference: Any,
    refusal: Any,
    in_china: Any,
) -> Any:
    """Share of orders that must be domestic: public money under the mandate (loop R1), and buyers who refuse (loop R5).

    A buyer who refuses American chips waits for domestic ones where they are short: the order is not passed on.
    """
    mandate = domestic_mandate_reference + switch_r1 * (domestic_mandate - domestic_mandate_reference)
    return 1 - (1 - public_share * mandate) * (1 - in_china * refusal)


@aux(dims=("vendor", "region"), unit="1")
def home_share(free_share: Any, domestic_preference: Any, domestic_design: Any) -> Any:
    """Share of each Chinese vendor in orders that must be domestic."""
    return f.divide(free_share * domestic_design, domestic_preference)


@aux(dims=("vendor", "region"), unit="USD/year")
def placed_value(order_spend: Any, free_share: Any, mandated_share: Any, home_share: Any) -> Any:
    """New orders by value: free money by choice, mandated money among domestic vendors."""
    return order_spend * ((1 - mandated_share) * free_share + mandated_share * home_share)


@aux(dims=("vendor", "region"), unit="USD/year")
def order_value(placed_value: Any, home_order_book: Any, home_share: Any, order_time: Any, in_china: Any) -> Any:
    """Orders by value: new ones, and those that still wait for Chinese cards: they are not passed on to others."""
    return placed_value + in_china * home_share * home_order_book / order_time


@aux(dims=("vendor", "region"), unit="chip/year")
def order_units(order_value: Any, delivered_price: Any, market_access: Any, permission: Any, considered: Any) -> Any:
    """Orders by units, as far as licences and volume allow; the rest of the money waits."""
    open_to = f.divide(f.minimum(permission, considered), considered)
    return open_to * market_access * order_value / delivered_price
