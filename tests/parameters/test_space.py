import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tilth.parameters.parameter import PLANT_CLASSES
from tilth.parameters.space import INSIDE, ParameterSpace
from tilth.parameters.tables import CALIBRATED, parameter_table, soil_classes

SPACE = ParameterSpace.select(tuple(parameter_table()))


def test_bijection_returns_what_it_was_given():
    fractions = jax.random.uniform(jax.random.key(0), (200, len(SPACE.names)), minval=0.02, maxval=0.98)
    theta = SPACE.from_fraction(fractions)
    # A logit and its inverse lose about eight units of the last place of the fraction near the ends.
    np.testing.assert_allclose(SPACE.fraction(theta), fractions, rtol=1e-12)
    np.testing.assert_allclose(SPACE.to_physical(SPACE.to_unconstrained(theta)), theta, rtol=1e-12)


def test_every_real_number_is_inside_the_bounds():
    wild = 30.0 * jax.random.normal(jax.random.key(1), (1000, len(SPACE.names)))
    SPACE.check(np.asarray(SPACE.to_physical(wild)))


def test_middle_of_a_logarithmic_range_is_the_geometric_mean():
    space = ParameterSpace.select(("vegh",))
    np.testing.assert_allclose(space.to_physical(jnp.zeros(1)), [np.sqrt(0.5 * 40.0)])


def test_middle_of_a_linear_range_is_the_arithmetic_mean():
    space = ParameterSpace.select(("rlfv",))
    np.testing.assert_allclose(space.to_physical(jnp.zeros(1)), [0.5 * (0.05 + 0.3)])


@pytest.mark.parametrize("plant_class", PLANT_CLASSES)
def test_defaults_are_exact_or_one_percent_inside(plant_class):
    theta = jnp.asarray(SPACE.defaults(plant_class))
    fraction = SPACE.fraction(theta)
    expected = SPACE.from_fraction(jnp.clip(fraction, INSIDE, 1.0 - INSIDE))
    np.testing.assert_allclose(SPACE.to_physical(SPACE.to_unconstrained(theta)), expected, rtol=1e-12)


def test_default_on_its_bound_starts_one_percent_inside():
    space = ParameterSpace.select(("vgcov",))
    start = space.to_physical(space.to_unconstrained(jnp.asarray(space.defaults("grassland"))))
    assert space.defaults("grassland")[0] == 1.0
    np.testing.assert_allclose(start, [0.1 + 0.99 * 0.9])


def test_at_bound_is_within_one_percent_of_the_range():
    space = ParameterSpace.select(("vegh", "rlfv"))
    positions = jnp.asarray([[0.0, 1.0], [0.0099, 0.9901], [0.011, 0.989], [0.5, 0.5]])
    found = space.at_bound(np.asarray(space.from_fraction(positions)))
    np.testing.assert_array_equal(found, [[True, True], [True, True], [False, False], [False, False]])


def test_gradient_through_the_bijection_is_finite_at_the_bounds():
    def total(unconstrained):
        return jnp.sum(SPACE.to_physical(unconstrained))

    for value in (-40.0, 0.0, 40.0):
        assert jnp.all(jnp.isfinite(jax.grad(total)(jnp.full(len(SPACE.names), value))))


def test_single_precision_stays_single():
    theta = jnp.asarray(SPACE.defaults("woodland"), jnp.float32)
    assert SPACE.to_physical(SPACE.to_unconstrained(theta)).dtype == jnp.float32


def test_narrower_bounds_replace_those_of_the_table():
    space = ParameterSpace.select(("vegh", "rlfv"), {"vegh": (10.0, 30.0)})
    np.testing.assert_array_equal(space.lower, [10.0, 0.05])
    np.testing.assert_array_equal(space.upper, [30.0, 0.3])


def test_the_calibrated_parameters_are_the_twelve_of_the_paper():
    assert len(CALIBRATED) == len(set(CALIBRATED)) == 12
    assert ParameterSpace.select(CALIBRATED).names == CALIBRATED


@pytest.mark.parametrize(
    ("names", "bounds", "message"),
    [
        (
            ("vegh", "height"),
            None,
            r"unknown parameters \['height'\]: expected names out of .*'vegh'",
        ),
        (("vegh",), {"hight": (1.0, 2.0)}, r"unknown parameters \['hight'\]"),
        (("vegh", "vegh"), None, r"named once each, got \['vegh', 'vegh'\]"),
        (
            ("vegh",),
            {"vegh": (0.1, 2.0)},
            r"vegh must lie inside \[0.5, 40.0\] m, got \[0.1, 2.0\]",
        ),
        (("vegh",), {"vegh": (3.0, 2.0)}, r"bounds of vegh must lie inside"),
    ],
)
def test_wrong_selections_are_refused(names, bounds, message):
    with pytest.raises(ValueError, match=message):
        ParameterSpace.select(names, bounds)


@pytest.mark.parametrize("value", [41.0, 0.4, float("nan")])
def test_values_outside_their_bounds_are_named(value):
    space = ParameterSpace.select(("vegh", "rlfv"))
    with pytest.raises(ValueError, match=r"outside their bounds: vegh = \[.*\] not in \[0.5, 40.0\] m$"):
        space.check(np.array([[20.0, 0.1], [value, 0.1]]))


def test_unknown_classes_have_no_default():
    with pytest.raises(ValueError, match=r"vegh has no default for 'desert': expected one of .*'evergreen'"):
        SPACE.defaults("desert")
    with pytest.raises(ValueError, match="soil_b has no default for 'mud': expected one of"):
        SPACE.defaults("evergreen", soil="mud")


def test_every_soil_has_defaults():
    for soil in soil_classes():
        assert np.all(np.isfinite(SPACE.defaults("evergreen", soil)))
