"""The choices of the land model that its source leaves open."""

import dataclasses
from typing import Literal

from tilth.constants import GAS_CONSTANT_DRY_AIR, GAS_CONSTANT_VAPOUR
from tilth.physics.surface_search import SolverSettings


@dataclasses.dataclass(frozen=True)
class MatsiroOptions:
    """Switches of the land model; the defaults are those that the documentation argues for.

    ``psicr_unit``: unit of the critical water potential, m (SiB2) or kPa (Xie et al. 2025, Table 2).
    ``vgcov_scope``: vegetation cover acts on short-wave radiation only (sw), or also on long-wave radiation
    and on the scaling from leaf to canopy (all). ``par_mode``: leaves receive the radiation that a top leaf
    absorbs, or all that is incident. ``pathway``: C3 or C4 by class, or by quantum efficiency as in SiB2
    (C4 at or below 0.07). ``runoff``: topmodel or free drainage. ``kelvin``: gas constant in the humidity
    of the soil's pores, vapour or the document's dry air. ``conductivity``: of the wetter layer (max) or
    upwind. ``adsorption``: whether dry soil draws vapour from unsaturated air (document) or not (none).
    ``spin_up_years``: how often the first year is repeated.
    """

    psicr_unit: Literal["m", "kPa"] = "m"
    vgcov_scope: Literal["sw", "all"] = "sw"
    par_mode: Literal["absorbed", "incident"] = "absorbed"
    pathway: Literal["class", "sib2"] = "class"
    runoff: Literal["topmodel", "free"] = "topmodel"
    freezing: bool = True
    kelvin: Literal["vapour", "dry"] = "vapour"
    conductivity: Literal["max", "upwind"] = "max"
    adsorption: Literal["none", "document"] = "none"
    largest_zeta: float = 0.5
    spin_up_years: int = 10
    solver: SolverSettings = dataclasses.field(default_factory=SolverSettings)

    def __post_init__(self) -> None:
        """Refuses values that are not among the choices."""
        for field, choices in CHOICES.items():
            if getattr(self, field) not in choices:
                raise ValueError(f"{field} must be one of {choices}, got {getattr(self, field)!r}")

    @property
    def potential_unit(self) -> float:
        """Factor from a potential in [m] to the unit of psicr."""
        return 1.0 if self.psicr_unit == "m" else 9.80665

    @property
    def kelvin_gas_constant(self) -> float:
        """Gas constant of the Kelvin equation [J kg-1 K-1]."""
        return GAS_CONSTANT_VAPOUR if self.kelvin == "vapour" else GAS_CONSTANT_DRY_AIR


CHOICES = {
    "psicr_unit": ("m", "kPa"),
    "vgcov_scope": ("sw", "all"),
    "par_mode": ("absorbed", "incident"),
    "pathway": ("class", "sib2"),
    "runoff": ("topmodel", "free"),
    "kelvin": ("vapour", "dry"),
    "conductivity": ("max", "upwind"),
    "adsorption": ("none", "document"),
}
"""What each switch may be."""
