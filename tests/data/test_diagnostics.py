from collections.abc import Callable

import numpy as np
import pytest

from made_up_tower import clock, fluxes, weather, write
from tilth.constants import STEFAN_BOLTZMANN
from tilth.data.balance import closure, energy_by_year, water
from tilth.data.diagnostics import diagnose
from tilth.data.joined import JoinedTower, read_joined
from tilth.data.runs import longest_run, repeated_share

Series = dict[str, np.ndarray]


def tower(
    tmp_path, change: Callable[[Series, Series], object] = lambda met, flux: None, **options
) -> JoinedTower:
    time = clock()
    met = weather(time)
    flux = fluxes(met)
    change(met, flux)
    return read_joined(
        [write(tmp_path, "Met", time, met, **options), write(tmp_path, "Flux", time, flux, **options)]
    )


def found(made: JoinedTower, level: str) -> str:
    return " | ".join(f"{f.topic}: {f.message}" for f in diagnose(made) if f.level == level)


def test_nothing_is_found_in_a_sound_tower(tmp_path):
    assert diagnose(tower(tmp_path)) == []


def test_longest_run_and_repeated_share():
    values = np.array([1.0, 2.0, 2.0, 2.0, np.nan, np.nan, 0.0, 0.0, 0.0, 0.0, 3.0])
    assert longest_run(values).length == 4 and longest_run(values).start == 6
    run = longest_run(values, ignore_zero=True)
    assert (run.length, run.start, run.value) == (3, 1, 2.0)
    assert (
        longest_run(np.array([np.nan, 1.0, 2.0])).length == 1 and longest_run(np.full(3, np.nan)).length == 0
    )
    assert repeated_share(np.array([1.0, 1.0, 2.0, 2.0]), np.ones(4, dtype=bool)) == pytest.approx(2 / 3)
    assert repeated_share(np.ones(3), np.zeros(3, dtype=bool)) == 0.0


def test_the_closure_of_a_closed_tower_is_one(tmp_path):
    closed = closure(tower(tmp_path))
    assert closed is not None and closed.n == 2880 and closed.ground_measured
    # Two wobbles of a standard deviation of 1 W m-2 that are equal: a residual of 2, half of it 1.
    assert closed.ratio == pytest.approx(1.0, abs=0.01) and closed.half_rms == pytest.approx(1.0, abs=0.05)
    assert closed.slope == pytest.approx(1.0, abs=0.01) and np.isnan(closed.corrected_ratio)


def test_ground_heat_is_a_tenth_of_net_radiation_where_it_was_not_measured(tmp_path):
    closed = closure(tower(tmp_path, lambda met, flux: flux.pop("Qg")))
    assert closed is not None and not closed.ground_measured and closed.ratio == pytest.approx(1.0, abs=0.01)
    assert closure(tower(tmp_path, lambda met, flux: flux.pop("Rnet"))) is None


def test_evaporation_and_rain_per_year(tmp_path):
    def change(met: Series, flux: Series) -> None:
        met["Precip"] = np.full(2880, 1e-5)
        flux["Qle"] = np.full(2880, 50.0) + np.linspace(0.0, 1e-3, 2880)
        flux["Qle"][:50] = np.nan

    amounts = water(tower(tmp_path, change))
    assert amounts is not None and amounts.n == 2830 and amounts.rain_n == 2880
    assert amounts.rain == pytest.approx(1e-5 * 365.25 * 86400)
    assert amounts.evaporation == pytest.approx(50.0 / 2.5e6 * 365.25 * 86400, rel=1e-4)


def test_energy_of_a_year_without_net_radiation_is_judged_by_the_sky(tmp_path):
    years = energy_by_year(tower(tmp_path, lambda met, flux: flux.pop("Rnet")))
    assert [year.year for year in years] == [2001] and years[0].n == 2880
    met = weather(clock())
    expected = 0.8 * met["SWdown"] + 0.97 * (met["LWdown"] - STEFAN_BOLTZMANN * met["Tair"] ** 4)
    assert years[0].radiation == pytest.approx(expected.mean())
    assert years[0].turbulent == pytest.approx((fluxes(met)["Qle"] + fluxes(met)["Qh"]).mean())


