import jax
import numpy as np
import pytest

from helpers_calibration import twin_record
from tilth.calibration.generator import Generator, GeneratorSettings, feature_count
from tilth.calibration.generator_inputs import GeneratorEncoder
from tilth.data.containers import Observation
from tilth.observations.splits import split_record

BOTH = ("Qle", "Qh")
LONG, SHORT = twin_record("long", 40, 0), twin_record("short", 12, 1)


def encoder(limit=1000):
    return GeneratorEncoder.of([LONG, SHORT], BOTH, window=24, limit=limit)


def test_windows_cover_the_calibration_part_and_say_where_fluxes_are_missing():
    windows = encoder().features(LONG)
    days = split_record(LONG).calibration.sum() // 24
    assert windows.shape[:2] == (days, 24)
    there = windows[..., -2:].reshape(-1, 2).astype(bool)
    scored = np.stack([LONG.scored(name) for name in BOTH], axis=1)[: days * 24]
    np.testing.assert_array_equal(there, scored)
    fluxes = windows[..., -4:-2].reshape(-1, 2)
    assert (fluxes[~there] == 0.0).all()
    # Normalised over both sites, the longer one having most of the steps.
    assert abs(fluxes[there].mean()) < 0.2
    assert fluxes[there].std() == pytest.approx(1.0, abs=0.2)


def test_held_out_fluxes_are_not_read():
    heldout = split_record(LONG).heldout
    changed = {
        name: Observation(np.where(heldout, 1e4, flux.value), np.where(heldout, 0, flux.quality))
        for name, flux in LONG.observations.items()
    }
    other = LONG.replace(observations=changed)
    one = GeneratorEncoder.of([LONG], BOTH, window=24, limit=5)([LONG])
    two = GeneratorEncoder.of([other], BOTH, window=24, limit=5)([other])
    np.testing.assert_array_equal(one.windows, two.windows)


def test_a_site_with_fewer_windows_is_padded_without_effect():
    given = encoder()
    together, alone = given([LONG, SHORT]), given([SHORT])
    assert together.windows.shape[1] == 28
    assert together.weight.sum(axis=1).tolist() == [28.0, alone.windows.shape[1]]
    generator = Generator(feature_count(alone), 3, GeneratorSettings(hidden=6), key=jax.random.key(0))
    # float32 sums in another order.
    np.testing.assert_allclose(generator(together)[1], generator(alone)[0], rtol=1e-4, atol=1e-7)


def test_at_most_so_many_windows_are_taken_evenly_spread():
    all_windows, few = encoder().features(LONG), encoder(limit=4)([LONG]).windows[0]
    np.testing.assert_array_equal(few, all_windows[[0, 7, 14, 21]])


def test_an_untrained_generator_hardly_moves_the_defaults():
    inputs = encoder()([LONG, SHORT])
    generator = Generator(feature_count(inputs), 12, GeneratorSettings(), key=jax.random.key(0))
    offsets = np.asarray(generator(inputs))
    # Weights of 0.01 on 32 hidden states below one.
    assert 0.0 < np.abs(offsets).max() < 0.1


def test_a_calibration_part_shorter_than_a_window_is_refused():
    with pytest.raises(
        ValueError, match="short: the calibration part has 192 steps, expected a window of 200"
    ):
        GeneratorEncoder.of([SHORT], BOTH, window=200, limit=1).features(SHORT)
