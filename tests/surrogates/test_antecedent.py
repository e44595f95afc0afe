import numpy as np

from helpers_models import small_record
from tilth.constants import MELTING_POINT
from tilth.data.containers import SiteRecord
from tilth.surrogates.antecedent import ANTECEDENT_NAMES, antecedent_features


def with_weather(days: int, **series: object) -> SiteRecord:
    record = small_record(days=days)
    count = len(record.time)
    changed = {
        name: np.broadcast_to(np.asarray(value, float), count).copy() for name, value in series.items()
    }
    return record.replace(forcing={**record.forcing, **changed})


def column(features: np.ndarray, name: str) -> np.ndarray:
    return features[:, ANTECEDENT_NAMES.index(name)]


def test_steady_weather_gives_its_own_value() -> None:
    features = antecedent_features(with_weather(10, precipitation=2.0 / 86400, air_temperature=290.0))
    np.testing.assert_allclose(column(features, "rain_7d"), 2.0, rtol=1e-5)
    np.testing.assert_allclose(column(features, "temperature_90d"), 290.0, rtol=1e-6)
    np.testing.assert_array_equal(column(features, "snow"), 0.0)


def test_means_forget_at_their_time_scale_and_see_only_the_past() -> None:
    rain = np.zeros(24 * 400)
    rain[24 * 380] = 24.0 / 86400
    features = antecedent_features(with_weather(400, precipitation=rain))
    pulse = column(features, "rain_1d")
    assert abs(pulse[24 * 380]) < 1e-6
    decay = pulse[24 * 381 + 1] / pulse[24 * 380 + 1]
    np.testing.assert_allclose(decay, np.exp(-1.0), rtol=1e-3)


def test_buckets_fill_with_rain_and_dry_in_the_sun() -> None:
    rain = np.zeros(24 * 60)
    rain[24 * 10 : 24 * 12] = 100.0 / 86400
    record = with_weather(60, precipitation=rain, shortwave_down=200.0, air_temperature=290.0)
    small, large = (column(antecedent_features(record), f"wetness_{c}") for c in (50, 600))
    assert small[24 * 12] > 0.85
    assert small[-1] < 0.3 * small[24 * 12]
    assert large[-1] > 0.7 * large[24 * 12]
    # a bucket under constant demand and no rain decays exponentially: 0.6 * 200 W m-2 / 2.5e6 J kg-1
    rate = 0.6 * 200.0 / 2.5e6 * 86400 / 50.0
    np.testing.assert_allclose(small[24 * 40] / small[24 * 39], np.exp(-rate), rtol=5e-3)


def test_snow_gathers_in_the_cold_and_melts_by_degree_days() -> None:
    temperature = np.full(24 * 30, MELTING_POINT - 5.0)
    temperature[24 * 20 :] = MELTING_POINT + 2.0
    rain = np.zeros(24 * 30)
    rain[: 24 * 10] = 3.0 / 86400
    snow = np.expm1(
        column(antecedent_features(with_weather(30, precipitation=rain, air_temperature=temperature)), "snow")
    )
    # 30 mm fell; 2 degrees melt 6 mm a day; the year before it ended without snow
    np.testing.assert_allclose(snow[24 * 15], 30.0, rtol=1e-4)
    np.testing.assert_allclose(snow[24 * 22], 18.0, rtol=1e-4)
    np.testing.assert_allclose(snow[24 * 26], 0.0, atol=1e-9)
