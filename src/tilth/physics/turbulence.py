"""Exchange of momentum, heat and vapour between canopy, ground and air.

Roughness of a vegetated surface after Watanabe 1994 as in MATSIRO6 chapter 4, in inverse-logarithm form:
the roughness length for heat of the ground under a dense forest underflows, its logarithm does not.
Stability after Monin and Obukhov with the functions of Businger and Dyer.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from tilth.constants import GRAVITY, OBUKHOV_REFERENCE_TEMPERATURE, VON_KARMAN
from tilth.physics.dual import Number, arctan, computed_once, log, maximum, minimum, sqrt, value, where
from tilth.physics.elementary import power

LEAST_HEIGHT = 0.1
"""Least canopy height in the roughness laws [m]."""
SHALLOWEST_CLEARANCE = 2.0
"""Least height of the measurement above the canopy top [m]."""
LARGEST_DISPLACEMENT = 0.5
"""Largest displacement height over measurement height [-]."""
GUSTINESS = 0.5
"""Wind speed added in quadrature for calm air [m s-1]."""
LEAST_ZETA = -5.0
"""Lower limit of the stability parameter [-]."""
LARGEST_GROUND_SHARE = 0.999
"""Largest share of the ground in the exchange of heat [-]."""


class Roughness(NamedTuple):
    """Inverse logarithms of the roughness laws, and lengths [m]."""

    momentum: Array
    """1/ln((h-d)/z0)."""
    heat: Array
    """1/ln((h-d)/zT), canopy and ground together."""
    ground_heat: Array
    """1/ln((h-d)/zT+), ground alone."""
    above_displacement: Array
    """Canopy height less displacement height [m]."""
    displacement: Array


class LogProfiles(NamedTuple):
    """Neutral profile functions between the surface and the measurement height."""

    momentum: Array
    heat: Array
    ground: Array
    height: Array
    """Measurement height above displacement [m]."""


class Exchange(NamedTuple):
    """Bulk coefficients [-]: momentum, heat from the ground, heat from the canopy."""

    momentum: Any
    ground: Any
    canopy: Any


def roughness(
    height: Float[Array, "..."],
    leaf_area: Float[Array, "..."],
    leaf_drag: Float[Array, "..."],
    *,
    leaf_heat_exchange: Float[Array, "..."],
    ground_momentum: Float[Array, "..."],
    ground_heat: Float[Array, "..."],
) -> Roughness:
    """Roughness of a canopy over the ground (Watanabe 1994; MATSIRO6 chapter 4).

    ``height`` of the canopy [m], ``leaf_area`` [m2 m-2], ``leaf_drag`` and ``leaf_heat_exchange`` the
    exchange coefficients of a leaf [-], ``ground_momentum`` and ``ground_heat`` the ground's roughness
    lengths [m].
    """
    density = jnp.maximum(leaf_drag * leaf_area / (2.0 * VON_KARMAN**2), 1e-6)
    ratio = leaf_heat_exchange / leaf_drag
    above = -height * jnp.expm1(-density) / density
    log_momentum = -jnp.log(ground_momentum / height)
    log_heat = -jnp.log(ground_heat / height)
    fading = -jnp.expm1(-density)

    momentum = power(fading + power(log_momentum, -1.0 / 0.45) * jnp.exp(-2.0 * density), 0.45)
    p1 = 0.0115 * jnp.exp(-0.1 * log_heat + 5.0 * jnp.exp(-0.22 * log_heat))
    p2 = 0.55 * jnp.exp(-0.58 * jnp.exp(-0.35 * log_heat))
    screening = -p2 * jnp.log(1.0 + density * jnp.exp(density) / p1)
    ground = jnp.exp(screening) / log_heat

    dense = 0.5 * (jnp.sqrt(1.0 + 8.0 * ratio) - 1.0)
    sparse = momentum * ground
    p3 = power(ratio + 0.084 * jnp.exp(-15.0 * ratio), 0.15)
    p4 = 2.0 * power(ratio, 1.1)
    product = dense * power(
        -jnp.expm1(-p3 * density) + power(sparse / dense, 1.0 / 0.9) * jnp.exp(-p4 * density), 0.9
    )
    return Roughness(momentum, product / momentum, ground, above, height - above)


def log_profiles(
    rough: Roughness,
    height: Float[Array, "..."],
    measurement_height: Float[Array, "..."],
    snow_depth: Float[Array, "..."] | float = 0.0,
) -> LogProfiles:
    """Neutral profiles up to the measurement height [m] over a canopy of ``height`` [m] above snow.

    The measurement height is kept two metres above the canopy since a calibrated canopy may outgrow its
    tower, by a maximum that is smooth over one metre and exact outside; displacement is at most half of the
    measurement height. Where the guard binds, the derivative to canopy height partly reflects it.
    """
    lowest = height + SHALLOWEST_CLEARANCE
    difference = measurement_height - lowest
    blend = 0.25 * (jnp.clip(difference, -1.0, 1.0) + 1.0) ** 2
    reference = lowest + jnp.where(jnp.abs(difference) < 1.0, blend, jnp.maximum(difference, 0.0))
    displacement = jnp.minimum(rough.displacement + snow_depth, LARGEST_DISPLACEMENT * reference)
    clearance = reference - displacement
    offset = jnp.log(clearance / rough.above_displacement)
    return LogProfiles(
        offset + 1.0 / rough.momentum,
        offset + 1.0 / rough.heat,
        offset + 1.0 / rough.ground_heat,
        clearance,
    )


def stability_functions(zeta: Number, *fractions: Float[Array, "..."]) -> tuple[Any, ...]:
    """Integrated stability corrections between zeta and zeta e^-L [-].

    ``fractions`` are e^-L of momentum and then of one or more heat profiles. With x = (1-16 zeta)^(1/4) and
    x0 the same at the lower end, momentum -[2 ln((1+x)/(1+x0)) + ln((1+x^2)/(1+x0^2)) - 2 atan x + 2 atan
    x0], heat -2 ln((1+x^2)/(1+x0^2)) (Businger 1971, Dyer 1974, Paulson 1970); 5 (zeta - zeta0) in stable
    air. The lower end keeps the corrected profile positive over tall canopies; the slope has a kink at 0.
    """
    unstable = value(zeta) < 0.0
    negative = minimum(zeta, 0.0)
    square = sqrt(1.0 - 16.0 * negative)
    fourth = sqrt(square)
    results = []
    for position, fraction in enumerate(fractions):
        square0 = sqrt(1.0 - 16.0 * (negative * fraction))
        stable = 5.0 * (zeta * (1.0 - fraction))
        if position == 0:
            fourth0 = sqrt(square0)
            ratio = (1.0 + fourth) / (1.0 + fourth0)
            angle = arctan((fourth - fourth0) / (1.0 + fourth * fourth0))
            convective = 2.0 * angle - log(ratio * ratio * ((1.0 + square) / (1.0 + square0)))
        else:
            convective = -2.0 * log((1.0 + square) / (1.0 + square0))
        results.append(where(unstable, convective, stable))
    return tuple(results)


class Surface(NamedTuple):
    """What the stability iteration needs of a column: profiles, wind, potential temperature of the air."""

    profiles: LogProfiles
    momentum_fraction: Array
    heat_fraction: Array
    ground_fraction: Array
    wind: Array
    air_temperature: Array


def prepare(profiles: LogProfiles, wind: Float[Array, "..."], air: Float[Array, "..."]) -> Surface:
    """Constants of the stability iteration; ``wind`` with gustiness [m s-1], ``air`` potential [K]."""
    return Surface(
        profiles,
        jnp.exp(-profiles.momentum),
        jnp.exp(-profiles.heat),
        jnp.exp(-profiles.ground),
        wind,
        air,
    )


def gusty_wind(speed: Float[Array, "..."]) -> Array:
    """Wind speed with gustiness in quadrature [m s-1]."""
    return jnp.sqrt(speed * speed + GUSTINESS**2)


def exchange(
    surface: Surface, ground_temperature: Number, canopy_temperature: Number, largest_zeta: float
) -> Exchange:
    """Bulk coefficients at given surface temperatures [K], by two iterations from neutral.

    MATSIRO6 chapter 4; the Obukhov length carries the sign that makes a warmer surface unstable, which the
    document omits. ``largest_zeta`` bounds stability (0.5 as in CLM5).
    """
    p = surface.profiles
    neutral = VON_KARMAN**2
    momentum: Any = neutral / (p.momentum * p.momentum)
    ground: Any = neutral / (p.momentum * p.ground)
    total: Any = neutral / (p.momentum * p.heat)
    ground = jnp.minimum(ground, LARGEST_GROUND_SHARE * total)
    ground_excess = ground_temperature - surface.air_temperature
    canopy_excess = canopy_temperature - surface.air_temperature
    buoyancy = (
        -p.height * VON_KARMAN * GRAVITY / (OBUKHOV_REFERENCE_TEMPERATURE * surface.wind * surface.wind)
    )
    for _ in range(2):
        scale = buoyancy / (momentum * sqrt(momentum))
        from_ground = ground * ground_excess
        zeta = computed_once(_bounded(scale * (from_ground + (total - ground) * canopy_excess), largest_zeta))
        zeta_ground = computed_once(_bounded(scale * from_ground, largest_zeta))
        psi_m, psi_h = stability_functions(zeta, surface.momentum_fraction, surface.heat_fraction)
        psi_mg, psi_hg = stability_functions(zeta_ground, surface.momentum_fraction, surface.ground_fraction)
        inverse = 1.0 / (p.momentum + psi_m)
        momentum = neutral * inverse * inverse
        total = neutral * inverse / (p.heat + psi_h)
        ground = minimum(
            neutral / ((p.momentum + psi_mg) * (p.ground + psi_hg)), LARGEST_GROUND_SHARE * total
        )
        momentum, ground, total = computed_once((momentum, ground, total))
    return Exchange(momentum, ground, total - ground)


def _bounded(zeta: Number, largest: float) -> Any:
    return maximum(minimum(zeta, largest), LEAST_ZETA)
