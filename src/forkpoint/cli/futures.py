"""The options of every question about futures, and what its answers say of draws that were lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click

scenario_option = click.option("--scenario", "name", default="as-it-was", show_default=True, help="Scenario.")


def draws_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--posterior`` and ``--seed``: what is drawn from, with which random numbers."""
    for option in (
        click.option(
            "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of all random numbers."
        ),
        click.option(
            "--posterior", default="default", show_default=True, help="A file of calibrate, 'prior' or 'default'."
        ),
    ):
        command = option(command)
    return command


def futures_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--at``, ``--posterior`` and ``--seed``: which quarter or year, drawn from what."""
    return click.option("--at", default="2030", show_default=True, help="Year (mean over it) or quarter.")(
        draws_options(command)
    )


def meanings(outputs: Iterable[str]) -> str:
    """What outputs stand for, one a line, as the model says it."""
    from forkpoint.world.model import world

    return "\n".join(f"{name}: {world()[name.partition('[')[0]].meaning}" for name in dict.fromkeys(outputs))


def lost(y: Any) -> int:
    """Draws that left the region where the model's equations mean something."""
    import numpy as np

    return int(np.isnan(y).sum())


def left_out(count: int, draws: int) -> str:
    """A sentence for draws that are in no number; none where there are none."""
    return f" {count:,} of {draws:,} draws left the model's region and are in no number." if count else ""
