"""Running an ensemble: chunks of members in one batched call of the model, kept as they come."""

import dataclasses
import hashlib
import importlib.metadata
import re
from collections.abc import Callable
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from tilth.data.containers import SiteRecord, Sites
from tilth.ensembles.store import EnsembleStore, Provenance
from tilth.models.base import AbstractLandModel, EnsembleOutputs
from tilth.parameters.space import ParameterSpace

COLUMNS = 256
"""Columns (a member at a site) of a batched call from which more are hardly faster."""

VALUES = 20_000_000
"""Values of one simulated series that a batched call holds in memory at most (160 MB in float64)."""

Progress = Callable[[int, int, str], None]
"""Called with how much is done, how much there is, and a message."""


def run_ensemble(
    model: AbstractLandModel,
    thetas: np.ndarray,
    sites: Sites,
    store_path: Path,
    *,
    resume: bool = True,
    chunk: int | None = None,
    progress: Progress | None = None,
) -> EnsembleStore:
    """The store with every member run at every site.

    ``thetas`` is ``[member, 1 | site, param]`` (or ``[member, param]``) in physical units. ``chunk`` members
    are run in one batched call, by default as many as make some 256 columns without filling the memory. An
    interrupted run goes on where it stopped, and a store whose members come first in ``thetas`` is extended
    by the others. Raises ``ValueError`` for values outside their bounds, and for
    a store of another model, space, design or sites.
    """
    thetas = _per_site(np.asarray(thetas, dtype=float), sites)
    model.space.check(thetas)
    path = Path(store_path)
    store: EnsembleStore | None = None
    if path.exists():
        if not resume:
            raise ValueError(
                f"{path} exists and resuming was not asked for: resume, or choose another folder"
            )
        store = EnsembleStore.open(path)
        _check_same(store, model, thetas, sites)
        if len(thetas) > len(store.thetas):
            store.extend(thetas)
    done = np.zeros(thetas.shape[:2], dtype=bool) if store is None else store.done
    pending = np.flatnonzero(~done.all(axis=1))
    total = len(thetas)
    chunk = chunk or members_at_once(sites)
    for start in range(0, len(pending), chunk):
        members = pending[start : start + chunk]
        padded = np.pad(members, (0, min(chunk, total) - len(members)), mode="edge")
        result = model.run(jnp.asarray(thetas[padded]), sites)
        if store is None:
            store = _created(path, model, thetas, sites, result)
        _keep(store, members, result, ~done[members])
        if progress is not None:
            progress(total - len(pending) + start + len(members), total, "ensemble members")
    if store is None:
        raise ValueError("an ensemble needs at least one member, got none")
    return store


def members_at_once(sites: Sites) -> int:
    """Members of a batched call: about :data:`COLUMNS` columns, and :data:`VALUES` values of one series."""
    count, length = sites.valid.shape
    return max(1, min(COLUMNS // count, VALUES // (count * length)))


def provenance_of(model: AbstractLandModel, sites: Sites) -> Provenance:
    """What identifies an ensemble run with this model at these sites."""
    return Provenance(
        model=model_identity(model),
        space=parameters_listed(model.space),
        sites={r.attributes.name: forcing_digest(r) for r in sites.records},
    )


def model_identity(model: AbstractLandModel) -> str:
    """The model's class, the package's version and a digest of the model's options and arrays."""
    leaves, structure = jax.tree.flatten(eqx.filter(model, eqx.is_array))
    options = re.sub(r" at 0x[0-9a-f]+", "", str(structure))
    digest = hashlib.sha256(options.encode())
    for leaf in leaves:
        digest.update(np.asarray(leaf).tobytes())
    return f"{type(model).__name__} {importlib.metadata.version('tilth')} ({digest.hexdigest()[:12]})"


def parameters_listed(space: ParameterSpace) -> list[dict[str, object]]:
    """Name, unit, long name, scale and bounds of each parameter, in order."""
    keep = ("name", "unit", "long_name", "scale", "lower", "upper")
    return [{k: v for k, v in dataclasses.asdict(p).items() if k in keep} for p in space.parameters]


def forcing_digest(record: SiteRecord) -> str:
    """SHA-256 of a site's clock, forcing and attributes."""
    digest = hashlib.sha256(f"{record.attributes} {record.step}".encode())
    digest.update(record.time.astype("datetime64[s]").astype(np.int64).tobytes())
    for name in sorted(record.forcing):
        digest.update(np.asarray(record.forcing[name], dtype=np.float64).tobytes())
    return digest.hexdigest()


def _per_site(thetas: np.ndarray, sites: Sites) -> np.ndarray:
    count = len(sites.records)
    if thetas.ndim == 2:
        thetas = thetas[:, None]
    if thetas.ndim != 3 or thetas.shape[1] not in (1, count):
        raise ValueError(f"thetas must be [member, 1 or {count} sites, param], got shape {thetas.shape}")
    return np.broadcast_to(thetas, (len(thetas), count, thetas.shape[2]))


def _check_same(store: EnsembleStore, model: AbstractLandModel, thetas: np.ndarray, sites: Sites) -> None:
    found = store.provenance.differences(provenance_of(model, sites))
    stored = store.thetas
    if stored.shape[1:] != thetas.shape[1:] or not np.array_equal(stored, thetas[: len(stored)]):
        found.append(
            f"members: stored {len(stored)}, now {len(thetas)} of which the first are not the stored"
        )
    if found:
        raise ValueError(
            f"the ensemble in {store.path} was run with something else: {'; '.join(found)}. "
            "Run into a new folder, or with what it was run with"
        )


def _created(
    path: Path, model: AbstractLandModel, thetas: np.ndarray, sites: Sites, result: EnsembleOutputs
) -> EnsembleStore:
    path.parent.mkdir(parents=True, exist_ok=True)
    return EnsembleStore.create(
        path,
        thetas,
        provenance_of(model, sites),
        lengths=[len(r.time) for r in sites.records],
        outputs={name: tuple(values.shape[3:]) for name, values in result.outputs.items()},
        attributes={
            "tilth_version": importlib.metadata.version("tilth"),
            "jax_version": jax.__version__,
            "start_times": [str(r.time[0]) for r in sites.records],
            "steps_s": [float(r.step) for r in sites.records],
            "sources": {r.attributes.name: dict(r.sources) for r in sites.records},
            "files": {r.attributes.name: dict(r.files) for r in sites.records},
        },
    )


def _keep(store: EnsembleStore, members: np.ndarray, result: EnsembleOutputs, missing: np.ndarray) -> None:
    outputs = {name: np.asarray(values, dtype=np.float32) for name, values in result.outputs.items()}
    succeeded = np.asarray(result.succeeded)
    for row, member in enumerate(members):
        for site in np.flatnonzero(missing[row]):
            series = {name: values[row, site] for name, values in outputs.items()}
            finite = all(np.isfinite(s[: store.lengths[site]]).all() for s in series.values())
            store.write(int(member), int(site), series, succeeded=bool(succeeded[row, site]) and finite)
