import numpy as np
import pytest

from tilth.constants import MELTING_POINT, WATER_AIR_MOLAR_RATIO
from tilth.data.containers import FORCING_NAMES, MEASURED, MISSING, Sites
from tilth.data.weather import CLIMATES, synthetic_site, with_twin_observations

YEAR_OF_STEPS = 365 * 48


def site(climate="temperate", plant_class="woodland", years=1, seed=0, **other):
    return synthetic_site("XX-Syn", plant_class=plant_class, climate=climate, years=years, seed=seed, **other)


@pytest.mark.parametrize("climate", sorted(CLIMATES))
def test_forcing_is_complete_and_physical(climate):
    record = site(climate)
    forcing = record.forcing
    assert len(record.time) == YEAR_OF_STEPS
    assert all(np.isfinite(series).all() and len(series) == YEAR_OF_STEPS for series in forcing.values())
    assert set(FORCING_NAMES) <= set(forcing)
    assert forcing["shortwave_down"].min() == 0.0 and 400 < forcing["shortwave_down"].max() < 1100
    assert np.all(forcing["shortwave_down"][forcing["cos_zenith"] == 0] == 0)
    assert forcing["longwave_down"].min() > 80 and forcing["longwave_down"].max() < 550
    assert forcing["wind_speed"].min() >= 0.3
    assert forcing["precipitation"].min() == 0.0
    assert 200 < 1800 * forcing["precipitation"].sum() < 4000


@pytest.mark.parametrize("climate", sorted(CLIMATES))
def test_air_is_never_supersaturated(climate):
    forcing = site(climate).forcing
    humidity, celsius = forcing["specific_humidity"], forcing["air_temperature"] - MELTING_POINT
    vapour = humidity * forcing["surface_pressure"] / (WATER_AIR_MOLAR_RATIO + 0.378 * humidity)
    # Bolton (1980) over water, an independent formula: the two differ by less than 1 % where it is used.
    assert np.all(vapour <= 611.2 * np.exp(17.67 * celsius / (celsius + 243.5)))


def test_cold_climates_snow_and_the_tropics_do_not():
    snow = {}
    for climate in ("continental", "polar", "tropical"):
        forcing = site(climate).forcing
        snow[climate] = 1800 * forcing["precipitation"][forcing["air_temperature"] < MELTING_POINT].sum()
    assert snow["continental"] > 30 and snow["polar"] > 30 and snow["tropical"] == 0


def test_weather_varies_by_day_season_and_weather_system():
    forcing = site("continental", years=2).forcing
    temperature = forcing["air_temperature"].reshape(-1, 48)
    daily = temperature.mean(axis=1)
    assert daily[180:210].mean() - daily[0:30].mean() > 20
    assert temperature[150:240, 30].mean() - temperature[150:240, 6].mean() > 4
    anomaly = daily[:365] - daily[365:730]
    assert 2 < anomaly.std() < 12 and np.corrcoef(anomaly[1:], anomaly[:-1])[0, 1] > 0.5
    rain = forcing["precipitation"].reshape(-1, 48).sum(axis=1)
    sunshine = forcing["shortwave_down"].reshape(-1, 48).mean(axis=1)
    summer = slice(150, 240)
    assert sunshine[summer][rain[summer] > 0].mean() < 0.8 * sunshine[summer][rain[summer] == 0].mean()


def test_seasons_follow_the_hemisphere():
    south = site("temperate", latitude=-40.0)
    january = slice(0, 31 * 48)
    july = slice(181 * 48, 212 * 48)
    for name in ("air_temperature", "leaf_area_index", "cos_zenith"):
        assert south.forcing[name][january].mean() > south.forcing[name][july].mean()


def test_same_seed_same_site_and_another_seed_or_name_another():
    first, again, other = site(seed=3), site(seed=3), site(seed=4)
    assert all(np.array_equal(first.forcing[name], again.forcing[name]) for name in first.forcing)
    assert not np.array_equal(first.forcing["air_temperature"], other.forcing["air_temperature"])


def test_hourly_steps_and_batches():
    hourly = site(years=0.1, step=3600.0)
    assert hourly.step == 3600.0 and len(hourly.time) == 37 * 24
    sites = Sites.of([hourly, site(years=0.1)])
    assert sites.valid.sum(axis=1).tolist() == [37 * 24, 37 * 48]


def test_twin_observations_have_the_stated_noise_and_gaps():
    record = site()
    truth = np.full(YEAR_OF_STEPS, 50.0)
    twin = with_twin_observations(record, {"Qle": truth}, noise=0.5, seed=1, missing_fraction=0.2)
    flux = twin.observations["Qle"]
    assert 0.2 <= np.mean(flux.quality == MISSING) < 0.21
    assert np.array_equal(np.isnan(flux.value), flux.quality == MISSING)
    assert set(np.unique(flux.quality)) == {MEASURED, MISSING}
    error = flux.value[flux.usable] - 50.0
    # 14 000 draws: the sampling error of the deviation is about 1 %.
    assert error.std() == pytest.approx(10.0, rel=0.05) and abs(error.mean()) < 0.4
    assert record.observations == {}


def test_perfect_twin_observations_are_the_truth():
    truth = np.arange(YEAR_OF_STEPS, dtype=float)
    twin = with_twin_observations(site(), {"Qh": truth}, noise=0.0, seed=0, missing_fraction=0.0)
    assert np.array_equal(twin.observations["Qh"].value, truth) and twin.scored("Qh").all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"plant_class": "moss"}, "expected a plant class out of"),
        ({"climate": "lunar"}, "expected a climate out of"),
        ({"step": 7000.0}, "expected a step of whole seconds that divides a day"),
        ({"years": 0}, "expected a record of at least a day"),
    ],
)
def test_wrong_arguments_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        site(**changes)


def test_wrong_twins_are_refused():
    with pytest.raises(ValueError, match="expected noise of at least 0"):
        with_twin_observations(site(years=0.1), {}, noise=-1.0, seed=0, missing_fraction=0.0)
    with pytest.raises(ValueError, match="expected Qle of shape"):
        with_twin_observations(site(years=0.1), {"Qle": np.zeros(3)}, 0.1, 0, 0.0)
