import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from made_up_run import write_made_up_run
from tilth.report import figures_agreement, figures_energy, figures_parameters, figures_series
from tilth.report.contents import read_run
from tilth.report.page_tables import number, significant
from tilth.report.style import data_uri


@pytest.fixture(scope="module")
def simulation(tmp_path_factory):
    return read_run(write_made_up_run(tmp_path_factory.mktemp("run"), days=120)).simulation


def test_daily_means_break_at_missing_days(simulation):
    line = figures_series.daily_means(simulation, "Qle").axes[0].lines[0].get_ydata()
    # Steps 1000 to 1199 have no forcing: days 21 to 23 wholly, day 20 and 24 in part (40 and 48 of 48 steps).
    assert len(line) == 120
    assert np.isnan(line[[21, 22, 23]]).all()
    assert np.isfinite(line[[10, 30, 60]]).all()


def test_close_up_lies_in_the_held_out_part_and_starts_at_midnight(simulation):
    start = figures_series.close_up_start(simulation, "Qle")
    assert start % 48 == 0
    assert simulation.splits["heldout"][start : start + 14 * 48].all()


def test_diurnal_cycle_is_the_mean_of_each_half_hour(simulation):
    axes = figures_series.diurnal_cycle(simulation, "Qh").axes[0]
    month = simulation.time.astype("datetime64[M]").astype(int) % 12 + 1
    keep = simulation.scored["Qh"] & np.isin(month, (12, 1, 2))
    noon = keep & (np.arange(len(keep)) % 48 == 24)
    assert axes.lines[0].get_ydata()[24] == pytest.approx(simulation.observed["Qh"][noon].mean())
    assert axes.lines[0].get_xdata()[24] == 12.25


def test_taylor_diagram_places_runs_by_correlation_and_spread(simulation):
    figure = figures_agreement.taylor_diagram(simulation, ["Qle"], "calibration")
    mask = simulation.scored["Qle"] & simulation.splits["calibration"]
    observed, simulated = (s[mask] for s in (simulation.observed["Qle"], simulation.runs["default"]["Qle"]))
    line = next(line for line in figure.axes[0].lines if line.get_label() == "Qle default")
    (angle,), (radius,) = line.get_xdata(), line.get_ydata()
    assert np.cos(angle) == pytest.approx(np.corrcoef(observed, simulated)[0, 1])
    assert radius == pytest.approx(simulated.std() / observed.std())
    # Law of cosines: the distance to the reference is the centred error over the observed deviation.
    distance = np.hypot(radius * np.cos(angle) - 1, radius * np.sin(angle))
    error = (simulated - observed).std() / observed.std()
    assert distance == pytest.approx(error)


def test_positions_follow_the_scale():
    table = pd.DataFrame({"lower": [0.0, 1.0], "upper": [10.0, 100.0], "scale": ["linear", "log"]})
    np.testing.assert_allclose(figures_parameters.positions(table, np.array([2.5, 10.0])), [0.25, 0.5])


def test_closure_of_the_tower_and_of_the_model(simulation):
    found = figures_energy.closures(simulation)
    assert list(found) == ["observed", "default", "calibrated"]
    assert found["calibrated"].slope == pytest.approx(1, abs=1e-5)
    assert found["observed"].n == found["default"].n


def test_drawing_leaves_the_settings_of_the_user_alone(simulation):
    before = dict(mpl.rcParams)
    data_uri(figures_series.daily_means(simulation, "Qle"), vector=True)
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("value", "text"), [(1.25e-5, "1.25 × 10⁻⁵"), (-200.0, "−200"), (0.0982, "0.0982"), (2e6, "2 × 10⁶")]
)
def test_significant_digits(value, text):
    assert significant(value) == text


@pytest.mark.parametrize(("value", "text"), [(-0.04, "0.0"), (-1.26, "−1.3"), (float("nan"), "–")])
def test_numbers(value, text):
    assert number(value) == text
