import dataclasses

import numpy as np
import pytest

from made_up_run import made_up_record, made_up_simulations, made_up_splits
from tilth.data.containers import Observation
from tilth.evaluation.respiration import Respiration, fitted_respiration
from tilth.evaluation.simulation_file import Simulation
from tilth.evaluation.unseen import (
    DAYTIME_NEE,
    UNSEEN_COLUMNS,
    radiative_temperature,
    unseen_fluxes,
    unseen_rows,
)

RECORD = made_up_record(days=120)
SPLITS = made_up_splits(RECORD)
TRUTH = Respiration(base=2.5, sensitivity=300.0, n=0)
GPP = 0.02 * RECORD.forcing["shortwave_down"]


def measured(**series):
    noise = np.random.default_rng(5)
    flags = np.zeros(len(RECORD.time), int)
    observed = {
        name: Observation(value + 0.2 * noise.normal(size=len(value)), flags)
        for name, value in series.items()
    }
    return RECORD.replace(observations={**RECORD.observations, **observed})


def net_exchange():
    return TRUTH(RECORD.forcing["air_temperature"]) - GPP


def simulation(record=RECORD, **extra):
    runs = made_up_simulations(record)
    for share, run in ((0.5, "default"), (0.95, "calibrated")):
        runs[run] |= {name: share * value for name, value in extra.items()}
    scored = {name: record.scored(name) for name in record.observations}
    observed = {name: one.value for name, one in record.observations.items()}
    return Simulation("XX-Tst", record.time, record.step, 8.0, runs, observed, scored, SPLITS)


def test_respiration_is_found_again_from_the_nights_of_the_calibration_part():
    record = measured(NEE=net_exchange())
    found = fitted_respiration(record, SPLITS["calibration"])
    assert found.base == pytest.approx(TRUTH.base, rel=0.02)
    assert found.sensitivity == pytest.approx(TRUTH.sensitivity, rel=0.05)
    assert found(np.array([283.15]))[0] == pytest.approx(found.base)
    held_out = np.where(SPLITS["heldout"], 1e3, record.observations["NEE"].value)
    changed = dataclasses.replace(record.observations["NEE"], value=held_out)
    other = record.replace(observations={**record.observations, "NEE": changed})
    assert fitted_respiration(other, SPLITS["calibration"]) == found


def test_daytime_exchange_is_judged_where_there_is_no_gpp():
    record = measured(NEE=net_exchange())
    found, notes = unseen_fluxes(record, simulation(record, GPP=GPP))
    assert set(found) == {"Rnet", "Qg", DAYTIME_NEE}
    assert not found[DAYTIME_NEE].scored[RECORD.forcing["shortwave_down"] <= 50.0].any()
    assert "fitted to" in notes[0]
    table, _ = unseen_rows(record, simulation(record, GPP=GPP), "direct")
    assert tuple(table.columns) == UNSEEN_COLUMNS
    row = table[(table["variable"] == DAYTIME_NEE) & (table["split"] == "heldout")].iloc[0]
    assert row["verdict"] == "better" and row["rmse_calibrated"] < 0.3 * row["rmse_default"]
    assert row["delta_rmse"] == pytest.approx(1 - row["rmse_calibrated"] / row["rmse_default"])


def test_gpp_of_the_file_goes_before_a_fitted_respiration():
    record = measured(NEE=net_exchange(), GPP=GPP)
    found, notes = unseen_fluxes(record, simulation(record, GPP=GPP))
    assert "GPP" in found and DAYTIME_NEE not in found and not notes


def test_too_few_nights_are_said():
    nothing = np.where(RECORD.forcing["shortwave_down"] < 10.0, np.nan, net_exchange())
    found, notes = unseen_fluxes(measured(NEE=nothing), simulation(GPP=GPP))
    assert DAYTIME_NEE not in found
    assert "needs 200 dark steps with measured NEE, got 0" in notes[0]


def test_radiative_temperature_inverts_the_law_of_stefan_and_boltzmann():
    warmth = np.array([250.0, 300.0, 320.0])
    np.testing.assert_allclose(radiative_temperature(5.670374e-8 * warmth**4), warmth)
    longwave = 5.670374e-8 * RECORD.forcing["air_temperature"] ** 4
    record = measured(LWup=longwave)
    found, _ = unseen_fluxes(record, simulation(record, RadT=RECORD.forcing["air_temperature"]))
    inside = found["RadT"].scored
    assert inside.any()
    np.testing.assert_allclose(
        found["RadT"].observed[inside], RECORD.forcing["air_temperature"][inside], atol=0.3
    )
