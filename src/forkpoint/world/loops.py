"""The nineteen loops by name: what each says, its path in the model, its switch, and what it does to an outcome."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from forkpoint.files import read_yaml
from forkpoint.world.reference import FOLDER
from forkpoint.world.scenario import LOOPS


@dataclass(frozen=True)
class NamedLoop:
    """A loop of the article or one that it leaves out; ``path`` are variables in order, some left out between."""

    name: str
    title: str
    says: str
    path: tuple[str, ...]
    kind: str
    article: str
    switch: str


@cache
def named_loops() -> dict[str, NamedLoop]:
    """All loops of ``loops.yaml`` by name."""
    found = {}
    for name, entry in read_yaml(FOLDER / "loops.yaml").items():
        found[name] = NamedLoop(
            name, entry["title"], entry["says"], tuple(entry["path"]), entry["kind"], entry["article"], LOOPS[name]
        )
    return found


def loop_rows() -> list[dict[str, Any]]:
    """The loops as a table."""
    return [
        {"loop": one.name, "title": one.title, "kind": one.kind, "path": " → ".join(one.path), "says": one.says,
         "article": one.article, "switch": one.switch}
        for one in named_loops().values()
    ]  # fmt: skip


def effects(variable: str, scenario: str, at: str) -> list[dict[str, Any]]:
    """How far a variable moves at a quarter when each loop is switched off, largest first."""
    from forkpoint.world.explain import loop_effects

    return loop_effects(variable, scenario, at)
