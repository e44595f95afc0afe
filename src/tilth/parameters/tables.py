"""The parameter table of the package, read once from the TOML file beside this module."""

import functools
import tomllib
from importlib import resources

from tilth.parameters.parameter import Parameter

CALIBRATED = (
    "vegh", "rlfv", "rlfn", "tlfn", "vgcov", "cdl", "chl", "vmax0", "gradm", "binter", "effcon", "psicr",
)  # fmt: skip
"""The 12 parameters that Xie et al. 2025 calibrate (Table 2)."""
SOIL_WATER = ("soil_b", "soil_psi_saturated", "soil_conductivity", "soil_porosity", "drainage")
"""Parameters of the flow of water in the soil, whose effects build up over seasons."""


@functools.cache
def parameter_table() -> dict[str, Parameter]:
    """Every physical parameter of the land model by name."""
    text = resources.files("tilth.parameters").joinpath("parameters.toml").read_text(encoding="utf-8")
    return {name: Parameter(name=name, **entry) for name, entry in tomllib.loads(text).items()}


def soil_classes() -> tuple[str, ...]:
    """Names of the soil classes of the soil table."""
    return tuple(parameter_table()["soil_b"].by_soil)
