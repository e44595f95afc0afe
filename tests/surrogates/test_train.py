import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from helpers_models import SPACE, AnalyticModel, small_sites
from tilth.ensembles.design import sobol
from tilth.ensembles.run import run_ensemble
from tilth.ensembles.store import EnsembleStore
from tilth.networks.training import TrainingSettings
from tilth.surrogates import audit
from tilth.surrogates.audit import audit_surrogate
from tilth.surrogates.files import load_surrogate, save_surrogate
from tilth.surrogates.land_model import SurrogateLandModel
from tilth.surrogates.settings import MultitaskSizes, SurrogateSettings
from tilth.surrogates.train import train_surrogate

SETTINGS = SurrogateSettings(
    sizes=MultitaskSizes(1, 16, 1, 16),
    training=TrainingSettings(
        epochs=6, windows_per_epoch=1024, batch_size=32, learning_rate=0.02, schedule="cosine",
        rate_factors={"shared": 1.0 / 3.0},
    ),
    window=24,
    validation_fraction=0.1,
)  # fmt: skip
SHORT = dataclasses.replace(
    SETTINGS, antecedent=True, training=dataclasses.replace(SETTINGS.training, epochs=2, windows_per_epoch=64)
)
SITES = small_sites(16, 12)
KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> EnsembleStore:
    path = tmp_path_factory.mktemp("ensemble") / "store"
    return run_ensemble(AnalyticModel(), sobol(SPACE, 32, 1), SITES, path)


@pytest.fixture(scope="module")
def surrogate(store) -> SurrogateLandModel:
    return train_surrogate(store, SITES, SETTINGS, key=KEY)


def test_surrogate_learns_what_the_parameters_do(surrogate, store, tmp_path) -> None:
    assert surrogate.validation_loss[-1] < 0.02
    assert surrogate.training_loss[-1] < 0.1 * surrogate.training_loss[0]
    unseen = run_ensemble(AnalyticModel(), sobol(SPACE, 8, 99), SITES, tmp_path / "audit")
    rows = audit_surrogate(surrogate, unseen, SITES)
    assert [(r.site, r.flux) for r in rows] == [(s, f) for s in ("site-0", "site-1") for f in ("Qle", "Qh")]
    assert max(r.of_model_std for r in rows) < 0.15
    assert max(r.of_response_std for r in rows) < 0.4
    assert rows[0].of_observation_std < 0.2
    assert np.isnan(rows[1].of_observation_std)


def test_an_audit_is_the_same_however_its_members_are_batched(surrogate, store, monkeypatch) -> None:
    whole = audit_surrogate(surrogate, store, SITES, members=range(7))
    monkeypatch.setattr(audit, "BATCH", 3)
    parts = audit_surrogate(surrogate, store, SITES, members=range(7))
    for one, other in zip(whole, parts, strict=True):
        assert one.members == other.members == 7
        np.testing.assert_allclose(one.rmse, other.rmse, rtol=1e-5)
        np.testing.assert_allclose(one.worst_rmse, other.worst_rmse, rtol=1e-5)
    model = np.stack([store.series("Qh", member, 1) for member in range(7)]).astype(float)
    np.testing.assert_allclose(whole[3].response_std, np.sqrt(model.var(axis=0).mean()), rtol=1e-6)
    np.testing.assert_allclose(whole[3].model_std, model.std(), rtol=1e-6)


def test_offsets_make_a_surrogate_what_the_model_is_at_one_point(surrogate, store) -> None:
    member, theta = 3, store.thetas[3]
    series = [{name: store.series(name, member, site) for name in surrogate.tasks} for site in range(2)]
    exact = surrogate.exact_at(theta, series, SITES)
    at_point = exact.run(jnp.asarray(theta)[None], SITES).outputs
    there = exact.run(jnp.asarray(store.thetas[5])[None], SITES).outputs
    before = surrogate.run(jnp.asarray(store.thetas[[3, 5]]), SITES).outputs
    for name in surrogate.tasks:
        for site, true in enumerate(series):
            steps = len(true[name])
            np.testing.assert_allclose(at_point[name][0, site, :steps], true[name], atol=1e-3)
            # Elsewhere the same series are added.
            missing = true[name] - before[name][0, site, :steps]
            assert np.abs(missing).max() > 1.0
            np.testing.assert_allclose(
                there[name][0, site, :steps], before[name][1, site, :steps] + missing, atol=1e-3
            )
    # Offsets replace those of before, and a failed run of the model gives none.
    failed = [{name: np.full_like(one[name], np.nan) for name in surrogate.tasks} for one in series]
    again = exact.exact_at(theta, failed, SITES).run(jnp.asarray(theta)[None], SITES).outputs
    np.testing.assert_allclose(again["Qle"][0], before["Qle"][0], atol=1e-3)


def test_gradients_through_the_surrogate_point_as_those_of_the_model(surrogate) -> None:
    def mean_latent_heat(model):
        return lambda theta: jnp.mean(
            model.run(SPACE.from_fraction(theta)[None, None], SITES).outputs["Qle"][0, 0]
        )

    middle = jnp.full(3, 0.5)
    of_model = jax.grad(mean_latent_heat(AnalyticModel()))(middle)
    of_surrogate = jax.grad(mean_latent_heat(surrogate))(middle)
    np.testing.assert_allclose(of_surrogate, of_model, atol=0.15 * float(jnp.abs(of_model).max()))


