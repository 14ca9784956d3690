"""Plans that no other beats: the Pareto front over any number of criteria, each the smaller the better."""

from __future__ import annotations

import numpy as np


def pareto(*criteria: np.ndarray) -> np.ndarray:
    """Indices of the points that no other point beats, by the first criterion (ties by the next).

    A point beats another where it is no worse in every criterion and better in one; of equal points one stays.
    """
    points = np.stack(criteria, axis=1)
    order = np.lexsort(criteria[::-1])
    points = points[order]
    if points.shape[1] == 2:
        lowest = np.minimum.accumulate(points[:, 1])
        front: np.ndarray = order[np.concatenate([[True], lowest[1:] < lowest[:-1]])]
        return front
    # in this order nothing later beats what is earlier: each survivor clears the rest of what it beats
    front, position = order, 0
    while position < len(points):
        stays = (points[position + 1 :] < points[position]).any(axis=1)
        stays = np.concatenate([np.ones(position + 1, dtype=bool), stays])
        points, front = points[stays], front[stays]
        position += 1
    return front