def test_energy_of_a_year_with_net_radiation_is_judged_by_that(tmp_path):
    years = energy_by_year(tower(tmp_path))
    assert years[0].radiation == pytest.approx(fluxes(weather(clock()))["Rnet"].mean())


@pytest.mark.parametrize(
    ("level", "change", "message"),
    [
        (
            "error",
            lambda met, flux: met.update(Qair=0.15 * met["Qair"]),
            "humidity: the humidity cannot be right: relative humidity has a median of",
        ),
        ("warning", lambda met, flux: met.update(Qair=2.0 * met["Qair"]), "relative humidity is above 105 %"),
        (
            "error",
            lambda met, flux: met["Precip"].__setitem__(slice(0, 40), 0.02),
            "rain: 1440 mm on 2001-04-01 is more than a day can bring",
        ),
        (
            "warning",
            lambda met, flux: met["Qair"].__setitem__(slice(96, 196), 0.0),
            "Qair: 100 values cannot be (0 to 0 kg kg-1), 100 in a row from 2001-04-03T00:00:00",
        ),
        (
            "warning",
            lambda met, flux: met["Qair"].__setitem__(slice(96, 196), 0.0),
            "Qair = 0 for 100 steps in a row from 2001-04-03T00:00:00",
        ),
        (
            "info",
            lambda met, flux: met.update(Psurf=np.full(2880, 98000.0)),
            "Psurf has 1 distinct values: made up",
        ),
        (
            "warning",
            lambda met, flux: flux["Qle"].__setitem__(slice(1, 2880, 4), flux["Qle"][0:2880:4]),
            "25 % of the measured Qle repeat the value before",
        ),
        ("warning", lambda met, flux: flux.pop("Qh"), "coverage: no Qh in the Flux files"),
        (
            "warning",
            lambda met, flux: flux["Qle"].__setitem__(slice(0, 2000), np.nan),
            "Qle is measured in less than half of: 2001 31 %",
        ),
        ("warning", lambda met, flux: flux.update(Qle=0.1 * flux["Qle"]), "the energy does not close"),
        (
            "warning",
            lambda met, flux: flux.update({f"{name}_cor": 1.5 * flux[name] for name in ("Qle", "Qh")}),
            "by 50 %: do not trust the corrected fluxes",
        ),
        (
            "error",
            lambda met, flux: flux.update({name: 1.6 * flux[name] for name in ("Qle", "Qh")}),
            "the energy cannot be right in 2001",
        ),
        (
            "warning",
            lambda met, flux: flux.update({name: 1.2 * flux[name] for name in ("Qle", "Qh")}),
            "hardly enough energy in 2001",
        ),
        (
            "warning",
            lambda met, flux: flux.update(Qle=np.roll(flux["Qle"], 8), Qh=np.roll(flux["Qh"], 8)),
            "follow Rnet - Qg step by step with a slope of",
        ),
        (
            "warning",
            lambda met, flux: flux.update(Rnet=np.roll(flux["Rnet"], 1)),
            "clock: Rnet lags behind SWdown by one step",
        ),
        (
            "warning",
            lambda met, flux: flux.update(Rnet=np.roll(flux["Rnet"], -1)),
            "clock: Rnet runs ahead of SWdown by one step",
        ),
        ("warning", lambda met, flux: met.update(Precip=0.1 * met["Precip"]), "exceeds the rain of"),
        ("warning", lambda met, flux: met.update(VPD=np.full(2880, 0.8)), "VPD holds kPa in"),
    ],
)
def test_each_sign_is_found(tmp_path, level, change, message):
    assert message in found(tower(tmp_path, change), level)


def test_attributes_of_the_files_are_heard(tmp_path):
    made = tower(
        tmp_path, attributes={"SWdown_note": "not the pyranometer"}, scalars={"reference_height": 0.4}
    )
    assert "SWdown: not the pyranometer" in found(made, "info")
    assert "the reference height 0.4 m is not above the canopy of 0.5 m" in found(made, "warning")


def test_forcing_that_is_mostly_filled_is_reported(tmp_path):
    time = clock()
    description = {"QC_flag_descriptions": "Measured: 0, Statistical gapfilling: 5"}
    flags = {"LWdown": np.full(len(time), 5.0)}
    made = read_joined([write(tmp_path, "Met", time, weather(time), flags=flags, attributes=description)])
    assert "LWdown: 100 % filled or synthetic in the file" in found(made, "info")
