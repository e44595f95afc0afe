import dataclasses

import numpy as np

from helpers_calibration import twin_record
from tilth.data.containers import Observation
from tilth.surrogates.audit import compare_series, passed


def test_errors_are_those_of_the_scored_steps_over_the_observation_error() -> None:
    record = twin_record(days=10)
    observation = record.observations["Qle"]
    record = record.replace(
        observations={
            "Qle": Observation(observation.value, observation.quality, np.full(len(record.time), 8.0))
        }
    )
    scored = record.scored("Qle")
    model = np.random.default_rng(0).normal(100.0, 50.0, len(record.time))
    predicted = model + np.where(scored, 6.0, 1e6)
    row = compare_series(record, "Qle", predicted, model)
    np.testing.assert_allclose([row.rmse, row.worst_rmse, row.bias], 6.0, rtol=1e-9)
    np.testing.assert_allclose(row.of_observation_error, 0.75)
    assert (row.steps, row.members, row.error_origin) == (scored.sum(), 1, "stated")
    np.testing.assert_allclose(row.model_std, model[scored].std(), rtol=1e-9)
    assert row.response_std == 0.0 and np.isnan(row.of_response_std)
    assert row.passes(0.75) and not row.passes(0.5)


def test_a_flux_without_observations_is_compared_everywhere_and_not_judged() -> None:
    record = twin_record(days=10).replace(observations={})
    model = np.linspace(0.0, 1.0, len(record.time))
    row = compare_series(record, "Qh", model + 2.0, model)
    assert row.steps == len(record.time) and row.passes(1.0) is None
    np.testing.assert_allclose(row.rmse, 2.0)
    assert passed([row], 1.0) is None
    good = dataclasses.replace(row, observation_error=10.0)
    bad = dataclasses.replace(row, observation_error=1.0)
    assert passed([row, good], 0.5) is True and passed([row, good, bad], 0.5) is False
