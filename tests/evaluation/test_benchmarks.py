import dataclasses

import numpy as np
import pytest

from made_up_run import made_up_record, made_up_splits
from tilth.data.containers import Observation
from tilth.evaluation.benchmarks import benchmark_scores, benchmark_series, relative_humidity
from tilth.evaluation.metrics import rmse

RECORD = made_up_record(days=200)
TRAIN = made_up_splits(RECORD)["calibration"]


def with_flux(value: np.ndarray):
    measured = Observation(value, np.zeros(value.size, int))
    return dataclasses.replace(RECORD, observations={"Qle": measured})


def test_1lin_recovers_a_line_in_shortwave():
    flux = 12.0 + 0.3 * RECORD.forcing["shortwave_down"]
    found = benchmark_series(with_flux(flux), TRAIN, ["Qle"])["1lin"]["Qle"]
    np.testing.assert_allclose(found, flux, atol=1e-9)


def test_3km27_recovers_a_plane_everywhere():
    flux = 5.0 + 0.2 * RECORD.forcing["shortwave_down"] + 3.0 * RECORD.forcing["air_temperature"]
    found = benchmark_series(with_flux(flux), TRAIN, ["Qle"])["3km27"]["Qle"]
    # Exact but for clusters of the night, where shortwave does not vary and is extrapolated to twilight.
    assert rmse(found, flux) < 0.01 * np.std(flux)


def test_3km27_bends_where_1lin_cannot():
    flux = np.minimum(RECORD.forcing["shortwave_down"], 200.0)
    found = benchmark_series(with_flux(flux), TRAIN, ["Qle"])
    assert rmse(found["3km27"]["Qle"], flux) < 0.5 * rmse(found["1lin"]["Qle"], flux)


def test_training_does_not_see_the_held_out_part():
    flux = RECORD.observations["Qle"].value
    altered = np.where(TRAIN, flux, flux + 500.0)
    first = benchmark_series(with_flux(flux), TRAIN, ["Qle"])
    second = benchmark_series(with_flux(altered), TRAIN, ["Qle"])
    for name in first:
        np.testing.assert_array_equal(first[name]["Qle"], second[name]["Qle"])


def test_score_rows_of_the_benchmarks():
    table = benchmark_scores(RECORD, made_up_splits(RECORD), ("Qle", "Qh", "GPP"))
    assert set(table["method"]) == {"1lin", "3km27"}
    assert set(table["variable"]) == {"Qle", "Qh"}
    assert set(table["split"]) == {"calibration", "heldout"}
    nothing = {"calibration": np.zeros_like(TRAIN), "heldout": ~TRAIN}
    assert benchmark_scores(RECORD, nothing).empty


def test_relative_humidity_of_saturated_air():
    # Saturation vapour pressure at 20 °C is 23.39 hPa (WMO-No. 8); Bolton's formula is within 0.1 %.
    humidity = 0.622 * 2339.0 / (101325.0 - 0.378 * 2339.0)
    found = relative_humidity(np.array([293.15]), np.array([humidity]), np.array([101325.0]))
    assert found[0] == pytest.approx(100.0, rel=2e-3)


def test_too_few_steps_to_train():
    few = np.zeros_like(TRAIN)
    few[:100] = True
    with pytest.raises(
        ValueError, match="at least 270 scored steps of Qle to be trained, got 100; give a longer"
    ):
        benchmark_series(with_flux(RECORD.forcing["shortwave_down"]), few, ["Qle"])
