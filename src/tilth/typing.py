"""Axis words and the array types that the whole package is annotated with.

Axis words: ``member`` (one parameter vector of an ensemble), ``site``, ``time``, ``layer`` (soil, from the
top), ``param``, ``task`` (a simulated flux), ``column`` (one run of the land model: a member at a site in
a window of time), ``window``, ``feature``, ``hidden``, ``batch``.
"""

from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

PerColumn = Float[Array, "*#column"]
"""A quantity at any number of independent columns; scalars broadcast."""

PerLayer = Float[Array, "layer *#column"]
"""A quantity in each soil layer (leading axis, from the top) of the columns."""

MemberSiteTime = Float[Array, "member site time"]
"""A simulated series."""

__all__ = ["Array", "Bool", "Float", "Int", "MemberSiteTime", "PRNGKeyArray", "PerColumn", "PerLayer"]
