"""The plant functional types of the leaf model, read once from the TOML file beside this module."""

import dataclasses
import functools
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources

STRESS_FREE_INTERCEPT = {"C3": 10000.0, "C4": 40000.0}
"""Stomatal conductance at zero photosynthesis without stress, by pathway [umol m-2 s-1]."""


@dataclasses.dataclass(frozen=True)
class LeafType:
    """A plant functional type.

    ``carboxylation25`` is the default Vcmax at 25 °C [umol m-2 s-1], ``slope`` the stomatal g1 [kPa0.5],
    ``open_potential`` and ``closed_potential`` soil matric potentials [mm], ``root_a`` and ``root_b`` the
    root profile [m-1], ``elsewhere`` values of Vcmax at 25 °C by source. ``pathway`` is C3 or C4.
    """

    name: str
    long_name: str
    pathway: str
    carboxylation25: float
    slope: float
    open_potential: float
    closed_potential: float
    root_a: float
    root_b: float
    elsewhere: Mapping[str, float] = dataclasses.field(default_factory=dict, hash=False)

    @property
    def intercept(self) -> float:
        """Stomatal g0 without stress [umol m-2 s-1]."""
        return STRESS_FREE_INTERCEPT[self.pathway]


@functools.cache
def leaf_types() -> dict[str, LeafType]:
    """Every plant functional type by name."""
    text = resources.files("tilth.parameters").joinpath("leaf_types.toml").read_text(encoding="utf-8")
    return {name: LeafType(name=name, **entry) for name, entry in tomllib.loads(text)["types"].items()}


def named_leaf_types(names: Sequence[str]) -> tuple[LeafType, ...]:
    """The types of the given names, spelled with any capitals; ``ValueError`` names the unknown ones."""
    table = {name.lower(): kind for name, kind in leaf_types().items()}
    unknown = sorted({name for name in names if name.lower() not in table})
    if unknown:
        raise ValueError(
            f"plant types {unknown} are not in the table: expected one of {sorted(leaf_types())}; "
            "map them with `plant_types` in the experiment file"
        )
    return tuple(table[name.lower()] for name in names)
