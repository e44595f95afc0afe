"""Elementary functions of arrays that compile to fast vector code.

In double precision the compiler's own power takes 48 ns an element, where an exponential and a logarithm take
ten; its logistic function and its arctangent take 6 to 8 where these take 2 and 3 to 6.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

_TERMS, _TERMS_SINGLE = 21, 9
"""Terms of the series of the arctangent after which nothing changes in double and in single precision."""


def power(x: Float[Array, "..."], exponent: float) -> Array:
    """x to a constant power, for x > 0."""
    return jnp.exp(exponent * jnp.log(x))


@jax.custom_jvp
def sigmoid(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Logistic function 1/(1+e^-x), safe for any x."""
    decay = jnp.exp(-jnp.abs(x))
    return jnp.where(x < 0.0, decay, 1.0) / (1.0 + decay)


@sigmoid.defjvp
def _sigmoid_slope(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,), (change,) = primals, tangents
    y = sigmoid(x)
    return y, change * (y * (1.0 - y))


@jax.custom_jvp
def arctan(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Inverse tangent, by the series in the tangent of at most an eighth of pi, to two last digits."""
    size = jnp.abs(x)
    steep = size > 1.0
    low = jnp.where(steep, 1.0 / jnp.where(steep, size, 1.0), size)
    middle = low > math.sqrt(2.0) - 1.0
    y = jnp.where(middle, (low - 1.0) / (low + 1.0), low)
    angle = jnp.where(middle, 0.25 * math.pi, 0.0) + y * _series(y * y)
    return jnp.copysign(jnp.where(steep, 0.5 * math.pi - angle, angle), x)


@arctan.defjvp
def _arctan_slope(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,), (change,) = primals, tangents
    return arctan(x), change / (1.0 + x * x)


def _series(square: Array) -> Array:
    """Sum of (-square)^n / (2n+1).

    Summed in pairs, pairs of pairs and so on (Estrin's scheme): a processor waits for chains of products.
    """
    terms = _TERMS_SINGLE if square.dtype == jnp.float32 else _TERMS
    sums = [jnp.full_like(square, (-1.0) ** n / (2 * n + 1)) for n in range(terms)]
    factor = square
    while len(sums) > 1:
        pairs = [low + factor * high for low, high in zip(sums[::2], sums[1::2], strict=False)]
        sums = pairs + sums[len(pairs) * 2 :]
        factor = factor * factor
    return sums[0]
