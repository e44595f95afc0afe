import dataclasses
import zlib

import numpy as np
import pytest

from helpers_models import small_record
from tilth.data.containers import MEASURED, Observation
from tilth.evaluation.metrics import kge
from tilth.evaluation.significance import block_bootstrap
from tilth.evaluation.transfer import beta_unreliable, gain_resamples, month_scores, site_scores
from tilth.evaluation.transfer_means import class_means


def record(name="a", days=300, offset=0.0, plant_class="woodland"):
    """Observed as a wave of a year and one of a day about ``offset``, from 20 February on."""
    made = small_record(name, days)
    day = np.arange(len(made.time)) / 24.0
    value = offset + 40.0 * np.sin(2 * np.pi * day / 365.0) + 60.0 * np.sin(2 * np.pi * day)
    observed = {"Qle": Observation(value, np.full(len(value), MEASURED))}
    attributes = dataclasses.replace(made.attributes, plant_class=plant_class)
    return made.replace(observations=observed, attributes=attributes)


def runs(made, errors):
    observed = made.observations["Qle"].value
    noise = np.random.default_rng(1).normal(size=(2, len(observed)))
    return {
        rule: None if error is None else {"Qle": observed + error * noise[row // 2]}
        for row, (rule, error) in enumerate(errors.items())
    }


ERRORS = {"default": 20.0, "class-mean": None, "network": 10.0}


def scores(made, **options):
    given = {"method": "direct", "in_means": True, "variables": ("Qle", "Qh"), "notes": {"class-mean": "why"}}
    return site_scores(made, runs(made, ERRORS), {}, **{**given, **options}).set_index("rule")


def test_gains_are_relative_to_the_default_and_a_rule_without_a_run_says_why():
    table = scores(record(offset=80.0))
    assert table.loc["network", "gain"] == pytest.approx(0.5, abs=0.03)
    assert table.loc["network", "gain_low"] < table.loc["network", "gain"] < table.loc["network", "gain_high"]
    assert table.loc["network", "verdict"] == "better" and np.isnan(table.loc["default", "gain"])
    assert table.loc["class-mean", "note"] == "why" and np.isnan(table.loc["class-mean", "rmse"])


def test_kge_of_monthly_means_needs_nine_months():
    made = record(offset=80.0)
    table = scores(made)
    assert table.loc["network", "months"] == 9
    month = made.time.astype("datetime64[M]")
    whole = [m for m in np.unique(month) if str(m) not in ("2004-02", "2004-12")]
    simulated, observed = (
        np.array([series[month == m].mean() for m in whole])
        for series in (runs(made, ERRORS)["network"]["Qle"], made.observations["Qle"].value)
    )
    assert table.loc["network", "kge_monthly"] == pytest.approx(kge(simulated, observed), rel=1e-9)
    shorter = scores(record(offset=80.0, days=270))
    assert shorter.loc["network", "months"] == 8 and np.isnan(shorter.loc["network", "kge_monthly"])


def test_a_mean_near_zero_is_warned_of():
    assert beta_unreliable(np.array([-10.0, 11.0])) and not beta_unreliable(np.array([10.0, 30.0]))
    assert not scores(record(offset=80.0)).loc["network", "beta_warning"]
    wave = np.sin(2 * np.pi * np.arange(300 * 24) / 24.0 / 365.0)
    middle = -40.0 * wave[10 * 24 : 285 * 24].mean()
    assert scores(record(offset=middle)).loc["network", "beta_warning"]


def test_months_are_scored_each_for_itself_over_its_steps():
    made = record(offset=80.0)
    table = month_scores(made, runs(made, ERRORS), method="direct", variables=("Qle",))
    july = table[(table["month"] == 7) & (table["rule"] == "network")].iloc[0]
    inside = made.time.astype("datetime64[M]").astype(str) == "2004-07"
    simulated = runs(made, ERRORS)["network"]["Qle"]
    assert july["n"] == 31 * 24
    assert july["kge"] == pytest.approx(kge(simulated[inside], made.observations["Qle"].value[inside]))
    # The ten last days of February are just enough; January was not observed.
    assert set(table["month"]) == set(range(3, 13)) | {2}
    assert set(table["rule"]) == {"default", "network"}


def test_means_over_sites_have_the_interval_of_the_mean():
    made = [record("a", offset=80.0), record("b", offset=80.0, plant_class="grassland")]
    tables = [scores(one, in_means=one is made[0]).reset_index() for one in made]
    table = tables[0].merge(tables[1], how="outer")
    samples = {
        ("direct", "network", "Qle", one.attributes.name): gain_resamples(
            one, runs(one, ERRORS), "network", "Qle"
        )
        for one in made
    }
    means = class_means(table, samples).set_index(["class", "over", "rule"])
    both, one = means.loc[("all", "all", "network")], means.loc[("all", "in means", "network")]
    assert (both["sites"], one["sites"]) == (2, 1) and both["names"] == "a b"
    assert both["gain_high"] - both["gain_low"] < one["gain_high"] - one["gain_low"]
    assert both["kge_monthly_std"] >= 0.0 and np.isnan(one["kge_monthly_std"])
    assert ("grassland", "all", "class-mean") not in means.index


def test_intervals_of_gains_are_those_of_the_bootstrap():
    made = record(offset=80.0)
    given = runs(made, ERRORS)
    arguments = (made.observations["Qle"].value, given["default"]["Qle"], given["network"]["Qle"], made.time)
    expected = block_bootstrap(*arguments, seed=zlib.crc32(b"a")).relative_rmse
    found = scores(made).loc["network"]
    assert (found["gain_low"], found["gain_high"]) == expected.interval_90
    assert found["gain"] == pytest.approx(expected.estimate, rel=1e-9)


def test_a_record_too_short_for_blocks_has_no_interval():
    table = scores(record(days=5, offset=80.0))
    assert table.loc["network", "verdict"] == "unknown" and np.isnan(table.loc["network", "gain_low"])
