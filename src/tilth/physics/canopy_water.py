"""Water held by leaves: interception, evaporation, drip and freezing (MATSIRO6 chapter 7)."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array

from tilth.constants import DENSITY_WATER, LATENT_HEAT_FUSION
from tilth.typing import PerColumn

DRIP_RATE, DRIP_GROWTH = 1.14e-11, 3.7e3
"""Rutter's gravity drip D1 exp(D2 w): D1 [m s-1], D2 [m-1] (Rutter 1975)."""


class CanopyWater(NamedTuple):
    """Canopy water after a step."""

    store: Array
    """Water on the leaves [m]."""
    frozen: Array
    """Frozen fraction [-]."""
    rain: Array
    """Liquid through-fall and drip [kg m-2 s-1]."""
    snowfall: Array
    """Solid through-fall [kg m-2 s-1]."""
    heat: Array
    """Heat of freezing given to the ground below [W m-2]; negative when canopy ice melts."""


class CanopyFluxes(NamedTuple):
    """What acts on canopy water over a step, per ground area [kg m-2 s-1]."""

    rain: Array
    snowfall: Array
    evaporation: Array
    sublimation: Array


def intercepted_fraction(leaf_area: PerColumn) -> Array:
    """Fraction of precipitation that falls on leaves [-]: min(LAI, 1), smooth as L/(1+L^4)^(1/4)."""
    return leaf_area / jnp.sqrt(jnp.sqrt(1.0 + leaf_area**4))


def update_canopy_water(
    store: PerColumn,
    frozen: PerColumn,
    fluxes: CanopyFluxes,
    *,
    frozen_next: PerColumn,
    capacity: PerColumn,
    leaf_area: PerColumn,
    step: PerColumn,
) -> CanopyWater:
    """Canopy water after a step of ``step`` [s].

    ``store`` and ``capacity`` in [m]; ``frozen`` is the frozen fraction so far and ``frozen_next`` that of
    the present canopy temperature. What a phase lacks is taken from the other, drip carries the phases as
    they are mixed, and the final change of phase is paid in heat. All precipitation counts as stratiform.
    """
    per_metre = step / DENSITY_WATER
    fraction = intercepted_fraction(leaf_area)
    liquid = store * (1.0 - frozen) + (fraction * fluxes.rain - fluxes.evaporation) * per_metre
    ice = store * frozen + (fraction * fluxes.snowfall - fluxes.sublimation) * per_metre
    total = liquid + ice
    overflow = jnp.maximum(total - capacity, 0.0)
    held = jnp.maximum(total - overflow, 0.0)
    gravity = DRIP_RATE * jnp.exp(DRIP_GROWTH * jnp.minimum(held, 0.005)) * step
    drip = overflow + jnp.minimum(gravity, held)
    solid_share = jnp.clip(ice / jnp.maximum(total, 1e-12), 0.0, 1.0)
    drip_ice = drip * solid_share
    drip_liquid = drip - drip_ice
    remaining = total - drip
    ice_next = remaining * frozen_next
    heat = LATENT_HEAT_FUSION * DENSITY_WATER * (ice_next - (ice - drip_ice)) / step
    to_rate = DENSITY_WATER / step
    return CanopyWater(
        remaining,
        frozen_next,
        (1.0 - fraction) * fluxes.rain + drip_liquid * to_rate,
        (1.0 - fraction) * fluxes.snowfall + drip_ice * to_rate,
        heat,
    )
