"""Finance: revenue, fees and tariffs, write-downs, research, knowledge, and the capital that follows expectations."""

from __future__ import annotations

from typing import Any

from forkpoint.dynamics import functions as f
from forkpoint.dynamics.variables import aux, flow
from forkpoint.world.declare import account, stock


@aux(dims=("vendor", "region"), unit="1")
def levy_rate(licence_fee: Any, tariff_rate: Any, licence_needed: Any, us_design: Any, in_china: Any) -> Any:
    """What the United States takes of the price of a chip sold to China: licence fee and tariff."""
    return (licence_fee + tariff_rate) * licence_needed * us_design * in_china


@aux(dims=("vendor", "region"), unit="USD/chip")
def delivered_price(chip_price: Any, levy_rate: Any, levy_pass_through: Any) -> Any:
    """What a buyer pays: the price and the part of a levy that is passed on."""
    return chip_price * (1 + levy_pass_through * levy_rate)


@flow(outof="backlog", into="receipts", dims=("vendor", "region"), unit="USD/year")
def revenue(shipments: Any, delivered_price: Any) -> Any:
    """Money that buyers pay vendors for cards delivered."""
    return shipments * delivered_price


receipts = account(dims=("vendor",), unit="USD", doc="Money received from sales of accelerators, since the start.")

government_receipts = account(unit="USD", doc="Licence fees and tariffs that the United States took, since the start.")


@flow(outof="receipts", into="government_receipts", dims=("vendor", "region"), unit="USD/year")
def levy_paid(revenue: Any, levy_rate: Any) -> Any:
    """Licence fee and tariff paid on sales to China."""
    return revenue * levy_rate


@stock(dims=("vendor",), unit="USD/chip")
def stock_price(list_price: Any) -> Any:
    """Price for which the cards held for China were made: of the chip then allowed, not of the one still allowed."""
    return f.at(list_price, region="cn")


@flow(into="stock_price", dims=("vendor",), unit="USD/chip/year")
def stock_repricing(
    stock_price: Any, chip_price: Any, inventory: Any, production: Any, commitment_time: Any, chip_floor: Any
) -> Any:
    """New cards bring their price into stock and cards on order. Source: co-flow (Sterman 2000, chapter 12)."""
    made = f.at(production, region="cn")
    held = f.at(inventory, region="cn") + made * commitment_time + chip_floor
    return (f.at(chip_price, region="cn") - stock_price) * made / held


@aux(dims=("vendor", "region"), unit="USD/chip")
def held_price(stock_price: Any, chip_price: Any, in_china: Any) -> Any:
    """Price for which cards in stock were made; elsewhere no rule parts it from today's price."""
    return chip_price + in_china * (stock_price - chip_price)


@aux(dims=("vendor", "region"), unit="chip")
def purchase_commitments(expected_orders: Any, commitment_time: Any) -> Any:
    """Wafers, memory and packages ordered ahead for a region, in cards."""
    return expected_orders * commitment_time


@aux(unit="USD/year")
def write_down(
    caught_rate: Any, inventory: Any, purchase_commitments: Any, held_price: Any, writedown_cost_share: Any
) -> Any:
    """Cost of caught cards and of the purchases ordered for them, valued as the chip that was caught."""
    lost = caught_rate * (inventory + purchase_commitments) * held_price * writedown_cost_share
    return f.total(f.total(lost, over="region"), over="vendor")


@aux(unit="USD/year")
def nvidia_china_ai_revenue(
    revenue: Any, networking_attach_cn: Any, networking_owned: Any, small_cards: Any, small_card_price: Any
) -> Any:
    """NVIDIA's data-centre revenue in China: accelerators with their network, and small cards."""
    accelerators = f.at(f.at(revenue, vendor="nvidia"), region="cn")
    return accelerators * (1 + networking_owned * networking_attach_cn) + small_cards * small_card_price


