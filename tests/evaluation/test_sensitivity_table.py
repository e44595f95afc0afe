import numpy as np
import pandas as pd
import pytest

from tilth.evaluation.sensitivity_table import (
    AGREEMENT_COLUMNS,
    COLUMNS,
    OVER_SITES,
    RANK_COLUMNS,
    agreement,
    mean_ranks,
    measure_rows,
)

NAMES = ("vegh", "rlfv", "gradm", "psicr")
SOURCES = dict.fromkeys(NAMES, "made up")


def rows(site, method, measure, value, in_means=True):
    identity = {"site": site, "class": "woodland", "in_means": in_means, "flux": "Qle", "method": method}
    counts = [np.full(4, n) for n in (4, 0, 0)]
    return measure_rows(
        identity, NAMES, SOURCES, measure=measure, unit="W m-2", value=np.array(value), counts=counts
    )


@pytest.fixture
def table():
    return pd.concat(
        [
            rows("A", "one-at-a-time", "mean_rmse", [4.0, 3.0, 2.0, 1.0]),
            rows("A", "loss-gradient", "rmse_gradient", [-1.0, -2.0, -3.0, 4.0]),
            rows("A", "morris", "mu_star", [9.0, 8.0, np.nan, 1.0]),
            rows("A", "morris", "sigma", [1.0, 8.0, 3.0, 1.0]),
            rows("B", "one-at-a-time", "mean_rmse", [4.0, 4.0, 6.0, 1.0]),
            rows("C", "one-at-a-time", "mean_rmse", [1.0, 2.0, 3.0, 4.0], in_means=False),
        ],
        ignore_index=True,
    )


def ranks(table, site, method):
    own = table[(table["site"] == site) & (table["method"] == method)]
    return list(own.dropna(subset="rank").set_index("parameter")["rank"].items())


def test_rank_one_is_the_largest_by_size_and_what_is_unknown_has_none(table):
    assert list(table.columns) == list(COLUMNS)
    assert ranks(table, "A", "loss-gradient") == [("vegh", 4), ("rlfv", 3), ("gradm", 2), ("psicr", 1)]
    assert ranks(table, "A", "morris") == [("vegh", 1), ("rlfv", 2), ("psicr", 3)]
    assert ranks(table, "B", "one-at-a-time") == [("vegh", 2.5), ("rlfv", 2.5), ("gradm", 1), ("psicr", 4)]


def test_mean_ranks_are_over_the_sites_that_enter_means(table):
    found = mean_ranks(table)
    assert list(found.columns) == list(RANK_COLUMNS)
    once = found[found["method"] == "one-at-a-time"].set_index("parameter")
    assert list(once.index) == ["vegh", "gradm", "rlfv", "psicr"]
    assert list(once["mean_rank"]) == [1.75, 2.0, 2.25, 4.0] and (once["sites"] == 2).all()
    assert once.loc["gradm", ["least", "largest", "rank_of_mean"]].tolist() == [1, 3, 2]


def test_without_sites_that_enter_means_there_are_no_mean_ranks(table):
    apart = table[table["site"] == "C"]
    assert mean_ranks(apart).empty
    assert list(agreement(apart, mean_ranks(apart)).columns) == list(AGREEMENT_COLUMNS)


def test_agreement_is_the_rank_correlation_over_parameters_that_both_rank(table):
    found = agreement(table, mean_ranks(table)).set_index(["site", "method", "other"])
    assert found.loc[("A", "one-at-a-time", "loss-gradient"), "rank_correlation"] == pytest.approx(-1.0)
    assert found.loc[("A", "one-at-a-time", "morris"), ["rank_correlation", "n"]].tolist() == [1.0, 3]
    # Mean ranks 1.75, 2.25, 2, 4 against 4, 3, 2, 1 give the ranks 1, 3, 2, 4 against 4, 3, 2, 1.
    over = found.loc[(OVER_SITES, "one-at-a-time", "loss-gradient"), "rank_correlation"]
    assert over == pytest.approx(1 - 6 * (9 + 0 + 0 + 9) / (4 * 15))
    assert "C" not in found.index
