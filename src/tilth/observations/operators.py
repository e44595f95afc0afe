"""What simulated fluxes are compared with: the raw fluxes, or those with the energy balance closed.

An eddy-covariance tower usually measures turbulent fluxes that add up to less than the available energy
(Wilson et al. 2002, doi:10.1016/S0168-1923(02)00109-0); a model conserves energy. Headline scores are raw
flux against raw simulation whatever is learned from.
"""

import abc
from collections.abc import Sequence
from typing import ClassVar

import equinox as eqx
import numpy as np

from tilth.data.containers import SiteRecord
from tilth.data.flux_errors import TURBULENT
from tilth.observations.splits import Split, split_record

CLOSURE_DAYS = 15
"""Length of the stretches over which the energy balance is closed [d]."""
MINIMUM_AVAILABLE = 50.0
"""Least available energy of the steps that the closure is taken from [W m-2]."""
MINIMUM_STEPS = 48
"""Least number of those steps in a stretch."""
PLAUSIBLE_FACTOR = (0.5, 2.0)
"""Stretches whose fluxes would have to be multiplied by something outside these are not used [-]."""


class AbstractTarget(eqx.Module):
    """What is compared. ``learns_factor``: the simulation is multiplied by a learned factor in the loss."""

    name: eqx.AbstractClassVar[str]
    learns_factor: eqx.AbstractClassVar[bool]

    @abc.abstractmethod
    def observed(self, record: SiteRecord, variables: Sequence[str]) -> dict[str, np.ndarray]:
        """Series to compare with, ``[time]`` in the unit of the variable; NaN where there is none.

        A variable that the site did not observe is left out. No value of the calibration part depends on a
        flux of the held-out part.
        """


class RawFluxes(AbstractTarget):
    """The fluxes as they were measured."""

    name: ClassVar[str] = "raw"
    learns_factor: ClassVar[bool] = False

    def observed(self, record: SiteRecord, variables: Sequence[str]) -> dict[str, np.ndarray]:
        """The measured series."""
        return {v: record.observations[v].value for v in variables if v in record.observations}


class ClosureFactor(AbstractTarget):
    """The raw fluxes, taken to be a learned share of the true ones, the same at all steps of a site.

    The factor multiplies simulated Qle and Qh in the loss and nowhere else.
    """

    name: ClassVar[str] = "closure"
    learns_factor: ClassVar[bool] = True

    def observed(self, record: SiteRecord, variables: Sequence[str]) -> dict[str, np.ndarray]:
        """The measured series."""
        return RawFluxes().observed(record, variables)


class CorrectedFluxes(AbstractTarget):
    """Fluxes corrected for closure: the file's own, else by the Bowen ratio where Rnet and Qg were measured.

    The file's correction (``Qle_cor``, ``Qh_cor``) is taken as it is. The Bowen ratio closure (Twine et al.
    2000, doi:10.1016/S0168-1923(00)00123-4) multiplies both fluxes by ``sum(Rnet - Qg) / sum(Qle + Qh)`` of
    stretches of 15 days, from the steps with all four measured and at least 50 W m-2 available. Stretches do
    not reach over the cut between the calibration and the held-out part.
    """

    name: ClassVar[str] = "corrected"
    learns_factor: ClassVar[bool] = False

    def observed(self, record: SiteRecord, variables: Sequence[str]) -> dict[str, np.ndarray]:
        """The corrected series; ``ValueError`` if the site has neither a correction nor what it takes."""
        raw = RawFluxes().observed(record, variables)
        turbulent = [v for v in raw if v in TURBULENT]
        if all(f"{v}_cor" in record.observations for v in turbulent):
            return {**raw, **{v: record.observations[f"{v}_cor"].value for v in turbulent}}
        needed = [v for v in (*TURBULENT, "Rnet", "Qg") if v not in record.observations]
        if needed:
            raise ValueError(
                f"{record.attributes.name}: corrected fluxes need Qle_cor and Qh_cor, "
                f"or measured Qle, Qh, Rnet and Qg; the record has no {', '.join(needed)}: "
                "use the target raw or closure"
            )
        factor = bowen_ratio_factor(record, split_record(record))
        return {**raw, **{v: raw[v] * factor for v in turbulent}}


def bowen_ratio_factor(record: SiteRecord, split: Split) -> np.ndarray:
    """What Qle and Qh are multiplied by at each step to close the balance [-]; NaN where unknown."""
    series = {name: record.observations[name] for name in (*TURBULENT, "Rnet", "Qg")}
    measured = np.all([s.usable for s in series.values()], axis=0)
    available = np.where(measured, series["Rnet"].value - series["Qg"].value, 0.0)
    turbulent = np.where(measured, series["Qle"].value + series["Qh"].value, 0.0)
    counted = measured & (available >= MINIMUM_AVAILABLE)
    day = (record.time.astype("datetime64[D]") - record.time[0].astype("datetime64[D]")).astype(int)
    stretch = 2 * (day // CLOSURE_DAYS) + split.heldout
    number = np.bincount(stretch, weights=counted)
    energy = np.bincount(stretch, weights=np.where(counted, available, 0.0))
    fluxes = np.bincount(stretch, weights=np.where(counted, turbulent, 0.0))
    enough = (number >= MINIMUM_STEPS) & (fluxes > 0.0)
    factor = np.divide(energy, fluxes, out=np.full(len(energy), np.nan), where=enough)
    low, high = PLAUSIBLE_FACTOR
    plausible = (factor >= low) & (factor <= high)
    return np.where(plausible, factor, np.nan)[stretch]


TARGETS: dict[str, AbstractTarget] = {t.name: t for t in (RawFluxes(), CorrectedFluxes(), ClosureFactor())}
"""Targets by name."""


def named_target(name: str) -> AbstractTarget:
    """The target of a name; ``ValueError`` if there is none."""
    if name not in TARGETS:
        raise ValueError(f"unknown target {name!r}: expected one of {', '.join(TARGETS)}")
    return TARGETS[name]
