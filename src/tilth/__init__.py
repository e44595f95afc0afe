"""Calibrate land surface models against observations, through surrogates or through the model itself.

The names below are the ones most programs need. Each is imported from its module when first used, so that
``import tilth`` is quick, loads no file library and changes no setting of JAX. The physics wants float64:
call ``jax.config.update("jax_enable_x64", True)`` before anything else, as the command line does.
"""

import importlib
import importlib.metadata

__version__ = importlib.metadata.version("tilth")

_HOMES = {
    "CALIBRATED": "tilth.parameters.tables",
    "AbstractLandModel": "tilth.models.base",
    "Adam": "tilth.calibration.descent",
    "Direct": "tilth.calibration.direct",
    "EnsembleOutputs": "tilth.models.base",
    "Matsiro": "tilth.models.matsiro.model",
    "MatsiroOptions": "tilth.models.matsiro.options",
    "Mdpl": "tilth.calibration.mdpl",
    "Observation": "tilth.data.containers",
    "ParameterSpace": "tilth.parameters.space",
    "Problem": "tilth.calibration.base",
    "Result": "tilth.calibration.base",
    "SiteOptions": "tilth.data.options",
    "SiteRecord": "tilth.data.containers",
    "Sites": "tilth.data.containers",
    "calibrate": "tilth.calibration.base",
    "read_site": "tilth.data.plumber2",
    "run_ensemble": "tilth.ensembles.run",
    "split_record": "tilth.observations.splits",
    "synthetic_site": "tilth.data.weather",
    "train_surrogate": "tilth.surrogates.train",
    "with_twin_observations": "tilth.data.weather",
}

__all__ = sorted([*_HOMES, "__version__"])


def __getattr__(name: str) -> object:
    """The public object ``name``, imported on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'tilth' has no attribute {name!r}: expected one of {__all__}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """Public names, those not yet imported included."""
    return sorted({*globals(), *__all__})
