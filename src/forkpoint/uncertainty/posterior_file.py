"""A posterior as a file: everything that a later run needs, and the version of the model that it belongs to."""

from __future__ import annotations

import datetime as dt
import io
import json
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forkpoint.errors import InputError, nearest
from forkpoint.files import write_atomically
from forkpoint.uncertainty.calibrate import Posterior
from forkpoint.uncertainty.parameters import Coordinate, transform
from forkpoint.world.fitted import COLUMNS, model_version

FOLDER = Path(__file__).parent / "posteriors"
SCHEMA = "forkpoint.posterior.v1"
HEADER = ("as_of", "model", "names", "misfit", "prior_misfit", "observations")
ARRAYS = ("mode", "directions", "shrink")
SAMPLE = "sample"
AGAIN = "run 'forkpoint calibrate' again"


def write_posterior(posterior: Posterior, path: Path) -> Path:
    """Write a posterior (``.npz``: mode, the directions that the data moved, how far each shrank, draws if any)."""
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
    sampled = {} if posterior.drawn is None else {SAMPLE: posterior.drawn.astype(np.float32)}
    stream = io.BytesIO()
    np.savez_compressed(
        stream,
        header=np.array(json.dumps(header)),
        mode=posterior.mode,
        directions=directions.astype(np.float32),
        shrink=shrink,
        allow_pickle=False,
        **sampled,
    )
    return write_atomically(path, stream.getvalue())


def read_posterior(path: Path, *, names: tuple[str, ...], model: str = "") -> Posterior:
    """A posterior from its file.

    Its coordinates must be ``names``, its model's version ``model`` where that is told: a fit of other equations is
    never used. Raises InputError that names the file and what is wrong in it.
    """
    header, arrays = _contents(path)
    if header.get("schema") != SCHEMA:
        raise InputError(f"{path}: schema {header.get('schema')!r} is not {SCHEMA!r}")
    missing = [key for key in HEADER if key not in header]
    if missing:
        raise InputError(f"{path}: the header has no '{missing[0]}'; {AGAIN}")
    kept = tuple(map(str, header["names"]))
    if kept != names:
        raise InputError(f"{path}: it was fitted to another model, {_differs(kept, names)}; {AGAIN}")
    if model and header["model"] != model:
        raise InputError(f"{path}: it was fitted to version {header['model']} of the model, this is {model}; {AGAIN}")
    try:
        day = dt.date.fromisoformat(str(header["as_of"]))
        misfits = float(header["misfit"]), float(header["prior_misfit"]), int(header["observations"])
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: the header is damaged ({error}); {AGAIN}") from error
    mode, directions, shrink = (arrays[key] for key in ARRAYS)
    shapes = {"mode": (len(names),), "directions": (len(shrink), len(names)), "shrink": (directions.shape[0],)}
    if SAMPLE in arrays:
        shapes[SAMPLE] = (len(names), arrays[SAMPLE].shape[-1])
    for key, shape in shapes.items():
        if arrays[key].shape != shape:
            raise InputError(f"{path}: '{key}' has the shape {arrays[key].shape}, not {shape}; {AGAIN}")
        if not np.isfinite(arrays[key]).all():
            raise InputError(f"{path}: '{key}' holds numbers that are not finite; {AGAIN}")
    root = np.eye(len(mode)) + directions.T @ (shrink[:, None] * directions)
    return Posterior(day, names, mode, root, *misfits, drawn=arrays.get(SAMPLE))


def _contents(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[np.float64]]]:
    """The header and the arrays of a file. Raises InputError where it is no posterior file."""
    if not path.exists():
        near = [str(p) for p in sorted(path.absolute().parent.glob("*.npz"))] if path.suffix else []
        hint = nearest(str(path), ("default", "prior")) + nearest(path.name, [Path(n).name for n in near])
        meant = f"; did you mean {' or '.join(hint)}?" if hint else "."
        kinds = "A posterior is 'default', 'prior' or a file that 'forkpoint calibrate --out FOLDER' wrote"
        raise InputError(f"{path}: there is no such file{meant} {kinds}")
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            header = json.loads(str(stored["header"]))
            arrays = {key: np.atleast_1d(np.asarray(stored[key], dtype=np.float64)) for key in ARRAYS}
            if SAMPLE in stored:
                arrays[SAMPLE] = np.asarray(stored[SAMPLE], dtype=np.float64)
    except KeyError as error:
        raise InputError(f"{path}: not a posterior file: {str(error.args[0]).split(' ')[0]} is not in it") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or 'not a posterior file'})") from error
    except (ValueError, TypeError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: not a posterior file, or a damaged one; {AGAIN}") from error
    if not isinstance(header, dict):
        raise InputError(f"{path}: not a posterior file: the header is no mapping")
    return header, arrays


def _differs(kept: Sequence[str], names: Sequence[str]) -> str:
    """In what the coordinates of a file differ from the model's."""
    foreign, absent = [n for n in kept if n not in names], [n for n in names if n not in kept]
    told = []
    if foreign:
        near = nearest(foreign[0], names, 1)
        told.append(f"which has '{foreign[0]}'" + (f" (nearest here: '{near[0]}')" if near else ""))
    if absent:
        told.append(f"which lacks '{absent[0]}'")
    more = max(len(foreign) - 1, 0) + max(len(absent) - 1, 0)
    return " and ".join(told or ["in another order"]) + (f" and {more} more that differ" if more else "")


def mode_table(posterior: Posterior, coordinates: tuple[Coordinate, ...]) -> list[dict[str, object]]:
    """The mode as a table: each coordinate's value (a factor where it has labels), z, posterior sd and prior range."""
    rows: list[dict[str, object]] = []
    where = transform(coordinates).standing(posterior.mode[:, None])[:, 0]
    spreads = _spreads(posterior, coordinates)
    for coordinate, z, spread in zip(coordinates, where, spreads, strict=True):
        prior = coordinate.prior
        value = float(prior.from_standard(np.float64(z)))
        numbers = (value, float(z), float(spread), prior.low, prior.high)
        rows.append(dict(zip(COLUMNS, (coordinate.name, *(float(f"{n:.8g}") for n in numbers)), strict=True)))
    return rows


def _spreads(posterior: Posterior, coordinates: tuple[Coordinate, ...]) -> NDArray[np.float64]:
    """Posterior standard deviation of where each number stands in its prior."""
    standing = transform(coordinates).standing
    if posterior.drawn is not None:
        return np.asarray(standing(posterior.drawn).std(axis=1))
    return np.asarray(np.linalg.norm(standing(posterior.root), axis=1))
