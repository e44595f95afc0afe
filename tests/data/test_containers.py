import jax.numpy as jnp
import numpy as np
import pytest

from made_up_tower import clock, pair
from tilth.data.containers import FILLED, MEASURED, MISSING, UNKNOWN, Observation, Sites
from tilth.data.plumber2 import read_site


def records(tmp_path):
    long = read_site(pair(tmp_path, clock(days=6)))
    short = read_site(pair(tmp_path, clock(days=4, start="2001-07-01"), site="YY-Abc"))
    return long, short


def test_measured_and_unflagged_values_are_usable():
    quality = np.array([MEASURED, FILLED, UNKNOWN, MISSING, MEASURED])
    value = np.array([1.0, 1.0, 1.0, 1.0, np.nan])
    assert Observation(value, quality).usable.tolist() == [True, False, True, False, False]


def test_a_step_is_scored_where_flux_forcing_and_state_are_good(tmp_path):
    record, _ = records(tmp_path)
    in_range, usable = record.forcing_in_range.copy(), record.usable.copy()
    in_range[3], usable[5] = False, False
    scored = record.replace(forcing_in_range=in_range, usable=usable).scored("Qle")
    assert np.flatnonzero(~scored).tolist() == [3, 5]


def test_shorter_sites_are_padded_with_their_last_step(tmp_path):
    long, short = records(tmp_path)
    sites = Sites.of([long, short])
    assert sites.names == ("XX-Tst", "YY-Abc") and sites.valid.shape == (2, 288)
    assert sites.valid.sum(axis=1).tolist() == [288, 192]
    assert sites.step.tolist() == [1800.0, 1800.0]
    air = np.asarray(sites.forcing.air_temperature)
    assert air[1, :192] == pytest.approx(short.forcing["air_temperature"])
    assert (air[1, 192:] == air[1, 191]).all() and np.isfinite(air).all()


def test_segments_start_where_they_do_and_never_in_the_padding(tmp_path):
    long, short = records(tmp_path)
    cut = long.replace(segment=(np.arange(288) >= 100).astype(int))
    sites = Sites.of([cut, short])
    assert [np.flatnonzero(row).tolist() for row in np.asarray(sites.segment_start)] == [[0, 100], [0]]


def test_precision_is_chosen_at_the_door(tmp_path):
    sites = Sites.of(records(tmp_path), dtype=np.float32)
    assert sites.forcing.co2.dtype == jnp.float32 and sites.step.dtype == jnp.float32
    assert sites.valid.dtype == bool