@aux(unit="USD/year")
def nvidia_datacenter_revenue(
    revenue: Any,
    nvidia_china_ai_revenue: Any,
    networking_attach: Any,
    networking_owned: Any,
    outside_china: Any,
) -> Any:
    """NVIDIA's data-centre revenue in the world."""
    elsewhere = f.total(f.at(revenue, vendor="nvidia") * outside_china, over="region")
    return elsewhere * (1 + networking_owned * networking_attach) + nvidia_china_ai_revenue


@aux(unit="USD/year")
def nvidia_other_sales(
    nvidia_other_revenue: Any, time: Any, catalogue_end: Any, other_growth: Any, beyond_catalogue: Any
) -> Any:
    """NVIDIA's sales outside data centres (gaming, visualisation, cars): outside the model, observed, then trend."""
    return nvidia_other_revenue * f.exp(beyond_catalogue * other_growth * (time - catalogue_end))


@aux(unit="USD/year")
def nvidia_revenue(nvidia_datacenter_revenue: Any, nvidia_other_sales: Any) -> Any:
    """NVIDIA's total revenue."""
    return nvidia_datacenter_revenue + nvidia_other_sales


@aux(unit="USD/year")
def nvidia_china_revenue(nvidia_china_ai_revenue: Any, nvidia_other_sales: Any, china_share_of_other: Any) -> Any:
    """NVIDIA's revenue billed to China with Hong Kong: data centre and everything else."""
    return nvidia_china_ai_revenue + china_share_of_other * nvidia_other_sales


@aux(dims=("vendor",), unit="USD/year")
def vendor_sales(
    revenue: Any,
    is_nvidia: Any,
    nvidia_revenue: Any,
    other_sales: Any,
    nvidia_china_revenue: Any,
    china_revenue_reference: Any,
    switch_r7: Any,
) -> Any:
    """Sales on which a vendor builds its plans (with loop R7 off, NVIDIA plans as if China had stayed at its
    reference).
    """
    own = f.total(revenue, over="region") + other_sales
    planned = nvidia_revenue + (1 - switch_r7) * (china_revenue_reference - nvidia_china_revenue)
    return own * (1 - is_nvidia) + is_nvidia * planned


@stock(dims=("vendor",), unit="USD/year")
def expected_sales(initial_sales: Any) -> Any:
    """Sales that a vendor expects when it sets its research budget."""
    return initial_sales


@flow(into="expected_sales", dims=("vendor",), unit="USD/year**2")
def sales_expectation_change(vendor_sales: Any, expected_sales: Any, sales_perception_time: Any) -> Any:
    """Expectations follow sales."""
    return (vendor_sales - expected_sales) / sales_perception_time


@aux(unit="1")
def threat_effect(tightness: Any, threat_rnd_effect: Any, switch_r1: Any) -> Any:
    """Chinese firms spend more on research as the controls tighten (loop R1)."""
    return 1 + switch_r1 * threat_rnd_effect * tightness


@aux(dims=("vendor",), unit="USD/year")
def rnd_goal(
    initial_rnd: Any,
    expected_sales: Any,
    initial_sales: Any,
    rnd_elasticity: Any,
    domestic_design: Any,
    threat_effect: Any,
    capital_to_rnd: Any,
) -> Any:
    """Research that expected sales and raised capital support."""
    from_sales = initial_rnd * (expected_sales / initial_sales) ** rnd_elasticity
    return from_sales * (1 + domestic_design * (threat_effect - 1)) + capital_to_rnd


@stock(dims=("vendor",), unit="USD/year")
def rnd_spend(initial_rnd: Any) -> Any:
    """Research and development a year: the article's pool for research."""
    return initial_rnd


@flow(into="rnd_spend", dims=("vendor",), unit="USD/year**2")
def rnd_change(rnd_goal: Any, rnd_spend: Any, rnd_growth_limit: Any, rnd_gap_scale: Any) -> Any:
    """Research budgets move towards their goal, however far it is, no faster than people can be hired."""
    return rnd_spend * rnd_growth_limit * f.tanh((rnd_goal / rnd_spend - 1) / rnd_gap_scale)


