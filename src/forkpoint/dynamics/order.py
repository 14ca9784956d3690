"""Evaluation order of equations and the cycle that prevents one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def in_order(needs: Mapping[str, Sequence[str]]) -> tuple[str, ...] | None:
    """Names so that each comes after what it needs, otherwise as given; None where there is a cycle."""
    done: dict[str, bool] = {}
    ordered: list[str] = []
    for root in needs:
        stack = [(root, iter(needs[root]))] if root not in done else []
        if stack:
            done[root] = False
        while stack:
            name, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                stack.pop()
                done[name] = True
                ordered.append(name)
            elif following not in done:
                done[following] = False
                stack.append((following, iter(needs[following])))
            elif not done[following]:
                return None
    return tuple(ordered)


def find_cycle(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """One cycle in the direction of influence (first name repeated at the end); empty where there is none."""
    state: dict[str, bool] = {}
    for root in needs:
        if root in state:
            continue
        path, stack = [root], [iter(needs[root])]
        state[root] = False
        while stack:
            following = next(stack[-1], None)
            if following is None:
                state[path.pop()] = True
                stack.pop()
            elif following not in state:
                state[following] = False
                path.append(following)
                stack.append(iter(needs[following]))
            elif not state[following]:
                cycle = path[path.index(following) :]
                return [following, *reversed(cycle)]
    return []
