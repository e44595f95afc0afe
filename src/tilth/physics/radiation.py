"""Short-wave radiation in a canopy (two streams with clumping) and the albedo of the ground.

MATSIRO6 chapter 3 after Watanabe and Ohtani 1995; where(s) of the closed form and its limits are on the
documentation page of radiation.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from tilth.constants import SOLAR_CONSTANT
from tilth.physics.elementary import sigmoid

LEAF_ORIENTATION = 0.5
"""Projection of randomly oriented leaves [-]."""
DIFFUSIVITY = 1.66164
"""Secant of 53 degrees: slant of diffuse radiation [-]."""
LARGEST_SCATTERING = 0.96
"""Largest reflectance plus transmittance of a leaf [-]."""


class TwoStream(NamedTuple):
    """Fractions of what comes in: reflected (``albedo``) and absorbed by the ground, for beam and diffuse."""

    albedo_beam: Array
    albedo_diffuse: Array
    ground_beam: Array
    ground_diffuse: Array


class ShortWave(NamedTuple):
    """Short-wave fluxes [W m-2] and the downward photosynthetically active part [W m-2]."""

    upward: Array
    ground: Array
    canopy: Array
    photosynthetic: Array


class Sky(NamedTuple):
    """Downward short-wave radiation by band and direction [W m-2], with the cosine of the zenith angle."""

    visible_beam: Array
    visible_diffuse: Array
    infrared_beam: Array
    infrared_diffuse: Array
    cos_zenith: Array


def limited_scattering(reflectance: Array, transmittance: Array) -> tuple[Array, Array]:
    """Leaf reflectance and transmittance scaled so that their sum stays below 0.96.

    Their ranges allow sums above one, where the two-stream equations have no real solution. The bound is
    exact, so values below it are unchanged.
    """
    factor = jnp.minimum(1.0, LARGEST_SCATTERING / (reflectance + transmittance))
    return reflectance * factor, transmittance * factor


def mixed_scattering(reflectance: Array, transmittance: Array) -> tuple[Array, Array]:
    """Backward and forward scattering of randomly oriented leaves (MATSIRO6 chapter 3)."""
    return (
        0.75 * reflectance + 0.25 * transmittance,
        0.75 * transmittance + 0.25 * reflectance,
    )


def diffuse_extinction(reflectance: Array, transmittance: Array) -> Array:
    """Extinction of diffuse radiation per leaf area [-]: F d_f sqrt((1-t)^2 - r^2), scattering mixed."""
    return LEAF_ORIENTATION * DIFFUSIVITY * jnp.sqrt((1.0 - transmittance) ** 2 - reflectance**2)


def two_stream(
    reflectance: Array,
    transmittance: Array,
    leaf_area: Array,
    cos_zenith: Array,
    *,
    ground_beam_albedo: Array,
    ground_diffuse_albedo: Array,
) -> TwoStream:
    """Albedo and ground absorption of a uniform canopy in one band.

    ``reflectance`` and ``transmittance`` [-] are those after mixing of directions, ``leaf_area`` [m2 m-2]
    per area of canopy, ``cos_zenith`` [-] at least 0.05. Closed solution of dB/dL = -F s B,
    dD/dL = -F d_f (1-t) D + F t s B + F r d_f U, dU/dL = F d_f (1-t) U - F r (d_f D + s B) with
    U = a_d B + a_r D at the ground. Where the slant s comes within 0.01 % (0.3 % in single precision) of the
    removable singularity d_f sqrt((1-t)^2 - r^2), s is moved off it everywhere at once.
    """
    r = jnp.maximum(reflectance, 1e-4)
    t = transmittance
    root = jnp.sqrt((1.0 - t) ** 2 - r**2)
    resonance = DIFFUSIVITY * root
    near = 3e-3 if r.dtype == jnp.float32 else 1e-4
    slant = 1.0 / cos_zenith
    close = jnp.abs(slant / resonance - 1.0) < near
    slant = jnp.where(close, slant + jax.lax.stop_gradient(resonance * (1.0 + near) - slant), slant)

    a1 = (1.0 - t + root) / r
    a2 = (1.0 - t - root) / r
    decay = jnp.exp(-LEAF_ORIENTATION * resonance * leaf_area)
    beam = jnp.exp(-LEAF_ORIENTATION * slant * leaf_area)
    denominator = resonance**2 - slant**2
    c3 = slant * (t * slant + DIFFUSIVITY * (t * (1.0 - t) + r**2)) / denominator
    c4 = r * slant * (DIFFUSIVITY - slant) / denominator
    x = (a1 - ground_diffuse_albedo) - (a2 - ground_diffuse_albedo) * decay**2
    k = c3 * ground_diffuse_albedo + ground_beam_albedo - c4

    albedo_diffuse = (a2 * (a1 - ground_diffuse_albedo) - a1 * (a2 - ground_diffuse_albedo) * decay**2) / x
    albedo_beam = -c3 * albedo_diffuse + c4 + (a1 - a2) * k * beam * decay / x
    through = (1.0 - a2) * (a1 - ground_diffuse_albedo) - (1.0 - a1) * (a2 - ground_diffuse_albedo)
    ground_diffuse = through * decay / x
    ground_beam = -c3 * ground_diffuse + (k * ((1.0 - a1) - (1.0 - a2) * decay**2) / x + c3 - c4 + 1.0) * beam
    return TwoStream(albedo_beam, albedo_diffuse, ground_beam, ground_diffuse)


def clumped(stream: TwoStream, cover: Array, beam_albedo: Array, diffuse_albedo: Array) -> TwoStream:
    """The mean over the covered fraction ``cover`` [-] of the ground and the bare rest."""
    bare = 1.0 - cover
    return TwoStream(
        cover * stream.albedo_beam + bare * beam_albedo,
        cover * stream.albedo_diffuse + bare * diffuse_albedo,
        cover * stream.ground_beam + bare * (1.0 - beam_albedo),
        cover * stream.ground_diffuse + bare * (1.0 - diffuse_albedo),
    )


def snow_albedo(albedo: Array, cosine: Array | float) -> Array:
    """Albedo of snow under radiation from an angle: a + 0.4 a (1-a) (1-cos)^5 (MATSIRO6 chapter 3)."""
    return albedo + 0.4 * albedo * (1.0 - albedo) * (1.0 - cosine) ** 5


def split_sky(shortwave_down: Array, cos_zenith: Array) -> Sky:
    """Total short-wave radiation [W m-2] split into beam and diffuse, half of it visible.

    Diffuse fraction 1/(1 + exp(-5 + 8.6 k)) of the clearness k (Boland et al. 2008,
    doi:10.1016/j.renene.2007.04.012). With the sun below the horizon everything is diffuse; the cosine is
    kept at 0.05 or above.
    """
    up = cos_zenith > 0.0
    cosine = jnp.maximum(cos_zenith, 0.05)
    clearness = jnp.clip(shortwave_down / (SOLAR_CONSTANT * cosine), 0.0, 1.5)
    diffuse_fraction = jnp.where(up, sigmoid(5.0 - 8.6 * clearness), 1.0)
    diffuse = 0.5 * shortwave_down * diffuse_fraction
    beam = 0.5 * shortwave_down * (1.0 - diffuse_fraction)
    return Sky(beam, diffuse, beam, diffuse, cosine)


def absorbed(sky: Sky, visible: TwoStream, infrared: TwoStream) -> ShortWave:
    """Short-wave fluxes of ground and canopy from the fractions of both bands."""
    streams = (
        (sky.visible_beam, visible.albedo_beam, visible.ground_beam),
        (sky.visible_diffuse, visible.albedo_diffuse, visible.ground_diffuse),
        (sky.infrared_beam, infrared.albedo_beam, infrared.ground_beam),
        (sky.infrared_diffuse, infrared.albedo_diffuse, infrared.ground_diffuse),
    )
    zero = jnp.zeros_like(sky.visible_beam)
    total = sum((s[0] for s in streams), start=zero)
    upward = sum((s[0] * s[1] for s in streams), start=zero)
    ground = sum((s[0] * s[2] for s in streams), start=zero)
    return ShortWave(upward, ground, total - upward - ground, sky.visible_beam + sky.visible_diffuse)
