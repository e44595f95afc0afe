"""The store of an ensemble: parameters and simulated series of every member at every site, in zarr.

Layout (zarr v3): ``thetas`` [member, site, param], ``status`` [member, site] and ``outputs/<name>``
[member, site, time, ...] as uncompressed float32. One member of one site is one chunk of each series: one
region write, and the unit of resuming. The chunks are raw, so windows are read through memory maps and a
reader needs no more memory than the windows it asks for. xarray opens the store's groups as they are.
"""

import dataclasses
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from tilth.ensembles.quantities import QUANTITIES

FORMAT_VERSION = 1
"""Version of the layout above; other versions are refused."""

NOT_RUN, SUCCEEDED, FAILED = 0, 1, 2
"""What ``status`` holds: a crashed or non-finite member is kept as data and marked FAILED."""


@dataclasses.dataclass(frozen=True)
class Provenance:
    """What an ensemble was run with; a store answers only to the same one.

    ``model`` names the model and its version, ``space`` lists the parameters with their bounds, ``sites``
    maps each site's name to the SHA-256 of its forcing.
    """

    model: str
    space: Sequence[Mapping[str, Any]]
    sites: Mapping[str, str]

    def differences(self, other: "Provenance") -> list[str]:
        """What differs from another ensemble, in words; empty if nothing does."""
        found = []
        if self.model != other.model:
            found.append(f"model: stored {self.model}, now {other.model}")
        if _plain(self.space) != _plain(other.space):
            found.append(f"parameters: stored {_brief(self.space)}, now {_brief(other.space)}")
        if dict(self.sites) != dict(other.sites):
            found.append(f"sites: stored {_named(self.sites)}, now {_named(other.sites)}")
        return found


