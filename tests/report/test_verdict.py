import dataclasses

import numpy as np
import pytest

from made_up_run import write_made_up_run
from tilth.evaluation.significance import Comparison, Difference
from tilth.report.contents import read_run
from tilth.report.verdict import Gain, gains, headline, worsened_guards


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return read_run(write_made_up_run(tmp_path_factory.mktemp("run"), days=60))


def made_up_gain(variable: str, low: float, high: float, split: str = "heldout") -> Gain:
    middle = (low + high) / 2
    difference = Difference(middle, (low, high), (low - 1, high + 1), 1000, 20)
    relative = Difference(middle / 50, (low / 50, high / 50), (low / 50, high / 50), 1000, 20)
    return Gain(
        variable, split, 1000, 50.0, 50.0 - middle, 0.8, 0.9, Comparison(difference, relative, difference)
    )


def test_gains_come_with_both_parts(run):
    found = gains(run.simulation, ["Qle", "Qh"])
    assert [(gain.variable, gain.split) for gain in found] == [
        ("Qle", "calibration"),
        ("Qle", "heldout"),
        ("Qh", "calibration"),
        ("Qh", "heldout"),
    ]
    gain = found[1]
    assert gain.comparison.rmse.estimate == pytest.approx(gain.rmse_before - gain.rmse_after)
    assert gain.relative == pytest.approx(1 - gain.rmse_after / gain.rmse_before)


def test_a_part_of_one_week_has_no_interval(run):
    first = np.arange(len(run.simulation.time)) < 300
    short = dataclasses.replace(run.simulation, splits={"calibration": first, "heldout": ~first})
    assert [gain.verdict for gain in gains(short, ["Qle"])] == ["unknown", "better"]


def test_words_follow_the_interval(run):
    better, same, worse = made_up_gain("Qle", 2, 6), made_up_gain("Qh", -2, 3), made_up_gain("Qh", -5, -1)
    see = "on the part of the record it did not see."
    assert headline(run, [better, dataclasses.replace(better, variable="Qh")]) == (
        f"Calibration lowers the error of Qle and Qh {see}"
    )
    assert headline(run, [better, same]) == (
        f"Calibration lowers the error of Qle, but makes no distinguishable difference to Qh {see}"
    )
    assert headline(run, [better, worse]) == (
        f"Calibration lowers the error of Qle, but raises the error of Qh {see}"
    )


def test_a_gain_that_worsens_the_ground_heat_flux_does_not_count(run):
    found = [made_up_gain("Qle", 2, 6), made_up_gain("Qg", -12, -8)]
    assert headline(run, found).endswith("The gain does not count: it worsens Qg (RMSE +20 %).")
    assert worsened_guards(found) == found[1:]


def test_a_tenth_may_be_lost(run):
    assert worsened_guards([made_up_gain("Rnet", -5, -4)]) == []


def test_without_a_held_out_part_the_words_say_so(run):
    assert "on the part it learned from" in headline(run, [made_up_gain("Qle", 2, 6, "calibration")])


def test_without_observations_nothing_is_judged(run):
    assert headline(run, []) == "No half-hour with a measured flux: nothing can be judged"


def test_sentence():
    assert made_up_gain("Qle", -6, -2).sentence == (
        "Qle: RMSE 50.0 → 54.0 W m⁻², a gain of −8 % (90 % interval −12 to −4 %)"
    )
    bare = dataclasses.replace(made_up_gain("Qle", 2, 6), comparison=None)
    assert bare.sentence == "Qle: RMSE 50.0 → 46.0 W m⁻² (record too short for an interval)"
    assert bare.verdict == "unknown"
