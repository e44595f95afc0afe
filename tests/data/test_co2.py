import numpy as np
import pytest

from made_up_tower import clock
from tilth.data.co2 import global_mean, screened

TIME = clock(days=10, start="2011-06-01")
AIR, PRESSURE = np.full(len(TIME), 298.15), np.full(len(TIME), 101325.0)


def test_global_mean_of_the_year():
    assert global_mean(TIME)[0] == pytest.approx(390.62e-6)
    assert global_mean(np.array(["2300-01-01"], dtype="datetime64[s]"))[0] == pytest.approx(422.77e-6)


def test_without_a_file_the_global_mean_is_used():
    values, source, lie = screened(TIME, None, AIR, PRESSURE)
    assert values == pytest.approx(390.62e-6) and "global annual mean" in source and lie is None


def test_single_values_far_from_the_mean_are_replaced():
    given = np.full(len(TIME), 395e-6)
    given[3], given[5], given[7] = 1091e-6, 263e-6, np.nan
    values, source, lie = screened(TIME, given, AIR, PRESSURE)
    assert values[[3, 5, 7]] == pytest.approx(390.62e-6) and values[4] == 395e-6
    assert lie is None and source.startswith("file, 0.6 % replaced")
    assert screened(TIME, np.full(len(TIME), 395e-6), AIR, PRESSURE)[1] == "file"


def test_a_density_that_says_ppm_is_noticed():
    values, source, lie = screened(TIME, np.full(len(TIME), 700e-6), AIR, PRESSURE)
    assert lie == "mg m-3" and source == "file" and values == pytest.approx(389.1e-6, rel=1e-3)


def test_a_record_that_is_no_co2_is_replaced():
    values, source, _ = screened(TIME, np.full(len(TIME), 900e-6), AIR, PRESSURE)
    assert values == pytest.approx(390.62e-6) and "not plausible" in source
