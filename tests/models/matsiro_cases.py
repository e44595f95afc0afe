"""Small land model cases: synthetic sites of every climate, cut to seasons, with drawn parameters."""

import jax.numpy as jnp
import numpy as np

from tilth.data.containers import SiteRecord, Sites
from tilth.data.shortened import part_of
from tilth.data.weather import synthetic_site
from tilth.parameters.space import ParameterSpace
from tilth.parameters.tables import CALIBRATED, parameter_table

BUDGETS = ("SurfaceResidual", "EnergyResidual", "WaterResidual")
"""The outputs that must vanish."""


def part(record: SiteRecord, first_day: int, days: int) -> SiteRecord:
    """Some days of a record."""
    per_day = round(86400 / record.step)
    return part_of(record, slice(first_day * per_day, (first_day + days) * per_day))


def season(climate: str, plant_class: str, first_day: int, days: int, step: float = 1800.0) -> SiteRecord:
    """Some days of a synthetic year."""
    years = (first_day + days + 1) / 365.25
    record = synthetic_site(
        f"{climate}-{first_day}", plant_class=plant_class, climate=climate, years=years, seed=7, step=step
    )
    return part(record, first_day, days)


def drawn(space: ParameterSpace, count: int, seed: int = 0) -> np.ndarray:
    """Physical parameter values drawn over the whole box, ``[draw, param]``."""
    fractions = np.random.default_rng(seed).uniform(size=(count, len(space.names)))
    return np.asarray(space.from_fraction(jnp.asarray(fractions)))


def defaults(space: ParameterSpace, sites: Sites) -> np.ndarray:
    """Default values of every site, ``[site, param]``."""
    return np.stack([space.defaults(r.attributes.plant_class, r.attributes.soil) for r in sites.records])


def box() -> ParameterSpace:
    """The 12 calibrated parameters and the scale of leaf area."""
    return ParameterSpace.select((*CALIBRATED, "lai_scale"))


def everything() -> ParameterSpace:
    """Every parameter of the table."""
    return ParameterSpace.select(tuple(parameter_table()))
