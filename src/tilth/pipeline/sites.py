"""From the sites of an experiment to their records: files are read, synthetic sites drawn and observed."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from tilth.config import Experiment, Site
from tilth.data.containers import SiteRecord
from tilth.data.plumber2 import read_site
from tilth.data.weather import synthetic_site, with_twin_observations
from tilth.pipeline.land_model import SIMULATED, class_defaults, land_model
from tilth.pipeline.outcome import Asked, true_runs

TWIN_FLUXES = ("Qle", "Qh", "Rnet", "Qg")
"""Fluxes that a synthetic tower measures."""


def read_sites(experiment: Experiment, root: Path | None = None) -> list[SiteRecord]:
    """The records of all sites, with observations; file names are relative to ``root``.

    Raises ``ValueError`` for files that cannot be read or used, and where a name occurs twice.
    """
    records = _observed([_record(site, root) for site in experiment.sites], experiment)
    names = [record.attributes.name for record in records]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"the sites {', '.join(twice)} occur more than once: expected all files of a site in one entry, "
            "and each site once"
        )
    return records


def hidden_truth(experiment: Experiment, record: SiteRecord) -> dict[str, float]:
    """The parameters that a synthetic site was observed with, by name; nothing for a measured site.

    Every calibrated parameter is drawn within ``departure`` of the range around its default, and kept 5 % of
    the range away from the bounds; those in ``truth`` are as given.
    """
    found = [
        site.synthetic
        for site in experiment.sites
        if site.synthetic is not None and site.synthetic.name == record.attributes.name
    ]
    if not found:
        return {}
    synthetic, space = found[0], experiment.space()
    start = class_defaults(experiment, record)
    generator = np.random.default_rng([synthetic.seed, 7])
    position = np.asarray(space.fraction(jnp.asarray(start)))
    position = position + synthetic.departure * generator.uniform(-1.0, 1.0, len(start))
    theta = np.asarray(space.from_fraction(jnp.asarray(np.clip(position, 0.05, 0.95))))
    return {**dict(zip(space.names, map(float, theta), strict=True)), **synthetic.truth}


def _record(site: Site, root: Path | None) -> SiteRecord:
    if site.synthetic is not None:
        synthetic = site.synthetic
        return synthetic_site(
            synthetic.name,
            plant_class=synthetic.plant_class,
            climate=synthetic.climate,
            years=synthetic.years,
            seed=synthetic.seed,
            latitude=synthetic.latitude,
        )
    files = [path if root is None else root / path for path in site.files]
    return read_site(files, site.site_options(root))


def _observed(records: Sequence[SiteRecord], experiment: Experiment) -> list[SiteRecord]:
    """The records, the synthetic ones with the model's fluxes at their hidden parameters."""
    found = list(records)
    twins = [(i, site.synthetic) for i, site in enumerate(experiment.sites) if site.synthetic is not None]
    if not twins:
        return found
    names = itertools.chain(experiment.parameters, *(synthetic.truth for _, synthetic in twins))
    everything = experiment.model_copy(update={"parameters": tuple(dict.fromkeys(names))})
    # The outputs of the scored runs, so that both share their compilation.
    model = land_model(everything, output_names=SIMULATED)
    asked = []
    for index, _ in twins:
        truth = hidden_truth(experiment, records[index])
        defaults = zip(model.space.names, class_defaults(everything, records[index]), strict=True)
        theta = np.array([truth.get(name, value) for name, value in defaults])
        model.space.check(theta)
        asked.append(Asked("hidden", theta, records[index]))
    for (index, synthetic), series in zip(twins, true_runs(model, asked), strict=True):
        fluxes = {name: series[name] for name in TWIN_FLUXES}
        found[index] = with_twin_observations(
            records[index], fluxes, synthetic.noise, synthetic.seed, synthetic.missing_fraction
        )
    return found