@flow(into="rnd_spend", dims=("vendor",), unit="USD/year**2")
def rnd_joining(acquired_rnd: Any, acquisitions: Any) -> Any:
    """Research that joins with an acquired firm (Mellanox, 2020)."""
    return acquired_rnd * acquisitions


@stock(dims=("vendor",), unit="USD")
def research_in_progress(initial_rnd: Any, knowledge_lag: Any) -> Any:
    """Research paid for that has not yet become usable knowledge."""
    return initial_rnd * knowledge_lag


@flow(into="research_in_progress", dims=("vendor",), unit="USD/year")
def research_start(rnd_spend: Any) -> Any:
    """Research begun."""
    return rnd_spend


@flow(outof="research_in_progress", into="knowledge", dims=("vendor",), unit="USD/year")
def knowledge_gain(research_in_progress: Any, knowledge_lag: Any) -> Any:
    """Research that becomes usable, years later. Source: Aghion et al. (2024), lag of 2 to 5 years."""
    return research_in_progress / knowledge_lag


@stock(dims=("vendor",), unit="USD")
def knowledge(initial_rnd: Any, knowledge_depreciation: Any, initial_knowledge_growth: Any) -> Any:
    """Stock of usable research. Source: perpetual inventory."""
    return initial_rnd / (knowledge_depreciation + initial_knowledge_growth)


@flow(outof="knowledge", into="knowledge_obsolete", dims=("vendor",), unit="USD/year")
def knowledge_loss(knowledge: Any, knowledge_depreciation: Any) -> Any:
    """Knowledge grows old."""
    return knowledge * knowledge_depreciation


knowledge_obsolete = account(unit="USD", doc="Research that has grown old, since the start.")


# --- capital of Chinese vendors (loop R6) ---------------------------------------------------------------------------


@aux(unit="USD/year")
def domestic_sales(revenue: Any, domestic_design: Any) -> Any:
    """Sales of accelerators by Chinese vendors."""
    return f.total(f.total(revenue * domestic_design, over="vendor"), over="region")


@aux(unit="USD")
def market_value_goal(
    domestic_sales: Any,
    value_to_sales: Any,
    vacuum_premium: Any,
    nvidia_loss: Any,
    switch_r6: Any,
    market_value_floor: Any,
) -> Any:
    """What investors think Chinese chip makers are worth: a multiple of sales, more as the rival leaves (loop R6)."""
    return market_value_floor + domestic_sales * value_to_sales * (1 + switch_r6 * vacuum_premium * nvidia_loss)


@stock(unit="USD")
def domestic_market_value(initial_market_value: Any) -> Any:
    """Market value of Chinese accelerator makers."""
    return initial_market_value


@flow(into="domestic_market_value", unit="USD/year")
def revaluation(market_value_goal: Any, domestic_market_value: Any, revaluation_time: Any) -> Any:
    """Share prices follow expectations quickly."""
    return (market_value_goal - domestic_market_value) / revaluation_time


@aux(unit="USD/year")
def capital_raised(domestic_market_value: Any, issuance_rate: Any, state_funding: Any) -> Any:
    """New capital of Chinese chip makers: shares issued and state funds."""
    return domestic_market_value * issuance_rate + state_funding


@aux(dims=("vendor",), unit="USD/year")
def capital_to_rnd(
    capital_raised: Any, capital_reference: Any, rnd_share_of_capital: Any, capital_share: Any, switch_r6: Any
) -> Any:
    """Part of the new capital that goes into chip research, by vendor (loop R6)."""
    return rnd_share_of_capital * capital_share * (capital_reference + switch_r6 * (capital_raised - capital_reference))


@aux(unit="1")
def capital_push(capital_raised: Any, capital_reference: Any, capital_elasticity: Any, switch_r6: Any) -> Any:
    """Capital speeds the building of fabs (loop R6); one at today's reference."""
    return 1 + switch_r6 * ((capital_raised / capital_reference) ** capital_elasticity - 1)
