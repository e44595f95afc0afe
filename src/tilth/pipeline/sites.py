"""From the sites of an experiment to their records: files are read, synthetic sites drawn and observed."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np

from tilth.config import Experiment, Site, SyntheticSite
from tilth.data.containers import SiteRecord, Sites
from tilth.data.plumber2 import read_site
from tilth.data.weather import synthetic_site, with_twin_observations
from tilth.models.base import AbstractLandModel
from tilth.pipeline.land_model import land_model

TWIN_FLUXES = ("Qle", "Qh", "Rnet", "Qg")
"""Fluxes that a synthetic tower measures."""


def read_sites(experiment: Experiment, root: Path | None = None) -> list[SiteRecord]:
    """The records of all sites, with observations; file names are relative to ``root``.

    Raises ``ValueError`` for files that cannot be read or used, and where a name occurs twice.
    """
    records = [_record(site, experiment, root) for site in experiment.sites]
    names = [record.attributes.name for record in records]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"the sites {', '.join(twice)} occur more than once: expected all files of a site in one entry, "
            "and each site once"
        )
    return records


def synthetic_truth(
    synthetic: SyntheticSite, experiment: Experiment, record: SiteRecord
) -> tuple[AbstractLandModel, np.ndarray]:
    """The model and the hidden parameters [param] that a synthetic site is observed with.

    Every calibrated parameter is drawn within ``departure`` of the range around its default, and kept 5 % of
    the range away from the bounds; those in ``truth`` are as given.
    """
    model = land_model(experiment, output_names=TWIN_FLUXES)
    space = model.space
    start = space.defaults(record.attributes.plant_class, record.attributes.soil)
    generator = np.random.default_rng([synthetic.seed, 7])
    position = np.asarray(space.fraction(jnp.asarray(start)))
    position = position + synthetic.departure * generator.uniform(-1.0, 1.0, len(start))
    theta = np.array(space.from_fraction(jnp.asarray(np.clip(position, 0.05, 0.95))))
    for name, value in synthetic.truth.items():
        if name in space.names:
            theta[space.names.index(name)] = value
    space.check(theta)
    return model, theta


def _record(site: Site, experiment: Experiment, root: Path | None) -> SiteRecord:
    if site.synthetic is not None:
        return _synthetic_record(site.synthetic, experiment)
    files = [path if root is None else root / path for path in site.files]
    return read_site(files, site.site_options(root))


def _synthetic_record(synthetic: SyntheticSite, experiment: Experiment) -> SiteRecord:
    record = synthetic_site(
        synthetic.name,
        plant_class=synthetic.plant_class,
        climate=synthetic.climate,
        years=synthetic.years,
        seed=synthetic.seed,
        latitude=synthetic.latitude,
    )
    model, theta = synthetic_truth(synthetic, experiment, record)
    ensemble = model.run(jnp.asarray(theta)[None, None, :], Sites.of([record]))
    if not bool(ensemble.succeeded.all()):
        raise FloatingPointError(f"the hidden run of the synthetic site {synthetic.name} failed")
    series = {name: np.asarray(ensemble.outputs[name][0, 0]) for name in TWIN_FLUXES}
    return with_twin_observations(record, series, synthetic.noise, synthetic.seed, synthetic.missing_fraction)