def test_whole_records_are_stitched_from_windows(surrogate) -> None:
    thetas = jnp.asarray(sobol(SPACE, 3, 5))
    result = surrogate.run(thetas[:, None], SITES)
    assert result.outputs["Qle"].shape == (3, 2, 16 * 24)
    assert bool(result.succeeded.all())
    features = surrogate.features(SITES)
    assert [f.shape for f in features] == [(16 * 24, 19), (12 * 24, 19)]
    window = jnp.asarray(features[1][24:48])[None]
    alone = surrogate.predict_windows(thetas[2:], window)
    # float32 sums in another order, relative to fluxes of some hundreds of W m-2
    np.testing.assert_allclose(result.outputs["Qh"][2, 1, 24:48], alone[0, :, 1], atol=1e-3)
    broken = surrogate.run(jnp.full((1, 1, 3), jnp.nan), SITES)
    assert not bool(broken.succeeded.any())


def test_windows_have_their_own_parameters_and_gradients(surrogate) -> None:
    features = jnp.asarray(np.stack([surrogate.features(SITES)[0][:24]] * 2))
    thetas = jnp.asarray(sobol(SPACE, 2, 8))
    jacobian = jax.jacrev(lambda t: surrogate.predict_windows(t, features)[:, 12, 0])(thetas)
    assert jacobian.shape == (2, 2, 3)
    np.testing.assert_array_equal(jacobian[0, 1], 0.0)
    assert float(jnp.abs(jacobian[0, 0]).min()) > 0.0


def test_surrogate_is_kept_in_a_file(surrogate, tmp_path) -> None:
    save_surrogate(tmp_path / "surrogate", surrogate)
    again = load_surrogate(tmp_path / "surrogate")
    thetas = jnp.asarray(sobol(SPACE, 2, 5))[:, None]
    np.testing.assert_array_equal(
        again.run(thetas, SITES).outputs["Qle"], surrogate.run(thetas, SITES).outputs["Qle"]
    )
    np.testing.assert_array_equal(again.validation_loss, surrogate.validation_loss)
    assert again.space == surrogate.space


def test_training_goes_on_bit_for_bit(store, tmp_path) -> None:
    whole = train_surrogate(store, SITES, SHORT, key=KEY)

    class Interrupted(Exception):
        pass

    def stop(done, total, message):
        raise Interrupted

    with pytest.raises(Interrupted):
        train_surrogate(store, SITES, SHORT, key=KEY, checkpoint=tmp_path / "c", progress=stop)
    resumed = train_surrogate(store, SITES, SHORT, key=KEY, checkpoint=tmp_path / "c")
    for one, other in zip(jax.tree.leaves(whole.network), jax.tree.leaves(resumed.network), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(whole.training_loss, resumed.training_loss)
    wider = dataclasses.replace(SHORT, sizes=MultitaskSizes(1, 20, 1, 16))
    with pytest.raises(ValueError, match=r"belongs to another run: .*sizes.shared_hidden: saved 16, now 20"):
        train_surrogate(store, SITES, wider, key=KEY, checkpoint=tmp_path / "c")
    other = run_ensemble(AnalyticModel(), sobol(SPACE, 32, 2), SITES, tmp_path / "other")
    with pytest.raises(ValueError, match=r"belongs to another run: identity.runs: saved '\w+', now '\w+'"):
        train_surrogate(other, SITES, SHORT, key=KEY, checkpoint=tmp_path / "c")
    with pytest.raises(ValueError, match="expected a multitask surrogate or single-task surrogate"):
        load_surrogate(tmp_path / "c")


def test_training_starts_from_an_earlier_surrogate(surrogate, store) -> None:
    little = dataclasses.replace(SETTINGS.training, epochs=1, windows_per_epoch=64, learning_rate=1e-4)
    settings = dataclasses.replace(SETTINGS, training=little)
    further = train_surrogate(store, SITES, settings, key=KEY, start=surrogate)
    assert further.training_loss[0] < 2.0 * surrogate.training_loss[-1]
    wider = dataclasses.replace(settings, sizes=MultitaskSizes(1, 20, 1, 16))
    with pytest.raises(ValueError, match="same tasks, window, inputs and sizes only"):
        train_surrogate(store, SITES, wider, key=KEY, start=surrogate)


def test_failed_members_are_not_learnt_from(tmp_path) -> None:
    thetas = sobol(SPACE, 8, 1)
    limit = float(np.median(thetas[:, 0]))
    store = run_ensemble(AnalyticModel(fails_above=limit), thetas, SITES, tmp_path / "some")
    trained = train_surrogate(store, SITES, SHORT, key=KEY)
    assert np.isfinite(trained.training_loss).all()
    none = run_ensemble(AnalyticModel(fails_above=-1.0), thetas, SITES, tmp_path / "none")
    with pytest.raises(ValueError, match=r"no member of the ensemble .* has succeeded"):
        train_surrogate(none, SITES, SHORT, key=KEY)
    with pytest.raises(ValueError, match="no member to audit at site-0 has succeeded"):
        audit_surrogate(trained, none, SITES)


def test_stores_that_do_not_fit_are_refused(store, surrogate) -> None:
    with pytest.raises(ValueError, match=r"holds \['Qh', 'Qle'\], the surrogate needs \['GPP'\] too"):
        train_surrogate(store, SITES, dataclasses.replace(SHORT, tasks=("Qle", "GPP")), key=KEY)
    with pytest.raises(ValueError, match=r"was run at \['site-0', 'site-1'\], got sites \['site-0'\]"):
        train_surrogate(store, small_sites(16), SHORT, key=KEY)
    with pytest.raises(ValueError, match=r"was run at \['site-0', 'site-1'\], got sites \['site-0'\]"):
        audit_surrogate(surrogate, store, small_sites(16))
    with pytest.raises(ValueError, match="a window of 300 steps, the shortest has 288"):
        train_surrogate(store, SITES, dataclasses.replace(SHORT, window=300), key=KEY)
