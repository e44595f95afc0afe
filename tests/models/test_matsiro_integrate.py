"""Runs cut into blocks, where their states are too many to keep, or into pieces: they are the same runs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matsiro_cases import box, defaults, season

from tilth.data.containers import Sites
from tilth.models.matsiro import integrate
from tilth.models.matsiro.model import Matsiro, source_forcing, stretches
from tilth.models.matsiro.state import initial_state


@pytest.mark.slow
@pytest.mark.parametrize("steps", [24, 120])
def test_blocks_change_neither_series_nor_gradients(steps, monkeypatch):
    """A block and a rest, and a rest alone."""
    sites = Sites.of([season("continental", "woodland", 80, 3)])
    model = Matsiro(box())
    forcing = jax.tree.map(lambda a: a[:steps], source_forcing(sites, stretches(sites)))

    def loss(thetas):
        column = model.columns(thetas, sites, np.array([0]), np.array([0]))
        mean = jnp.mean(forcing.air_temperature, axis=0)
        state = initial_state(mean, column.parameters["soil_porosity"])
        outputs, last = integrate._scan(column, state, forcing, model.options, ("Qle", "Qh"))
        return jnp.mean(outputs["Qle"] ** 2 + outputs["Qh"] ** 2), (outputs, last)

    def run():
        # A new function each time: the limit is no argument of it.
        (_, results), slopes = jax.jit(jax.value_and_grad(lambda x: loss(x), has_aux=True))(thetas)
        return jax.tree.leaves(results), np.asarray(slopes)

    thetas = jnp.asarray(defaults(box(), sites))
    whole, gradient = run()
    monkeypatch.setattr(integrate, "MOST_SAVED", 0)
    blocks, gradient_of_blocks = run()
    for kept, again in zip(whole, blocks, strict=True):
        assert kept.shape == again.shape
        np.testing.assert_allclose(np.asarray(again), np.asarray(kept), rtol=1e-9, atol=1e-9)
    assert np.abs(gradient).max() > 0.0
    np.testing.assert_allclose(gradient_of_blocks, gradient, rtol=1e-7, atol=1e-9 * np.abs(gradient).max())


@pytest.mark.slow
def test_pieces_are_the_run():
    """Two pieces and a rest, which the run does not have."""
    sites = Sites.of([season("continental", "woodland", 80, 3)])
    model = Matsiro(box(), output_names=("Qle", "Qh", "SoilMoist"))
    forcing = jax.tree.map(lambda a: a[:120], source_forcing(sites, stretches(sites)))
    column = model.columns(jnp.asarray(defaults(box(), sites)), sites, np.array([0]), np.array([0]))
    state = initial_state(jnp.mean(forcing.air_temperature, axis=0), column.parameters["soil_porosity"])
    names = model.output_names
    whole, last = integrate.integrate(column, state, forcing, model.options, names=names)
    pieces, end = integrate.in_pieces(column, state, forcing, model.options, names=names, piece=48)
    for name in names:
        np.testing.assert_allclose(pieces[name], whole[name], rtol=1e-12, atol=1e-12)
    for kept, again in zip(jax.tree.leaves(last), jax.tree.leaves(end), strict=True):
        np.testing.assert_allclose(np.asarray(again), np.asarray(kept), rtol=1e-12, atol=1e-12)


def test_every_piece_is_given_its_state_by_the_host(monkeypatch):
    """Code would be compiled anew for the state of the piece before, which is spread over devices."""
    sites = Sites.of([season("continental", "woodland", 80, 3)])
    model = Matsiro(box())
    forcing = source_forcing(sites, stretches(sites))
    column = model.columns(jnp.asarray(defaults(box(), sites)), sites, np.array([0]), np.array([0]))
    state = initial_state(jnp.mean(forcing.air_temperature, axis=0), column.parameters["soil_porosity"])
    given = []

    def of_a_piece(column, state, forcing, options, *, names):
        given.append(jax.tree.leaves(state))
        steps = forcing.air_temperature.shape[0]
        return {name: jnp.zeros((steps, 1)) for name in names}, jax.tree.map(
            lambda a: jnp.asarray(a) + 1, state
        )

    monkeypatch.setattr(integrate, "integrate", of_a_piece)
    series, end = integrate.in_pieces(column, state, forcing, model.options, names=("Qle",), piece=48)
    assert series["Qle"].shape == (144, 1) and len(given) == 3
    assert all(isinstance(leaf, np.ndarray) for leaves in given for leaf in leaves)
    for start, last in zip(jax.tree.leaves(state), jax.tree.leaves(end), strict=True):
        np.testing.assert_array_equal(np.asarray(last), np.asarray(start) + 3)
