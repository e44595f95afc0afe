"""Switches of the land model: what they refuse and what they change; stretches of a broken record."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from matsiro_cases import box, defaults, season

from tilth.data.containers import Sites
from tilth.models.matsiro.model import Matsiro, is_c4, stretches
from tilth.models.matsiro.options import CHOICES, MatsiroOptions

NAMES = ("Qle", "Qh", "Qs", "Qsb", "SoilMoist", "SWE", "WaterResidual", "EnergyResidual")


@pytest.mark.parametrize("name", CHOICES)
def test_unknown_choices_are_refused(name):
    """As a user meets it; the type checker of the tests would speak first."""
    options = MatsiroOptions()
    object.__setattr__(options, name, "other")
    with pytest.raises(ValueError, match=f"{name} must be one of .*, got 'other'"):
        options.__post_init__()


def test_units_and_gas_constants():
    assert MatsiroOptions().potential_unit == 1.0
    assert MatsiroOptions(psicr_unit="kPa").potential_unit == 9.80665
    assert MatsiroOptions(kelvin="dry").kelvin_gas_constant == 287.04


def test_pathway_is_that_of_the_site_or_its_class():
    grass, wood = (season("temperate", kind, 0, 1) for kind in ("grassland", "woodland"))
    assert is_c4(grass) and not is_c4(wood)
    given = grass.replace(attributes=dataclasses.replace(grass.attributes, pathway="C3"))
    assert not is_c4(given)


@pytest.fixture(scope="module")
def broken():
    """Two stretches of six days each, the second a copy of the first, after a gap."""
    record = season("temperate", "cultivation", 150, 6)
    doubled = {name: np.concatenate([series, series]) for name, series in record.forcing.items()}
    later = record.time + np.timedelta64(90, "D")
    return record.replace(
        time=np.concatenate([record.time, later]),
        forcing=doubled,
        forcing_in_range=np.tile(record.forcing_in_range, 2),
        usable=np.tile(record.usable, 2),
        segment=np.repeat([0, 1], len(record.time)),
    )


@pytest.fixture(scope="module")
def sites(broken):
    """The broken record and a shorter whole one."""
    return Sites.of([broken, season("continental", "woodland", 5, 4)])


@pytest.fixture(scope="module")
def run(sites):
    model = Matsiro(box(), MatsiroOptions(spin_up_years=1), NAMES)
    return model.run(jnp.asarray(defaults(box(), sites))[None], sites)


def test_stretches_are_spun_up_apart(sites, run):
    found = [(s.site, s.start, s.length) for s in stretches(sites)]
    assert found == [(0, 0, 288), (0, 288, 288), (1, 0, 192)]
    for name in ("Qle", "Qh", "SoilMoist"):
        series = np.asarray(run.outputs[name])[0, 0]
        np.testing.assert_allclose(series[288:576], series[:288], rtol=1e-9, atol=1e-9)


def test_steps_past_the_end_hold_the_last_value(run):
    series = np.asarray(run.outputs["Qle"])[0, 1]
    np.testing.assert_array_equal(series[192:], series[191])


def test_windows_follow_the_stretches(sites):
    model = Matsiro(box(), MatsiroOptions(spin_up_years=0))
    windows = model.cut_windows(sites, 100)
    assert list(zip(windows.site.tolist(), windows.start.tolist(), strict=True)) == [
        (0, 0), (0, 100), (0, 200), (0, 288), (0, 388), (0, 488), (1, 0), (1, 100),
    ]  # fmt: skip
    assert np.asarray(windows.valid).sum(axis=0).tolist() == [100, 100, 88, 100, 100, 88, 100, 92]
    assert np.asarray(windows.first).tolist() == [True, False, False, True, False, False, True, False]
    limited = model.cut_windows(sites, 100, [np.arange(576) < 150, np.zeros(192, bool)])
    assert limited.start.tolist() == [0, 100]
    assert np.asarray(limited.valid).sum(axis=0).tolist() == [100, 50]


def test_other_choices_keep_the_budgets(sites, run):
    options = MatsiroOptions(
        psicr_unit="kPa", vgcov_scope="all", par_mode="incident", pathway="sib2", runoff="free", kelvin="dry",
        conductivity="upwind", adsorption="document", freezing=False, spin_up_years=1,
    )  # fmt: skip
    other = Matsiro(box(), options, NAMES).run(jnp.asarray(defaults(box(), sites))[None], sites)
    assert bool(other.succeeded.all())
    for name, limit in (("WaterResidual", 1e-9), ("EnergyResidual", 1e-6)):
        assert np.abs(np.asarray(other.outputs[name])).max() < limit
    assert np.abs(np.asarray(other.outputs["Qle"] - run.outputs["Qle"])).max() > 1.0
    # Free drainage leaves a column at three quarters of saturation with more runoff than a hillslope.
    assert float(other.outputs["Qsb"].mean()) > 0.0
