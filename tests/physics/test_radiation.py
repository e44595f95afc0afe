"""Two-stream radiation: reference numbers, limits, conservation, guards."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sparse
import scipy.sparse.linalg as linear

from tilth.physics import radiation

REFERENCE = [
    ((0.10, 0.05, 0.11, 4.0, 0.6), (0.046964, 0.046897, 0.039796, 0.040133)),
    ((0.45, 0.25, 0.225, 4.0, 0.6), (0.312315, 0.311965, 0.111100, 0.111495)),
    ((0.58, 0.25, 0.225, 1.5, 0.3), (0.481092, 0.379531, 0.266760, 0.410883)),
]
"""Leaf reflectance and transmittance, ground albedo, leaf area, cosine of the zenith; the four fractions."""


def fractions(reflectance, transmittance, albedo, leaf_area, cosine):
    numbers = jnp.broadcast_arrays(*map(jnp.asarray, (reflectance, transmittance, albedo, leaf_area, cosine)))
    r, t, a, area, mu = (jnp.asarray(n, float) for n in numbers)
    return radiation.two_stream(r, t, area, mu, ground_beam_albedo=a, ground_diffuse_albedo=a)


@pytest.mark.parametrize(("given", "expected"), REFERENCE)
def test_reference_numbers(given, expected):
    mixed = radiation.mixed_scattering(*map(jnp.asarray, given[:2]))
    np.testing.assert_allclose(np.array(fractions(*mixed, *given[2:])), expected, rtol=1e-5, atol=5e-7)


def test_solves_the_two_stream_equations():
    """The closed form against finite differences of the differential equations on a fine grid."""
    r, t, a, area, mu = 0.2, 0.1, 0.15, 2.0, 0.55
    f, d, s = radiation.LEAF_ORIENTATION, radiation.DIFFUSIVITY, 1.0 / mu
    count = 4001
    depth = area / (count - 1)
    beam = np.exp(-f * s * np.linspace(0.0, area, count))
    rows = sparse.lil_matrix((2 * count, 2 * count))
    right = np.zeros(2 * count)
    rows[0, 0] = 1.0
    for i in range(count - 1):
        middle = 0.5 * (beam[i] + beam[i + 1])
        row = 1 + 2 * i
        for j, sign in ((i, -1.0), (i + 1, 1.0)):
            rows[row, j] = sign / depth + 0.5 * f * d * (1 - t)
            rows[row, count + j] = -0.5 * f * r * d
            rows[row + 1, count + j] = sign / depth - 0.5 * f * d * (1 - t)
            rows[row + 1, j] = 0.5 * f * r * d
        right[row], right[row + 1] = f * t * s * middle, -f * r * s * middle
    rows[-1, -1], rows[-1, count - 1] = 1.0, -a
    right[-1] = a * beam[-1]
    solution = linear.spsolve(rows.tocsc(), right)
    upward, down = solution[count], solution[count - 1] + beam[-1]
    found = fractions(r, t, a, area, mu)
    assert float(found.albedo_beam) == pytest.approx(upward, rel=1e-6)
    assert float(found.ground_beam) == pytest.approx((1 - a) * down, rel=1e-6)


def test_without_leaves_only_the_ground_counts():
    found = fractions(0.2, 0.1, 0.15, 1e-12, 0.5)
    np.testing.assert_allclose(np.array(found), [0.15, 0.15, 0.85, 0.85], atol=1e-10)


def test_without_cover_only_the_ground_counts():
    ground = jnp.asarray(0.15)
    found = radiation.clumped(fractions(0.2, 0.1, 0.15, 4.0, 0.5), jnp.asarray(0.0), ground, ground)
    np.testing.assert_allclose(np.array(found), [0.15, 0.15, 0.85, 0.85], atol=1e-15)


def test_black_leaves_pass_the_beam_that_misses_them():
    area, mu, albedo = 1.5, 0.7, 0.2
    found = fractions(1e-12, 0.0, albedo, area, mu)
    beam = np.exp(-0.5 * area / mu)
    diffuse = np.exp(-0.5 * radiation.DIFFUSIVITY * area)
    assert float(found.ground_beam) == pytest.approx((1 - albedo) * beam, rel=2e-4)
    assert float(found.ground_diffuse) == pytest.approx((1 - albedo) * diffuse, rel=2e-4)
    assert float(found.albedo_beam) == pytest.approx(albedo * beam * diffuse, abs=1e-4)


def test_a_deep_canopy_hides_the_ground():
    r, t = 0.3, 0.2
    root = np.sqrt((1 - t) ** 2 - r**2)
    found = fractions(r, t, np.array([0.0, 0.5]), 60.0, 0.5)
    np.testing.assert_allclose(np.array(found.albedo_diffuse), (1 - t - root) / r, rtol=1e-6)
    assert float(jnp.max(found.ground_beam)) < 1e-6


def test_what_goes_in_is_reflected_or_absorbed():
    rng = np.random.default_rng(0)
    draws = [jnp.asarray(rng.uniform(a, b, 2000)) for a, b in ((0.05, 0.6), (0.0, 0.35), (0.05, 0.9))]
    reflectance, transmittance = radiation.mixed_scattering(*radiation.limited_scattering(*draws[:2]))
    area, cosine = jnp.asarray(rng.uniform(0.0, 8.0, 2000)), jnp.asarray(rng.uniform(0.05, 1.0, 2000))
    stream = fractions(reflectance, transmittance, draws[2], area, cosine)
    cover = jnp.asarray(rng.uniform(0.1, 1.0, 2000))
    stream = radiation.clumped(stream, cover, draws[2], draws[2])
    values = np.array(stream)
    assert values.min() > -1e-12
    # The canopy absorbs what is neither reflected nor absorbed by the ground; never less than nothing.
    assert (values[0] + values[2]).max() < 1 + 1e-9
    assert (values[1] + values[3]).max() < 1 + 1e-9
    sky = radiation.split_sky(jnp.asarray(rng.uniform(0.0, 1000.0, 2000)), cosine)
    short = radiation.absorbed(sky, stream, stream)
    down = sky.visible_beam + sky.visible_diffuse + sky.infrared_beam + sky.infrared_diffuse
    np.testing.assert_allclose(
        np.asarray(short.upward + short.ground + short.canopy), np.asarray(down), rtol=1e-12
    )


def test_nothing_jumps_at_the_removable_singularity():
    r, t = 0.0875, 0.0625
    at = 1.0 / (radiation.DIFFUSIVITY * np.sqrt((1 - t) ** 2 - r**2))
    cosine = at * (1 + np.linspace(-0.01, 0.01, 401))

    def beam(mu):
        return fractions(r, t, 0.11, 4.0, mu)

    values = np.array(beam(cosine))
    assert np.isfinite(values).all()
    smooth = np.polynomial.Polynomial.fit(cosine, values[2], 2)(cosine)
    np.testing.assert_allclose(values[2], smooth, atol=1e-3)
    slope = jax.vmap(jax.grad(lambda mu: beam(mu).ground_beam))(jnp.asarray(cosine))
    assert np.isfinite(np.asarray(slope)).all()


def test_scattering_stays_below_one():
    r, t = radiation.limited_scattering(jnp.asarray([0.7, 0.3]), jnp.asarray([0.5, 0.2]))
    np.testing.assert_allclose(np.asarray(r + t), [0.96, 0.5], rtol=1e-15)
    np.testing.assert_array_equal(np.asarray(r)[1], 0.3)
    a, b = radiation.mixed_scattering(r, t)
    np.testing.assert_allclose(np.asarray(a + b), np.asarray(r + t), rtol=1e-15)


def test_sky_is_split_without_loss_and_all_diffuse_at_night():
    sky = radiation.split_sky(jnp.asarray([700.0, 5.0, 0.0]), jnp.asarray([0.8, -0.1, -0.5]))
    total = sky.visible_beam + sky.visible_diffuse + sky.infrared_beam + sky.infrared_diffuse
    np.testing.assert_allclose(np.asarray(total), [700.0, 5.0, 0.0], rtol=1e-15)
    np.testing.assert_array_equal(np.asarray(sky.visible_beam)[1:], 0.0)
    assert float(sky.cos_zenith.min()) == 0.05
    clearness = 700.0 / (1361.0 * 0.8)
    share = float(sky.visible_diffuse[0] / (sky.visible_beam[0] + sky.visible_diffuse[0]))
    assert share == pytest.approx(1.0 / (1.0 + np.exp(-5.0 + 8.6 * clearness)), rel=1e-12)


def test_low_sun_brightens_snow():
    albedo = radiation.snow_albedo(jnp.asarray([0.8, 0.8]), jnp.asarray([1.0, 0.0]))
    np.testing.assert_allclose(np.asarray(albedo), [0.8, 0.8 + 0.4 * 0.8 * 0.2], rtol=1e-15)
