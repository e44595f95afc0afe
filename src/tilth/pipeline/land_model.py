"""The land model of an experiment, and the parameters that it starts from."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from tilth.config import Experiment
from tilth.data.containers import SiteRecord
from tilth.models.base import AbstractLandModel
from tilth.models.matsiro.model import Matsiro
from tilth.models.matsiro.options import MatsiroOptions

FLUXES = ("Qle", "Qh")
"""The fluxes that parameters are learned from."""
ENERGY = ("Rnet", "Qg")
"""Observed fluxes that nothing is learned from, but that learning must not make worse."""
SIMULATED = ("Qle", "Qh", "Rnet", "Qg", "GPP", "RadT", "SWE", "Qs", "Qsb", "SoilMoist", "SoilTemp")
"""The outputs that a simulation file holds."""
C3_LATITUDE = 40.0
"""Grassland poleward of this latitude [degrees] is C3 where the defaults are those of the site."""
C3_GRASS = {"gradm": 9.0, "binter": 0.01, "effcon": 0.08}
"""Stomata and quantum efficiency of C3 grass (Sellers et al. 1996,
doi:10.1175/1520-0442(1996)009<0706:ARLSPF>2.0.CO;2)."""


def land_model(experiment: Experiment, *, output_names: Sequence[str]) -> AbstractLandModel:
    """The land model with the options and parameters of an experiment; ``ValueError`` for unknown options."""
    fields = {field.name for field in dataclasses.fields(MatsiroOptions)} - {"solver"}
    options: dict[str, Any] = {name.replace("-", "_"): value for name, value in experiment.model.items()}
    unknown = sorted(options.keys() - fields)
    if unknown:
        raise ValueError(
            f"unknown options of the land model {', '.join(unknown)}: expected some of "
            + ", ".join(sorted(fields))
        )
    space = experiment.space()
    return Matsiro(
        space=space,
        options=MatsiroOptions(**options),
        output_names=tuple(output_names),
        fixed=tuple((name, value) for name, value in experiment.values.items() if name not in space.names),
    )


def ensemble_model(experiment: Experiment) -> AbstractLandModel:
    """The land model that an ensemble is made of, with the fluxes that are learned from and their guards.

    Its members are spun up like the runs that judge what is learned: at ES-LMa the same parameters give Qle
    an RMSE of 38 W m-2 after four years of spin-up and of 53 after ten.
    """
    return land_model(experiment, output_names=(*FLUXES, *ENERGY))


def guarded_fluxes(experiment: Experiment) -> tuple[str, ...]:
    """Measured fluxes that learning must not make worse.

    Those that are learned from too, unless their target is another than the measured ones.
    """
    return (*FLUXES, *ENERGY) if experiment.target == "raw" else ENERGY


def guarded_through_surrogates(experiment: Experiment) -> tuple[str, ...]:
    """Those of them that learning through a surrogate can mind; none with the networks of Xie et al. 2025."""
    return () if experiment.preset == "paper" else guarded_fluxes(experiment)


def class_defaults(experiment: Experiment, record: SiteRecord) -> np.ndarray:
    """Default parameters of the site's class, with those that the experiment sets, ``[param]``."""
    space = experiment.space()
    theta = space.defaults(record.attributes.plant_class, record.attributes.soil)
    for name, value in experiment.values.items():
        if name in space.names:
            theta[space.names.index(name)] = value
    return np.clip(theta, space.lower, space.upper)


def site_defaults(experiment: Experiment, record: SiteRecord) -> np.ndarray:
    """Defaults of the class with the site's canopy height, and of C3 grass where it grows, ``[param]``."""
    space = experiment.space()
    theta = class_defaults(experiment, record)
    known = {"vegh": record.attributes.canopy_height}
    if with_site_pathway(record).attributes.pathway == "C3" and record.attributes.plant_class == "grassland":
        known.update(C3_GRASS)
    for name, value in known.items():
        if name in space.names and name not in experiment.values:
            theta[space.names.index(name)] = value
    return np.clip(theta, space.lower, space.upper)


def starting_points(experiment: Experiment, records: Sequence[SiteRecord]) -> np.ndarray:
    """Parameters that learning starts from at each site, ``[site, param]``."""
    start = site_defaults if experiment.defaults == "site" else class_defaults
    return np.stack([start(experiment, record) for record in records])


def further_starting_points(
    experiment: Experiment, records: Sequence[SiteRecord]
) -> Float[np.ndarray, "point site param"]:
    """Where learning may begin too: with the canopy heights of the sites instead of those of their classes.

    None where these are what learning starts from, where sites do not have parameters of their own, and in
    the preset of Xie et al. (2025).
    """
    space, starts = experiment.space(), starting_points(experiment, records)
    free = "vegh" in space.names and "vegh" not in experiment.values
    tall = starts.copy()
    if free:
        tall[:, space.names.index("vegh")] = [record.attributes.canopy_height for record in records]
    points = np.clip(tall, space.lower, space.upper)[None]
    wanted = experiment.pooling == "site" and experiment.preset != "paper"
    return points if wanted and (points != starts).any() else points[:0]


def with_site_pathway(record: SiteRecord) -> SiteRecord:
    """The record with C3 photosynthesis for grassland poleward of 40°, unless its pathway is given."""
    attributes = record.attributes
    cool = abs(attributes.latitude) > C3_LATITUDE and attributes.plant_class == "grassland"
    if attributes.pathway is not None or not cool:
        return record
    return record.replace(attributes=dataclasses.replace(attributes, pathway="C3"))