class EnsembleStore:
    """An ensemble on disk. Made by :meth:`create`, opened by :meth:`open`."""

    def __init__(self, path: Path, group: zarr.Group) -> None:
        self.path = path
        self._group = group
        self._maps: dict[tuple[str, int, int], np.ndarray] = {}

    @classmethod
    def create(
        cls,
        path: Path,
        thetas: np.ndarray,
        provenance: Provenance,
        *,
        lengths: Sequence[int],
        outputs: Mapping[str, tuple[int, ...]],
        attributes: Mapping[str, Any] | None = None,
    ) -> "EnsembleStore":
        """A new store without any member done.

        ``thetas`` is ``[member, site, param]`` in physical units, ``lengths`` the number of steps of each
        site, ``outputs`` maps the series' names to their sizes beyond time (``()``, or ``(layer,)``).
        The folder appears whole or not at all. Raises ``ValueError`` if ``path`` exists.
        """
        path = Path(path)
        if path.exists():
            raise ValueError(f"{path} exists: open it, or choose a folder that does not exist")
        partial = path.with_name(path.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        group = zarr.open_group(partial, mode="w", zarr_format=3)
        members, sites, _ = thetas.shape
        time = max(lengths)
        stored = _array(group, "thetas", thetas.shape, thetas.shape, "float64", ("member", "site", "param"))
        stored[:] = thetas
        _array(group, "status", (members, sites), (1, 1), "uint8", ("member", "site"))
        series = group.create_group("outputs")
        for name, beyond in outputs.items():
            shape, chunk = (members, sites, time, *beyond), (1, 1, time, *beyond)
            axes = ("member", "site", "time", *("layer",) * len(beyond))
            array = _array(series, name, shape, chunk, "float32", axes)
            unit, long_name = QUANTITIES.get(name, ("", ""))
            array.attrs.update({"units": unit, "long_name": long_name})
        group.attrs.update(
            {
                "format": "tilth ensemble",
                "format_version": FORMAT_VERSION,
                "model": provenance.model,
                "space": _plain(provenance.space),
                "sites": dict(provenance.sites),
                "lengths": [int(n) for n in lengths],
                "parts": [members],
                **(attributes or {}),
            }
        )
        partial.rename(path)
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> "EnsembleStore":
        """The store in folder ``path``; ``ValueError`` if there is none or its format version is another."""
        path = Path(path)
        try:
            group = zarr.open_group(path, mode="r+")
        except FileNotFoundError as error:
            raise ValueError(
                f"expected an ensemble store in {path}, found none: run the ensemble first"
            ) from error
        version = group.attrs.get("format_version")
        if group.attrs.get("format") != "tilth ensemble" or version != FORMAT_VERSION:
            raise ValueError(
                f"{path} is not an ensemble store of format version {FORMAT_VERSION} (got {version}): "
                "run the ensemble again into a new folder"
            )
        return cls(path, group)

    @property
    def attributes(self) -> dict[str, Any]:
        """Everything recorded about where the ensemble comes from."""
        return dict(self._group.attrs)

    @property
    def provenance(self) -> Provenance:
        """What the ensemble was run with."""
        attrs = self._group.attrs
        return Provenance(str(attrs["model"]), list(attrs["space"]), dict(attrs["sites"]))  # type: ignore[arg-type, call-overload]

    @property
    def thetas(self) -> np.ndarray:
        """Physical parameter values ``[member, site, param]``."""
        return np.asarray(self._group["thetas"][:])  # type: ignore[index]

    @property
    def site_names(self) -> tuple[str, ...]:
        """Names of the sites, in the order of the site axis."""
        return tuple(self.provenance.sites)

    @property
    def lengths(self) -> tuple[int, ...]:
        """Steps of each site's record; series are NaN beyond."""
        return tuple(self._group.attrs["lengths"])  # type: ignore[arg-type]

    @property
    def output_names(self) -> tuple[str, ...]:
        """ALMA names of the stored series."""
        return tuple(sorted(self._group["outputs"].array_keys()))  # type: ignore[union-attr]

    @property
    def done(self) -> np.ndarray:
        """Whether each member of each site has been run, ``[member, site]``."""
        return self._status != NOT_RUN

    @property
    def succeeded(self) -> np.ndarray:
        """Whether each member of each site was run without a crash or a value that is not finite."""
        return self._status == SUCCEEDED

    @property
    def parts(self) -> tuple[int, ...]:
        """Members that it was created with, and those of each extension."""
        return tuple(self._group.attrs.get("parts", [len(self.thetas)]))  # type: ignore[arg-type]

    def write(self, member: int, site: int, outputs: Mapping[str, np.ndarray], *, succeeded: bool) -> None:
        """Keep one member of one site: its series (padded or not), then its status."""
        length = self.lengths[site]
        for name in self.output_names:
            array = self._group[f"outputs/{name}"].with_config({"write_empty_chunks": True})  # type: ignore[union-attr]
            region = np.full(array.shape[2:], np.nan, dtype=np.float32)
            region[:length] = outputs[name][:length]
            array[member, site] = region
        self._group["status"][member, site] = SUCCEEDED if succeeded else FAILED  # type: ignore[index]

    def extend(self, thetas: np.ndarray) -> None:
        """Make room for more members: ``thetas`` [member, site, param] begins with the stored ones."""
        self._group.attrs["parts"] = [*self.parts, len(thetas) - len(self.thetas)]
        names = ("thetas", "status", *(f"outputs/{name}" for name in self.output_names))
        for name in names[::-1]:
            array = self._group[name]
            array.resize((len(thetas), *array.shape[1:]))  # type: ignore[union-attr]
        self._group["thetas"][:] = thetas  # type: ignore[index]

    def member(self, theta: np.ndarray) -> int:
        """The number of the member with the parameters ``theta`` [site, param], or those next to them."""
        return int(np.argmin(np.abs(self.thetas - theta[None]).max(axis=(1, 2))))

    def series(self, name: str, member: int, site: int) -> np.ndarray:
        """One stored series as a read-only memory map ``[time, ...]``, cut to the length of its site."""
        key = (name, member, site)
        if key not in self._maps:
            array = self._group[f"outputs/{name}"]
            beyond = array.shape[3:]  # type: ignore[union-attr]
            file = (
                self.path
                / "outputs"
                / name
                / "c"
                / "/".join(map(str, (member, site, 0, *(0 for _ in beyond))))
            )
            mapped = np.memmap(file, dtype="<f4", mode="r", shape=array.shape[2:])  # type: ignore[union-attr]
            self._maps[key] = mapped[: self.lengths[site]]
        return self._maps[key]

    @property
    def _status(self) -> np.ndarray:
        return np.asarray(self._group["status"][:])  # type: ignore[index]


def _array(
    group: zarr.Group,
    name: str,
    shape: tuple[int, ...],
    chunks: tuple[int, ...],
    dtype: str,
    axes: tuple[str, ...],
) -> zarr.Array:
    fill = float("nan") if dtype.startswith("float") else 0
    return group.create_array(
        name,
        shape=shape,
        chunks=chunks,
        dtype=dtype,
        fill_value=fill,
        compressors=None,
        dimension_names=axes,
    )


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _brief(space: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"{p['name']} [{p['lower']:g}, {p['upper']:g}]" for p in space)


def _named(sites: Mapping[str, str]) -> str:
    return ", ".join(f"{name} (forcing {digest[:8]})" for name, digest in sites.items())
