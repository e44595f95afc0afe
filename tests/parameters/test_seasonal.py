import jax.numpy as jnp
import numpy as np
import pytest

from tilth.parameters.seasonal import seasonal_names
from tilth.parameters.space import ParameterSpace
from tilth.parameters.tables import parameter_table


def test_amplitudes_are_parameters_without_variation_by_default():
    names = (*seasonal_names(("vmax0",), "day-of-year"), *seasonal_names(("rlfn",), "lai"))
    assert names == ("vmax0.seasonal_cos", "vmax0.seasonal_sin", "rlfn.lai_slope")
    space = ParameterSpace.select(("vmax0", *names))
    assert space.defaults("woodland").tolist()[1:] == [0.0, 0.0, 0.0]
    unconstrained = space.to_unconstrained(jnp.asarray(space.defaults("woodland")))
    np.testing.assert_allclose(np.asarray(unconstrained)[1:], 0.0, atol=1e-15)
    assert not set(names) & set(parameter_table())


@pytest.mark.parametrize("name", ["vmax0.seasonal", "moss.seasonal_cos", ".lai_slope"])
def test_an_amplitude_of_nothing_is_unknown(name):
    with pytest.raises(ValueError, match="unknown parameters"):
        ParameterSpace.select((name,))
