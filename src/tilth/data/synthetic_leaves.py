"""Leaves that never grew: drivers of leaf measurements drawn at random, with known parameters.

For the demonstration and the tests; no file is read. Ranges follow the leaf gas-exchange database of Lin et
al. 2015 (doi:10.1038/nclimate2550). Nothing here is a measurement.
"""

import numpy as np

from tilth.data.leaf_points import LeafTable

TYPES = (
    "BDS temperate", "BDT temperate", "BET temperate", "BET tropical", "C3 grass", "C4 grass", "crop R",
    "NET boreal", "NET temperate",
)  # fmt: skip
"""The nine types of Aboelyazeed et al. 2023."""


def synthetic_leaves(
    seed: int, *, points_per_type: int = 50, dates_per_type: int = 10, types: tuple[str, ...] = TYPES
) -> LeafTable:
    """A table of drivers and topsoil for every type, without measurements.

    Soils and dates differ between the dates of a type, weather between its points. Raises ``ValueError``
    for counts below one.
    """
    if points_per_type < 1 or dates_per_type < 1:
        raise ValueError(
            f"expected at least one point and one date a type, got {points_per_type}, {dates_per_type}"
        )
    random = np.random.default_rng(seed)
    count = len(types) * points_per_type
    date = np.tile(np.sort(np.arange(points_per_type) % dates_per_type), len(types))
    plot = np.repeat(np.arange(len(types)), points_per_type) * dates_per_type + date
    plots = len(types) * dates_per_type
    air = random.uniform(12.0, 30.0, plots)[plot] + random.normal(0.0, 2.0, count)
    leaf = air + random.normal(1.5, 1.0, count) + 273.15
    pressure = random.uniform(80e3, 102e3, plots)[plot]
    sand = random.uniform(13.0, 71.0, plots)
    clay = random.uniform(6.0, np.minimum(50.0, 95.0 - sand))
    organic = random.uniform(0.015, 0.30, plots)
    wetness = np.clip(random.uniform(0.15, 1.0, plots)[plot] + random.normal(0.0, 0.05, count), 0.1, 1.0)
    soil = np.stack([sand / 100.0, clay / 100.0, organic], axis=-1)[plot]
    return LeafTable(
        surroundings={
            "temperature": leaf,
            "light": random.uniform(60.0, 2200.0, count),
            "pressure": pressure,
            "co2": random.normal(375e-6, 15e-6, count) * pressure,
            "deficit": np.clip(random.lognormal(0.4, 0.5, count) * 1e3, 60.0, 5500.0),
            "boundary": random.uniform(2.8e6, 9.3e6, count),
            "growth_temperature": np.clip(air - 3.0, 0.0, 35.0),
        },
        location=np.repeat([f"plot of {name}" for name in types], points_per_type),
        species=np.repeat([f"synthetic {name}" for name in types], points_per_type),
        plant_type=np.repeat(types, points_per_type),
        date=np.datetime64("2001-06-01") + 7 * date.astype("timedelta64[D]"),
        wetness=wetness[:, None],
        default_potential=np.full((count, 1), -1.0),
        root_fraction=np.ones((count, 1)),
        soil_features=soil[:, None, :],
        feature_names=("sand", "clay", "organic_matter"),
        notes=("synthetic drivers, no measurement",),
    )


def synthetic_shape(soil_features: np.ndarray) -> np.ndarray:
    """Shape B that the synthetic experiments assume for features (sand, clay, organic) [-].

    ``0.1 F_om + 0.45 (sand + clay)`` with fractions (Aboelyazeed et al. 2023, section 2.5.1).
    """
    return 0.1 * soil_features[..., 2] + 0.45 * (soil_features[..., 0] + soil_features[..., 1])
