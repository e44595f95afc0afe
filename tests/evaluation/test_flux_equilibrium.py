import numpy as np
import pytest

from made_up_run import made_up_record
from tilth.data.containers import MISSING, Observation
from tilth.evaluation.flux_equilibrium import equilibrium_bowen_ratio, equilibrium_series

RECORD = made_up_record(days=30)


def test_bowen_ratio_is_that_of_the_relative_humidity_and_the_slope_of_saturation():
    """B = c_p / (L RH dq*/dT) with the Clausius-Clapeyron slope dq*/dT = L q* / (R_v T²)."""
    temperature, saturated, relative = 295.0, 0.0165, 0.6
    slope = 2.5e6 * saturated / (461.5 * temperature**2)
    expected = 1004.6 / (2.5e6 * relative * slope)
    found = equilibrium_bowen_ratio(np.array(temperature), np.array(relative * saturated))
    assert float(found) == pytest.approx(expected)
    assert 0.5 < float(found) < 0.9


def test_available_energy_is_shared_out_and_nothing_else():
    series = equilibrium_series(RECORD)
    net, ground = RECORD.observations["Rnet"], RECORD.observations["Qg"]
    measured = net.usable & ground.usable
    total = series["Qle"] + series["Qh"]
    np.testing.assert_allclose(total[measured], (net.value - ground.value)[measured])
    assert np.isnan(total[~measured]).all() and not measured.all()


def test_the_ratio_is_one_for_each_day():
    series = equilibrium_series(RECORD)
    ratio = (series["Qh"] / series["Qle"]).reshape(-1, 48)
    np.testing.assert_allclose(np.nanmax(ratio, axis=1), np.nanmin(ratio, axis=1), rtol=1e-9)


def test_a_tower_without_ground_heat_flux_is_named():
    kept = {name: one for name, one in RECORD.observations.items() if name != "Qg"}
    with pytest.raises(ValueError, match="XX-Tst: surface flux equilibrium needs .* got no Qg"):
        equilibrium_series(RECORD.replace(observations=kept))
    nothing = np.full(len(RECORD.time), np.nan)
    kept["Qg"] = Observation(nothing, np.full(len(nothing), MISSING))
    with pytest.raises(ValueError, match="got no Qg"):
        equilibrium_series(RECORD.replace(observations=kept))
