"""Politics: tightness, suspicion, refusal, lobbying. History is data; the future is a scenario with responses to
switch on.

Dated law and guidance enter as series (``law``, ``exogenous/policy.csv``). The responses here answer what the model
itself produces: a narrowing gap tightens (B1), tightening breeds suspicion and refusal (R5), lost revenue buys
licences (B2).
"""

from __future__ import annotations

from typing import Any

from forkpoint.dynamics import functions as f
from forkpoint.dynamics.variables import aux, flow
from forkpoint.world.declare import stock


@aux(unit="1")
def tightness(chip_worth: Any, frontier_worth: Any, smoothing_share: Any) -> Any:
    """How tight the controls are: the part of NVIDIA's best worth that may not be sold to China, never below zero."""
    allowed = f.at(f.at(chip_worth, vendor="nvidia"), region="cn")
    return f.smooth_positive(1 - allowed / f.at(frontier_worth, vendor="nvidia"), smoothing_share)


@stock(unit="1")
def tightening(initial_tightening: Any) -> Any:
    """Further tightening beyond the dated law, as a part of the worth still allowed."""
    return initial_tightening


@flow(into="tightening", unit="1/year")
def tightening_response(
    tightening: Any,
    lab_strength: Any,
    lab_strength_tolerated: Any,
    tightening_gain: Any,
    tightening_time: Any,
    response_width: Any,
    beyond_catalogue: Any,
    switch_b1: Any,
) -> Any:
    """The narrower the gap to Chinese models, the tighter the rules (loop B1)."""
    alarm = f.smooth_step(lab_strength, lab_strength_tolerated, response_width)
    return beyond_catalogue * (switch_b1 * tightening_gain * alarm - tightening) / tightening_time


@stock(unit="1")
def suspicion(initial_suspicion: Any) -> Any:
    """Suspicion of American chips in China (0 none, 1 as in the summer of 2025)."""
    return initial_suspicion


@flow(into="suspicion", unit="1/year")
def alarm(
    security_incidents: Any, tightness: Any, tit_for_tat: Any, switch_r5: Any, suspicion: Any, suspicion_time: Any
) -> Any:
    """Summons, bills and warnings raise suspicion; so does tightening itself (loop R5); it fades."""
    return security_incidents + (switch_r5 * tit_for_tat * tightness - suspicion) / suspicion_time


@aux(unit="1")
def domestic_capability(software_efficiency: Any, frontier_worth: Any, chip_worth: Any) -> Any:
    """Huawei's effective chip worth relative to the best American chip that may be sold to China, at most one."""
    domestic = f.at(frontier_worth, vendor="huawei") * f.at(software_efficiency, platform="cann")
    foreign = f.at(f.at(chip_worth, vendor="nvidia"), region="cn")
    return domestic / (domestic + foreign)


@stock(unit="1")
def refusal(initial_refusal: Any) -> Any:
    """Part of Chinese buyers who are told, or choose, not to buy American chips."""
    return initial_refusal


@flow(into="refusal", unit="1/year")
def refusal_change(
    refusal: Any,
    chinese_refusal: Any,
    suspicion: Any,
    domestic_capability: Any,
    refusal_response: Any,
    refusal_time: Any,
    switch_r5: Any,
) -> Any:
    """Guidance on purchases, and refusal out of suspicion where domestic chips can serve (loop R5)."""
    own = switch_r5 * refusal_response * suspicion * domestic_capability
    goal = 1 - (1 - chinese_refusal) * f.exp(-own)
    return (goal - refusal) / refusal_time


@aux(unit="1")
def nvidia_loss(expected_orders: Any, chip_price: Any, china_share_reference: Any, in_china: Any) -> Any:
    """How far NVIDIA's share of China's orders has fallen from what it was."""
    value = expected_orders * chip_price * in_china
    everyone = f.total(f.total(value, over="region"), over="vendor")
    nvidia = f.total(f.at(value, vendor="nvidia"), over="region")
    return 1 - nvidia / (everyone * china_share_reference)


@stock(unit="1", non_negative=False)
def lobbying(initial_lobbying: Any) -> Any:
    """Pressure of American vendors to be let back in."""
    return initial_lobbying


@flow(into="lobbying", unit="1/year")
def lobbying_change(lobbying: Any, nvidia_loss: Any, lobbying_time: Any) -> Any:
    """Lost orders raise the pressure."""
    return (nvidia_loss - lobbying) / lobbying_time


@aux(unit="1")
def licence_grant(
    licence_openness: Any, lobbying: Any, levy_interest: Any, licence_fee: Any, beyond_catalogue: Any, switch_b2: Any
) -> Any:
    """Part of licence applications granted: policy, and what a fee on lost revenue buys (loop B2)."""
    bought = switch_b2 * beyond_catalogue * levy_interest * licence_fee * lobbying
    return 1 - (1 - licence_openness) * f.exp(-bought)
