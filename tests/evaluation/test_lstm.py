import jax
import numpy as np
import pytest

from made_up_run import made_up_record, made_up_splits
from tilth.data.containers import Observation
from tilth.evaluation.lstm import LstmSettings, lstm_series
from tilth.evaluation.lstm_windows import known_record, lstm_inputs
from tilth.evaluation.metrics import rmse

RECORD = made_up_record(days=150)
SPLITS = made_up_splits(RECORD)
SMALL = LstmSettings(hidden=12, epochs=4, windows=512, batch_size=32, learning_rate=0.01)


def trained(record=RECORD, seed=0):
    (series,) = lstm_series([record], [(record, SPLITS["calibration"])], SMALL, key=jax.random.key(seed))
    return series


def test_it_learns_fluxes_that_follow_the_weather_and_depends_on_its_key_alone():
    series, again = trained(), trained()
    for name in ("Qle", "Qh"):
        observed = RECORD.observations[name].value
        mask = RECORD.scored(name) & SPLITS["heldout"]
        assert rmse(series[name], observed, mask) < 0.6 * np.std(observed[mask])
        assert np.isfinite(series[name]).all() and len(series[name]) == len(RECORD.time)
        assert np.array_equal(series[name], again[name])


def test_it_does_not_see_the_held_out_fluxes():
    def changed(observation):
        value = np.where(SPLITS["heldout"], 9999.0, observation.value)
        return Observation(value, observation.quality)

    other = RECORD.replace(observations={name: changed(one) for name, one in RECORD.observations.items()})
    first, second = trained(), trained(other)
    assert np.array_equal(first["Qle"], second["Qle"])


def test_steps_to_fit_and_steps_to_watch_are_apart_and_all_scored():
    known = known_record(RECORD, SPLITS["calibration"])
    scored = np.stack([RECORD.scored(name) & SPLITS["calibration"] for name in ("Qle", "Qh")], axis=1)
    assert not (known.fit & known.watched).any()
    assert np.array_equal(known.fit | known.watched, scored)
    assert 0.1 < known.watched.sum() / scored.sum() < 0.3


def test_the_memory_holds_means_of_the_past_only():
    rain = np.zeros(len(RECORD.time))
    rain[48 * 20] = 1.0
    inputs = lstm_inputs(RECORD.replace(forcing={**RECORD.forcing, "precipitation": rain}))
    three_days = inputs[:, 9 + 3]
    assert three_days[: 48 * 20].max() == 0.0
    np.testing.assert_allclose(three_days[48 * 20 : 48 * 23], 1 / (3 * 48), rtol=1e-4)
    assert three_days[48 * 23] == pytest.approx(0.0, abs=1e-7)


def test_nothing_to_learn_from_is_an_error():
    with pytest.raises(
        ValueError, match="an LSTM needs scored steps of Qle or Qh to be trained on, got none"
    ):
        lstm_series([RECORD], [(RECORD, np.zeros(len(RECORD.time), bool))], SMALL, key=jax.random.key(0))
