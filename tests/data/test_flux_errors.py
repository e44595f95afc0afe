import numpy as np

from helpers_calibration import twin_record
from tilth.data.containers import Observation
from tilth.data.flux_errors import observation_error, random_error


def with_uncertainty(uncertainty):
    record = twin_record(days=10)
    flux = record.observations["Qle"]
    return record.replace(observations={"Qle": Observation(flux.value, flux.quality, uncertainty)})


def test_error_grows_with_the_flux_on_both_sides() -> None:
    np.testing.assert_allclose(random_error(np.array([-100.0, 0.0, 300.0])), [30.0, 10.0, 70.0])


def test_stated_errors_go_before_the_rule() -> None:
    rule = with_uncertainty(None)
    scored = rule.scored("Qle")
    expected = np.sqrt(np.mean(random_error(rule.observations["Qle"].value[scored]) ** 2))
    np.testing.assert_allclose(observation_error(rule, "Qle")[0], expected)
    assert observation_error(rule, "Qle")[1] == "rule"
    assert observation_error(with_uncertainty(np.full(len(scored), 7.0)), "Qle") == (7.0, "stated")
    partly = np.where(np.arange(len(scored)) % 2, np.nan, 7.0)
    value, origin = observation_error(with_uncertainty(partly), "Qle")
    assert origin == "stated and rule" and 7.0 < value < expected
    assert observation_error(with_uncertainty(np.zeros(len(scored))), "Qle")[1] == "rule"


def test_a_flux_that_is_not_observed_has_none() -> None:
    value, origin = observation_error(with_uncertainty(None), "Qh")
    assert np.isnan(value) and origin == ""
