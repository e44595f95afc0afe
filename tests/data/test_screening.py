import numpy as np
import pytest

from made_up_tower import clock, fluxes, weather, write
from tilth.data.joined import JoinedTower, read_joined
from tilth.data.ranges import FORCING_OF, OBSERVED, physical_ranges
from tilth.data.screening import cold_downpour_days, failures, flux_series, forcing_series, hanging


def tower(
    tmp_path, met: dict[str, np.ndarray], flux: dict[str, np.ndarray] | None = None, days=60
) -> JoinedTower:
    time = clock(days=days)
    files = [write(tmp_path, "Met", time, met)]
    if flux is not None:
        files.append(write(tmp_path, "Flux", time, flux))
    return read_joined(files)


def test_every_name_that_is_read_has_a_range():
    ranges = physical_ranges()
    assert set(FORCING_OF) | set(OBSERVED) <= set(ranges)
    assert all(limits.low < limits.high and limits.unit for limits in ranges.values())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Tair", 400.0), ("Qair", 0.0), ("Qair", 0.05), ("Qair", 2e-5), ("Wind", -1.0), ("Psurf", 2.0e5),
        ("SWdown", 2000.0), ("LWdown", 7.0), ("LWdown", 130.0), ("Precip", 0.2), ("Precip", -0.1),
    ],
)  # fmt: skip
def test_forcing_out_of_physical_range_is_dropped(tmp_path, name, value):
    met = weather(clock())
    met[name][500] = value
    series = forcing_series(tower(tmp_path, met))
    assert np.flatnonzero(np.isnan(series[name])).tolist() == [500]
    assert all(np.isfinite(series[other]).all() for other in series if other != name)


def test_an_instrument_that_hangs_for_a_day_is_dropped():
    values = np.random.default_rng(0).standard_normal(400)
    values[100:148], values[200:247], values[300:390] = 5.0, 6.0, 0.0
    assert np.flatnonzero(hanging(values, 1800.0)).tolist() == list(range(100, 148))


def test_a_failing_sensor_is_not_trusted_in_between():
    wrong = np.zeros(400, dtype=bool)
    wrong[100:160] = True
    wrong[[110, 130, 131]] = False
    wrong[[300, 303]] = True
    expected = wrong.copy()
    expected[100:160] = True
    assert (failures(wrong, 1800.0) == expected).all()


def test_downpours_below_freezing_are_impossible_the_more_the_colder(tmp_path):
    met = weather(clock())
    met["Precip"][:] = 0.0
    for day, air, amount in ((3, 285.0, 80.0), (10, 271.0, 80.0), (20, 271.0, 20.0), (30, 250.0, 20.0)):
        met["Tair"][day * 48 : (day + 1) * 48] = air + np.linspace(0.0, 0.5, 48)
        met["Precip"][day * 48 : day * 48 + 4] = amount / 4 / 1800.0
        met["Qair"][day * 48 : (day + 1) * 48] = 0.0004
    made = tower(tmp_path, met)
    day, amount, impossible = cold_downpour_days(made)
    assert np.flatnonzero(impossible).tolist() == [10, 30] and amount[10] == pytest.approx(80.0)
    dropped = np.isnan(forcing_series(made)["Precip"])
    assert (dropped == np.isin(day, (10, 30))).all()


def test_fluxes_out_of_range_are_dropped_and_counted(tmp_path):
    met = weather(clock())
    flux = fluxes(met)
    flux["Qle"][[5, 6]] = 3000.0
    flux["Rnet"][0] = 900.0
    series, findings = flux_series(tower(tmp_path, met, flux))
    assert np.isnan(series["Qle"][[5, 6]]).all() and np.isnan(series["Rnet"][0])
    assert [finding.message for finding in findings] == [
        "Qle: 2 values cannot be (3000 to 3000 W m-2): taken as missing",
        "Rnet: 1 values cannot be (900 to 900 W m-2): taken as missing",
    ]


def test_net_radiation_is_not_judged_where_the_sun_was_not_measured(tmp_path):
    met = weather(clock())
    flux = fluxes(met)
    met["SWdown"][:100] = np.nan
    flux["Rnet"][50] = 600.0
    assert np.isfinite(flux_series(tower(tmp_path, met, flux))[0]["Rnet"]).all()


@pytest.mark.parametrize(("factor", "turned"), [(-1.0, True), (1.0, False)])
def test_the_sign_of_the_ground_heat_is_judged_by_the_net_radiation(tmp_path, factor, turned):
    met = weather(clock())
    flux = fluxes(met)
    truth = flux["Qg"].copy()
    flux["Qg"] = factor * truth
    series, findings = flux_series(tower(tmp_path, met, flux))
    assert series["Qg"] == pytest.approx(truth)
    assert [finding.topic for finding in findings] == (["sign"] if turned else [])


def test_the_sign_is_left_alone_without_overwhelming_evidence(tmp_path):
    time = clock(days=30)
    met = weather(time)
    flux = fluxes(met)
    flux["Qg"] = -flux["Qg"]
    series, findings = flux_series(tower(tmp_path, met, flux, days=30))
    assert series["Qg"] == pytest.approx(flux["Qg"]) and not findings
