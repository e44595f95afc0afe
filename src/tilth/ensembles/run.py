"""Running an ensemble: chunks of members in one batched call of the model, kept as they come."""

import dataclasses
import hashlib
import importlib.metadata
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from tilth.data.containers import SiteRecord, Sites
from tilth.ensembles.store import EnsembleStore, Provenance
from tilth.models.base import AbstractLandModel, EnsembleOutputs
from tilth.parameters.space import ParameterSpace

COLUMNS = 1024
"""Columns (a member at a site) of a batched call from which more are hardly faster."""

VALUES = 20_000_000
"""Values of one simulated series that a batched call holds in memory at most (160 MB in float64)."""

PADDING = 0.25
"""Largest share of the steps of a batched call that may be padding of the shorter records."""

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

    ``thetas`` is ``[member, 1 | site, param]`` (or ``[member, param]``) in physical units. At most ``chunk``
    members are run in one batched call, by default as many as make some 1 000 columns without filling the
    memory; several calls share the members evenly.
    Sites whose records differ much in length are run one group after the other (:func:`groups_by_length`).
    An interrupted run goes on where it stopped, and a store whose members come first in ``thetas`` is
    extended by the others. Raises ``ValueError`` for values outside their bounds, and for a store of another
    model, space, design or sites.
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
    total = len(thetas)
    kept = int(done.sum())
    for group in groups_by_length([len(record.time) for record in sites.records]):
        some = sites if len(group) == len(sites.records) else _chosen(sites, group)
        pending = np.flatnonzero(~done[:, group].all(axis=1))
        most = chunk or members_at_once(some)
        for members, padded in _batches(pending, [total] if store is None else store.parts, most):
            result = model.run(jnp.asarray(thetas[padded][:, group]), some)
            if store is None:
                store = _created(path, model, thetas, sites, result)
            missing = ~done[np.ix_(members, group)]
            _keep(store, members, group, result, missing)
            kept += int(missing.sum())
            if progress is not None:
                progress(kept // len(sites.records), total, "ensemble members")
    if store is None:
        raise ValueError("an ensemble needs at least one member, got none")
    return store


def _batches(pending: np.ndarray, parts: Sequence[int], most: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The ``pending`` members in batches of ``most`` at most, as they are and filled up to run.

    Batches of a part of several have one size, so that a resumed one has the same round-off.
    """
    for end, count in zip(np.cumsum(parts), parts, strict=True):
        those = pending[(pending >= end - count) & (pending < end)]
        size = -(-count // -(-count // most)) if count > most else len(those)
        for start in range(0, len(those), max(size, 1)):
            members = those[start : start + size]
            yield members, np.pad(members, (0, size - len(members)), mode="edge")


def members_at_once(sites: Sites) -> int:
    """Members of a batched call: about :data:`COLUMNS` columns, and :data:`VALUES` values of one series."""
    count, length = sites.valid.shape
    return max(1, min(COLUMNS // count, VALUES // (count * length)))


def groups_by_length(lengths: Sequence[int]) -> list[np.ndarray]:
    """Indices of sites that are padded to one length, longest group first, in their order within a group.

    From the longest record on, a site joins its predecessors unless more than :data:`PADDING` of the group's
    steps would then be padding. All lengths alike make one group.
    """
    groups: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda site: -lengths[site]):
        joined = [*groups[-1], index] if groups else [index]
        padding = 1.0 - np.mean([lengths[site] for site in joined]) / lengths[joined[0]]
        if groups and padding <= PADDING:
            groups[-1] = joined
        else:
            groups.append([index])
    return [np.array(sorted(group)) for group in groups]


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


def _chosen(sites: Sites, group: np.ndarray) -> Sites:
    return Sites.of([sites.records[site] for site in group], sites.step.dtype)


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


def _keep(
    store: EnsembleStore,
    members: np.ndarray,
    group: np.ndarray,
    result: EnsembleOutputs,
    missing: np.ndarray,
) -> None:
    """Writes what is ``missing`` [member, site of the group] of a batch of ``members`` at ``group``."""
    outputs = {name: np.asarray(values, dtype=np.float32) for name, values in result.outputs.items()}
    succeeded = np.asarray(result.succeeded)
    for row, member in enumerate(members):
        for column in np.flatnonzero(missing[row]):
            site = int(group[column])
            series = {name: values[row, column] for name, values in outputs.items()}
            finite = all(np.isfinite(s[: store.lengths[site]]).all() for s in series.values())
            store.write(int(member), site, series, succeeded=bool(succeeded[row, column]) and finite)
