"""Whole runs of the land model: budgets at every step, windows, devices, precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matsiro_cases import BUDGETS, box, defaults, drawn, season

from tilth.data.containers import Sites
from tilth.models.matsiro.model import Matsiro, Windows
from tilth.models.matsiro.options import MatsiroOptions

DAYS = 20
MEMBERS = 8
NAMES = (
    *BUDGETS, "Qle", "Qh", "Rnet", "Qg", "SWup", "LWup", "GPP", "SWE", "SoilMoist", "SoilTemp",
    "CanopInt", "Qs", "Qsb", "RadT", "TVeg", "ESoil", "ECanop", "SubSnow",
)  # fmt: skip


@pytest.fixture(scope="module")
def records():
    """Wet, dry, snowing, thawing and hot; one of them hourly."""
    return [
        season("temperate", "cultivation", 160, DAYS),
        season("temperate", "woodland", 20, 2 * DAYS, step=3600.0),
        season("continental", "woodland", 5, DAYS),
        season("continental", "grassland", 95, DAYS),
        season("semi-arid", "grassland", 200, DAYS),
        season("tropical", "evergreen", 100, DAYS),
    ]


@pytest.fixture(scope="module")
def sites(records):
    return Sites.of(records)


@pytest.fixture(scope="module")
def model():
    return Matsiro(box(), MatsiroOptions(spin_up_years=0), NAMES)


@pytest.fixture(scope="module")
def thetas(sites):
    """Default parameters, then draws over the whole box."""
    shape = (MEMBERS - 1, len(sites.records))
    draws = drawn(box(), shape[0] * shape[1]).reshape(*shape, -1)
    return jnp.asarray(np.concatenate([defaults(box(), sites)[None], draws]))


@pytest.fixture(scope="module")
def run(model, thetas, sites):
    """48 columns on two devices."""
    result = model.run(thetas, sites)
    assert bool(result.succeeded.all())
    return {name: np.asarray(series) for name, series in result.outputs.items()}


def test_the_sites_are_as_hard_as_meant(run):
    assert run["SWE"][0, 2].max() > 5.0
    assert run["SoilTemp"][0, 2].min() < 273.0
    assert run["SWE"][0, 3].max() > 1.0 > run["SWE"][0, 3].min()
    assert run["Rnet"][0, 4].max() > 400.0
    assert run["CanopInt"][0, 5].max() > 0.5


def test_almost_every_step_converges(run):
    assert run["converged"][0].mean() == 1.0
    assert run["converged"].mean() > 0.9999


def test_water_closes_at_every_step(run):
    """To 1e-9 mm beside round-off of a store of metres: 16 digits of 6000 mm are 1e-12 mm a layer."""
    assert np.abs(run["WaterResidual"]).max() < 1e-9


def test_energy_of_soil_and_snow_closes_at_every_step(run):
    assert np.abs(run["EnergyResidual"]).max() < 1e-6


def test_surfaces_balance_where_they_converged(run):
    converged = run["converged"] > 0.5
    assert np.abs(run["SurfaceResidual"][converged]).max() < 1e-6


def test_outputs_are_consistent(run):
    latent = 2.5e6 * (run["TVeg"] + run["ESoil"] + run["ECanop"])
    # Without ice anywhere everything that evaporates was liquid.
    summer = (run["SWE"] == 0.0) & (run["SoilTemp"][..., 0] > 285.0) & (run["RadT"] > 285.0)
    assert summer.any()
    np.testing.assert_allclose(run["Qle"][summer], latent[summer], atol=1e-4)
    np.testing.assert_allclose(5.670374e-8 * run["RadT"] ** 4, run["LWup"], rtol=1e-12)
    assert run["GPP"].min() >= 0.0
    assert run["SWE"].min() >= 0.0 and run["CanopInt"].min() >= 0.0
    assert run["SoilMoist"].min() > 0.0
    assert run["Qs"].min() >= 0.0 and run["Qsb"].min() >= 0.0


@pytest.mark.slow
def test_windows_in_a_row_are_the_run(model, thetas, sites, run):
    """Each window from the end of the one before; 24 columns on one device against 48 on two."""
    length = DAYS * 48 // 4
    members, count = 4, len(sites.records)
    chosen = np.asarray(thetas)[:members].reshape(members * count, -1)
    windows = model.cut_windows(sites, length)
    assert windows.valid.all()
    starts, places = np.asarray(windows.start), np.asarray(windows.site)
    # The first windows begin without spin-up from the same initial state as the run.
    _, initial = model.trajectories(jnp.asarray(defaults(box(), sites))[None], sites, DAYS * 48)
    state = jax.tree.map(lambda a: jnp.concatenate([a] * members, axis=-1), initial)
    for begin in range(0, DAYS * 48, length):
        index = [np.flatnonzero((starts == begin) & (places == site))[0] for site in range(count)]
        index = np.array(index * members)
        batch = Windows(
            jax.tree.map(lambda a, index=index: a[:, index], windows.forcing),
            windows.site[index], windows.start[index], windows.valid[:, index], windows.first[index],
        )  # fmt: skip
        names = ("Qle", "Qh", "SWE", "GPP")
        outputs, state = model.run_windows(jnp.asarray(chosen), sites, batch, state, names)
        for name in names:
            series = np.asarray(outputs[name]).reshape(length, members, count)
            np.testing.assert_allclose(
                series, run[name][:members, :, begin : begin + length].transpose(2, 0, 1),
                atol=1e-6, rtol=1e-7, err_msg=f"{name} from step {begin}",
            )  # fmt: skip


def test_trajectories_are_the_run_cut_into_windows(model, thetas, sites, run):
    length = DAYS * 48 // 4
    windows = model.cut_windows(sites, length)
    series, states = model.trajectories(thetas, sites, length, names=NAMES)
    shape = (thetas.shape[0], windows.site.size)
    water = np.asarray(states.canopy_water).reshape(shape) * 1000.0
    for window, (site, begin) in enumerate(zip(windows.site.tolist(), windows.start.tolist(), strict=True)):
        for name in ("Qle", "GPP", "SoilMoist"):
            here = np.moveaxis(series[name], -1, 0).reshape(*shape, length, *series[name].shape[1:-1])
            np.testing.assert_array_equal(here[:, window], run[name][:, site, begin : begin + length])
        if begin > 0:
            np.testing.assert_allclose(water[:, window], run["CanopInt"][:, site, begin - 1], rtol=1e-12)


@pytest.mark.slow
def test_single_precision_keeps_its_budgets(model, records, thetas, run):
    """Surfaces to 5e-2 W m-2 and water to 1e-3 mm a step.

    The heat of ten metres of soil is known to 1 W m-2 a step only: the last digit of a temperature of 280 K
    is 3e-5 K.
    """
    sites = Sites.of(records, dtype=jnp.float32)
    result = model.run(thetas.astype(jnp.float32), sites)
    single = {name: np.asarray(series) for name, series in result.outputs.items()}
    assert {series.dtype for series in single.values()} == {np.dtype(np.float32)}
    assert bool(result.succeeded.all())
    converged = single["converged"] > 0.5
    assert converged.mean() > 0.9995
    assert np.abs(single["SurfaceResidual"][converged]).max() < 5e-2
    assert np.abs(single["WaterResidual"]).max() < 1e-3
    assert np.abs(single["EnergyResidual"]).max() < 2.0
    for name in ("Qle", "Qh"):
        difference = single[name] - run[name]
        assert np.sqrt((difference**2).mean()) < 3.0, name
