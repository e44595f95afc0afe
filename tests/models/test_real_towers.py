"""The land model with default parameters at flux towers: convergence, budgets, plausible magnitudes."""

import jax.numpy as jnp
import numpy as np
import pytest
from matsiro_cases import defaults

from tilth.data.containers import Sites
from tilth.data.plumber2 import read_site
from tilth.models.matsiro.model import Matsiro
from tilth.models.matsiro.options import MatsiroOptions
from tilth.parameters.space import ParameterSpace
from tilth.parameters.tables import CALIBRATED

pytestmark = pytest.mark.slow

FILES = {
    "CN-Cng": ("CN-Cng_2008-2009_FLUXNET2015aug_Met.nc", "CN-Cng_2008-2009_FLUXNET2015_Flux.nc"),
    **{name: (f"{name}_*.nc",) for name in ("ID-Pag", "FI-Hyy", "US-Blo", "BW-Ma1", "US-SRM", "ES-ES2")},
}
NAMES = (
    "Qle", "Qh", "Rnet", "Qg", "GPP", "SWup", "VegT", "BaresoilT", "SurfaceResidual", "EnergyResidual",
    "WaterResidual",
)  # fmt: skip


@pytest.fixture(scope="module")
def records(shared_data):
    folder = shared_data / "plumber2"
    return [
        read_site([p for pattern in patterns for p in sorted(folder.glob(pattern))])
        for patterns in FILES.values()
    ]


@pytest.fixture(scope="module")
def runs(records):
    """Series of each tower over its whole record, by name, after three years of spin-up."""
    sites = Sites.of(records)
    space = ParameterSpace.select(CALIBRATED)
    model = Matsiro(space, MatsiroOptions(spin_up_years=3), NAMES)
    result = model.run(jnp.asarray(defaults(space, sites))[None], sites)
    assert bool(result.succeeded.all())
    return {
        name: {
            flux: np.asarray(series[0, i, : len(records[i].time)]) for flux, series in result.outputs.items()
        }
        for i, name in enumerate(FILES)
    }


@pytest.mark.parametrize("tower", FILES)
def test_more_than_9999_of_10000_steps_converge(runs, tower):
    assert np.mean(runs[tower]["converged"] > 0.5) > 0.9999


@pytest.mark.parametrize("tower", FILES)
def test_water_and_energy_close(runs, tower):
    run = runs[tower]
    assert np.abs(run["WaterResidual"]).max() < 1e-9
    assert np.abs(run["EnergyResidual"]).max() < 1e-6
    assert np.abs(run["SurfaceResidual"][run["converged"] > 0.5]).max() < 1e-6


FOREST = ("FI-Hyy", "US-Blo")


@pytest.fixture(scope="module")
def noons(records, runs):
    """Mean series around noon of the three warmest months and the shortwave then, by tower."""
    sites = Sites.of(records)
    found = {}
    for i, (name, run) in enumerate(runs.items()):
        steps = len(records[i].time)
        month = records[i].time.astype("datetime64[M]").astype(int) % 12
        air, down = (
            np.asarray(getattr(sites.forcing, field))[i, :steps]
            for field in ("air_temperature", "shortwave_down")
        )
        warm = np.argsort([air[month == m].mean() for m in range(12)])[-3:]
        high = np.asarray(sites.forcing.cos_zenith)[i, :steps]
        noon = np.isin(month, warm) & (high > 0.95 * high[np.isin(month, warm)].max()) & (down > 600.0)
        found[name] = {flux: series[noon] for flux, series in {**run, "air": air, "down": down}.items()}
    return found


@pytest.mark.parametrize("tower", FOREST)
def test_a_forest_at_noon_in_summer(noons, tower):
    mean = {name: series.mean() for name, series in noons[tower].items()}
    assert 450.0 < mean["Rnet"] < 750.0
    assert 100.0 < mean["Qle"] < 400.0
    assert 100.0 < mean["Qh"] < 450.0
    assert mean["Qg"] < 90.0


@pytest.mark.parametrize("tower", FILES)
def test_albedo_at_noon(records, noons, tower):
    """By plant class: US-SRM, a woody savanna, has the leaves of woodland."""
    plants = records[list(FILES).index(tower)].attributes.plant_class
    albedo = noons[tower]["SWup"].mean() / noons[tower]["down"].mean()
    low, high = (0.08, 0.17) if plants in ("evergreen", "woodland") else (0.13, 0.26)
    assert low < albedo < high


@pytest.mark.parametrize("tower", FILES)
def test_surfaces_are_not_much_warmer_than_the_air(noons, tower):
    noon = noons[tower]
    assert np.mean(noon["BaresoilT"] - noon["air"]) < 25.0
    assert np.mean(noon["VegT"] - noon["air"]) < 12.0


@pytest.mark.parametrize(
    ("tower", "low", "high"),
    [("US-Blo", 800, 2500), ("FI-Hyy", 700, 1800), ("ID-Pag", 2000, 4500), ("ES-ES2", 500, 2500)],
)
def test_yearly_assimilation(records, runs, tower, low, high):
    """Gross primary production in g C m-2 a year."""
    gpp = runs[tower]["GPP"].mean() * 1e-6 * 12.011 * 365 * 86400
    assert low < gpp < high
