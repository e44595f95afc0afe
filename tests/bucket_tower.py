"""The pipeline with a small bucket in place of the land model, so that whole runs take seconds."""

from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp

from helpers_calibration import BucketModel
from tilth.config import Experiment
from tilth.config_files import experiment
from tilth.models.base import EnsembleOutputs

PARAMETERS = ["rlfv", "gradm", "vmax0"]


class BucketTower(BucketModel):
    """The bucket with the fields and the outputs that the pipeline asks a land model for."""

    options: Any = eqx.field(static=True, default=None)
    output_names: tuple[str, ...] = eqx.field(static=True, default=("Qle", "Qh"))
    fixed: tuple[tuple[str, float], ...] = eqx.field(static=True, default=())
    differentiable: ClassVar[bool] = True

    def run(self, thetas, sites):
        ensemble = super().run(thetas, sites)
        series = with_energy(ensemble.outputs)
        kept = {name: series[name] for name in (*self.output_names, "converged") if name in series}
        return EnsembleOutputs(outputs=kept, succeeded=jnp.isfinite(series["Qh"]).all(axis=-1))

    def trajectories(self, thetas, sites, length, steps=None, names=()):
        outputs, states = super().trajectories(thetas, sites, length, steps, names)
        return with_energy(outputs), states

    def run_windows(self, thetas, sites, windows, state, names=None):
        outputs, ends = super().run_windows(thetas, sites, windows, state, names)
        return with_energy(outputs), ends


def with_energy(outputs):
    """The series with net radiation and ground heat, a tenth of it."""
    series = dict(outputs)
    series["Rnet"] = (series["Qle"] + series["Qh"]) / 0.9
    series["Qg"] = series["Rnet"] - series["Qle"] - series["Qh"]
    return series


def twin_experiment(sizes: Mapping[str, Any] | None = None, **changes: Any) -> Experiment:
    """A twin experiment at one small synthetic tower, with a few seconds of learning."""
    synthetic = {"name": "SY-One", "class": "woodland", "climate": "temperate", "years": 0.12, "noise": 0.0}
    small = {
        "direct-iterations": 4,
        "members": 8,
        "surrogate-hidden": 8,
        "surrogate-epochs": 2,
        "surrogate-windows": 64,
        "generator-hidden": 4,
        "generator-epochs": 2,
    }
    settings = {
        "name": "twin",
        "sites": [{"synthetic": synthetic}],
        "parameters": PARAMETERS,
        "sizes": {**small, **(sizes or {})},
        "verify": False,
        **changes,
    }
    return experiment(settings)
