"""A posterior as a file: everything that a later run needs, and the version of the model that it belongs to."""

from __future__ import annotations

import datetime as dt
import io
import json
from pathlib import Path

import numpy as np

from forkpoint.errors import InputError
from forkpoint.files import write_atomically
from forkpoint.uncertainty.calibrate import Posterior
from forkpoint.uncertainty.parameters import Coordinate
from forkpoint.world.fitted import COLUMNS, model_version

FOLDER = Path(__file__).parent / "posteriors"
SCHEMA = "forkpoint.posterior.v1"


def write_posterior(posterior: Posterior, path: Path) -> Path:
    """Write a posterior (``.npz``: mode, the directions that the data moved, and how far each shrank)."""
    directions, shrink = posterior.directions
    header = {
        "schema": SCHEMA,
        "as_of": posterior.as_of.isoformat(),
        "model": model_version(),
        "names": list(posterior.names),
        "misfit": posterior.misfit,
        "prior_misfit": posterior.prior_misfit,
        "observations": posterior.observations,
    }
    stream = io.BytesIO()
    np.savez_compressed(
        stream,
        header=np.array(json.dumps(header)),
        mode=posterior.mode,
        directions=directions.astype(np.float32),
        shrink=shrink,
    )
    return write_atomically(path, stream.getvalue())


def read_posterior(path: Path, *, names: tuple[str, ...]) -> Posterior:
    """A posterior from its file. Raises InputError where it is of another model: its coordinates must be ``names``."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            header = json.loads(str(stored["header"]))
            mode, directions, shrink = stored["mode"], stored["directions"].astype(float), stored["shrink"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: not a posterior file ({error})") from error
    if header.get("schema") != SCHEMA:
        raise InputError(f"{path}: schema {header.get('schema')!r} is not {SCHEMA!r}")
    if tuple(header["names"]) != names:
        raise InputError(f"{path}: it was fitted to another version of the model; run 'forkpoint calibrate' again")
    root = np.eye(len(mode)) + directions.T @ (shrink[:, None] * directions)
    day = dt.date.fromisoformat(header["as_of"])
    return Posterior(day, names, mode, root, header["misfit"], header["prior_misfit"], header["observations"])


def mode_table(posterior: Posterior, coordinates: tuple[Coordinate, ...]) -> list[dict[str, object]]:
    """The mode as a table: each coordinate's value (a factor where it has labels), z, posterior sd and prior range."""
    rows: list[dict[str, object]] = []
    for coordinate, z, spread in zip(coordinates, posterior.mode, posterior.spread, strict=True):
        prior = coordinate.prior
        value = float(prior.from_standard(np.float64(z)))
        numbers = (value, float(z), float(spread), prior.low, prior.high)
        rows.append(dict(zip(COLUMNS, (coordinate.name, *(float(f"{n:.8g}") for n in numbers)), strict=True)))
    return rows
