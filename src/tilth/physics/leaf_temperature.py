"""How the kinetics of a leaf depend on its temperature.

Lawrence et al. 2019, doi:10.1029/2018MS001583 (CLM5 technical note, chapter 9). The exponents stay within
the range of float32 for leaf temperatures from 230 to 340 K.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from tilth.constants import GAS_CONSTANT

Points = Float[Array, "*#point"]
REFERENCE_TEMPERATURE = 298.15
"""Temperature at which rates are standardised [K]."""


def arrhenius_factor(temperature: Points, activation_energy: float) -> Points:
    """Rate at ``temperature`` [K] over the rate at 25 °C [-]: ``exp(Ha / (R 298.15) (1 - 298.15 / T))``.

    ``activation_energy`` Ha in [J mol-1]; CLM5 technical note, equation 9.9.
    """
    scale = activation_energy / (GAS_CONSTANT * REFERENCE_TEMPERATURE)
    return jnp.exp(scale * (1.0 - REFERENCE_TEMPERATURE / temperature))


def deactivation_factor(temperature: Points, deactivation_energy: float, entropy: Points) -> Points:
    """Loss of a rate above its optimum, one at 25 °C [-] (CLM5 technical note, equation 9.10).

    ``deactivation_energy`` Hd in [J mol-1], ``entropy`` dS in [J mol-1 K-1].
    """

    def activity(kelvin: Points) -> Points:
        return 1.0 + jnp.exp((entropy * kelvin - deactivation_energy) / (GAS_CONSTANT * kelvin))

    return activity(jnp.asarray(REFERENCE_TEMPERATURE, temperature.dtype)) / activity(temperature)


def acclimated_entropy(growth_temperature: Points, intercept: float, slope: float) -> Points:
    """Entropy of deactivation [J mol-1 K-1] of leaves grown at ``growth_temperature`` [degC].

    ``intercept - slope t10`` with the 10-day mean air temperature held within 11 to 35 °C, where it was
    observed (Kattge and Knorr 2007, doi:10.1111/j.1365-3040.2007.01690.x); no gradient outside.
    """
    return intercept - slope * jnp.clip(growth_temperature, 11.0, 35.0)


def doubling_factor(temperature: Points) -> Points:
    """Factor that doubles every 10 K and is one at 25 °C [-], for C4 leaves (Collatz et al. 1992)."""
    return 2.0 ** ((temperature - REFERENCE_TEMPERATURE) / 10.0)
