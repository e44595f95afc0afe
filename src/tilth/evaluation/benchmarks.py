"""Empirical benchmarks, trained at the tower or at others: how much of a flux the weather alone explains.

``1lin`` is a linear regression on downward shortwave. ``3km27`` splits the steps into 27 clusters of
shortwave, air temperature and relative humidity by k-means and fits a linear regression on the three in
each (Best et al. 2015, doi:10.1175/JHM-D-14-0158.1, section 2b; Abramowitz 2012,
doi:10.5194/gmd-5-819-2012). They see no vegetation, no soil and no memory, and need not conserve energy.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.cluster.vq import kmeans2  # type: ignore[import-untyped]

from tilth.data.containers import SiteRecord
from tilth.evaluation.scores import score_table

BENCHMARKS = ("1lin", "3km27")
"""Names of the benchmarks."""
CLUSTERS = 27
"""Number of clusters of 3km27."""


def benchmark_series(
    record: SiteRecord, train: np.ndarray, variables: Sequence[str] = ("Qle", "Qh"), *, seed: int = 0
) -> Mapping[str, Mapping[str, np.ndarray]]:
    """Series ``[benchmark][variable][time]`` predicted for the whole record, in the unit of the variable.

    Each is trained on the scored steps inside the mask ``train``. Raises ``ValueError`` where a variable has
    fewer than ten scored steps a cluster there.
    """
    return series_trained_on(record, [(record, train)], variables, seed=seed)


def series_trained_on(
    record: SiteRecord,
    training: Sequence[tuple[SiteRecord, np.ndarray]],
    variables: Sequence[str] = ("Qle", "Qh"),
    *,
    seed: int = 0,
    benchmarks: Sequence[str] = BENCHMARKS,
) -> dict[str, dict[str, np.ndarray]]:
    """As :func:`benchmark_series`, trained on the scored steps of any records inside their masks.

    ``benchmarks`` are those of :data:`BENCHMARKS` that are wanted. All steps count alike, whichever record
    they come from; a record without the variable adds none.
    """
    predictions: dict[str, dict[str, np.ndarray]] = {name: {} for name in benchmarks}
    everywhere = _predictors(record)
    known = [_predictors(other) for other, _ in training]
    for variable in variables:
        steps = [
            (other.scored(variable) & mask, number)
            for number, (other, mask) in enumerate(training)
            if variable in other.observations
        ]
        count = sum(int(inside.sum()) for inside, _ in steps)
        if count < 10 * CLUSTERS:
            raise ValueError(
                f"benchmarks need at least {10 * CLUSTERS} scored steps of {variable} to be trained, "
                f"got {count}; give a longer record"
            )
        learned = np.concatenate([known[number][inside] for inside, number in steps])
        target = np.concatenate(
            [training[number][0].observations[variable].value[inside] for inside, number in steps]
        ).astype(float)
        if "1lin" in predictions:
            predictions["1lin"][variable] = _linear(learned[:, :1], target, everywhere[:, :1])
        if "3km27" in predictions:
            predictions["3km27"][variable] = _clustered(learned, target, everywhere, seed)
    return predictions


def benchmark_scores(
    record: SiteRecord, splits: Mapping[str, np.ndarray], variables: Sequence[str] = ("Qle", "Qh")
) -> pd.DataFrame:
    """Rows for ``scores.csv`` of the benchmarks, trained on the calibration part and scored on all parts.

    Their run is called calibrated. A variable with too few steps to train on has no rows.
    """
    train = splits["calibration"]
    enough = [
        name
        for name in variables
        if name in record.observations and (record.scored(name) & train).sum() >= 10 * CLUSTERS
    ]
    tables = [
        score_table(record, {"calibrated": series}, splits, method=name, variables=enough)
        for name, series in benchmark_series(record, train, enough).items()
    ]
    return pd.concat(tables, ignore_index=True)


def relative_humidity(temperature: np.ndarray, humidity: np.ndarray, pressure: np.ndarray) -> np.ndarray:
    """Relative humidity over water [%] from air temperature [K], specific humidity [kg kg-1], pressure [Pa].

    Saturation vapour pressure 611.2 exp(17.67 t / (t + 243.5)) Pa with t in degrees Celsius (Bolton 1980,
    doi:10.1175/1520-0493(1980)108<1046:TCOEPT>2.0.CO;2, equation 10).
    """
    celsius = temperature - 273.15
    saturation = 611.2 * np.exp(17.67 * celsius / (celsius + 243.5))
    return 100.0 * humidity * pressure / ((0.622 + 0.378 * humidity) * saturation)


def _predictors(record: SiteRecord) -> np.ndarray:
    """Shortwave, air temperature and relative humidity, ``[time, 3]``."""
    forcing = {name: np.asarray(series, float) for name, series in record.forcing.items()}
    temperature = forcing["air_temperature"]
    humidity = relative_humidity(temperature, forcing["specific_humidity"], forcing["surface_pressure"])
    return np.stack([forcing["shortwave_down"], temperature, humidity], axis=1)


def _linear(predictors: np.ndarray, target: np.ndarray, everywhere: np.ndarray) -> np.ndarray:
    """Least-squares regression, applied everywhere; the smallest coefficients where it is not unique."""
    centre = predictors.mean(axis=0)
    coefficients = np.linalg.lstsq(predictors - centre, target - target.mean(), rcond=1e-6)[0]
    return target.mean() + (everywhere - centre) @ coefficients


def _clustered(learned: np.ndarray, target: np.ndarray, everywhere: np.ndarray, seed: int) -> np.ndarray:
    """k-means on standardised predictors, then a linear regression in each cluster."""
    centre, spread = learned.mean(axis=0), learned.std(axis=0)
    scaled, applied = (learned - centre) / spread, (everywhere - centre) / spread
    rng = np.random.default_rng(seed)
    centres, _ = kmeans2(scaled, CLUSTERS, iter=50, minit="++", missing="raise", rng=rng)
    trained = np.concatenate([_nearest(part, centres) for part in np.array_split(scaled, 64)])
    cluster = np.concatenate([_nearest(part, centres) for part in np.array_split(applied, 64)])
    predicted = np.empty(len(applied))
    for number in range(CLUSTERS):
        here, inside = cluster == number, trained == number
        if here.any():
            predicted[here] = _linear(scaled[inside], target[inside], applied[here])
    return predicted


def _nearest(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Index of the nearest centre of each point."""
    return np.argmin(((points[:, None, :] - centres[None, :, :]) ** 2).sum(axis=-1), axis=1)
