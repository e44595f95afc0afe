import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perfect_surrogate import POSITIONS, PerfectSurrogate, observed_record
from tilth.calibration.base import History, Problem, Result, Status, calibrate
from tilth.calibration.generator import GeneratorSettings
from tilth.calibration.left_out import REACHES, LeavingOut, best_reach
from tilth.calibration.mdpl import Mdpl, RelativeErrors
from tilth.calibration.rules import Averaged, Shared
from tilth.data.containers import Sites
from tilth.networks.training import TrainingSettings

KEY = jax.random.key(1)
SPACE = PerfectSurrogate().space
BRIEF = TrainingSettings(epochs=6, windows_per_epoch=64, batch_size=32, learning_rate=0.02)


def alike(count=4):
    """Sites that share their parameters, and one more."""
    return [observed_record(f"S{number}", number) for number in range(count)]


def positions(theta):
    return np.asarray(SPACE.fraction(jnp.asarray(theta)))


def problem_of(records):
    return Problem.of(PerfectSurrogate(), Sites.of(records))


def method(**changes):
    settings = {"generator": GeneratorSettings(hidden=4, sees_fluxes=False), "training": BRIEF, "prior": 0.0}
    return Mdpl(**{**settings, **changes})


def test_sites_that_watch_are_not_learned_from():
    problem = problem_of(alike())
    watched = problem.watched_at([1, 3])
    assert watched.learning == (0, 2) and problem.learning == (0, 1, 2, 3)
    before, after = problem.targets, watched.targets
    assert np.array_equal(after.fit | after.choice, before.choice)
    assert not after.fit[:, [1, 3]].any() and not after.choice[:, [0, 2]].any()
    with pytest.raises(ValueError, match="expected some of 4 sites to watch and some to learn from, got 4"):
        problem.watched_at(range(4))


def test_fluxes_of_a_site_that_watches_change_the_choice_but_not_what_is_learned():
    records = alike(3)
    louder = [*records[:2], observed_record("S2", 2, 1.0 - POSITIONS)]
    histories = [
        calibrate(problem_of(given).watched_at([2]), method(), key=KEY).history for given in (records, louder)
    ]
    assert np.array_equal(histories[0].loss, histories[1].loss)
    assert not np.array_equal(histories[0].validation, histories[1].validation)


def test_what_sites_share_is_found_at_a_site_never_seen(tmp_path):
    records = alike(5)
    learner = method(training=TrainingSettings(epochs=30, windows_per_epoch=256, learning_rate=0.02))
    way = LeavingOut(learner, groups=2)
    result = calibrate(problem_of(records[:4]), way, key=KEY)
    assert result.status is Status.SUCCEEDED
    unseen = records[4].replace(observations={})
    found = positions(result.rule(Sites.of([unseen]))[0, 0])
    default = positions(problem_of(records[:1]).starts[0])
    assert np.abs(found - POSITIONS).max() < 0.5 * np.abs(default - POSITIONS).max()


class Told(Mdpl):
    """Gives every site a position by the sites that watch."""

    positions: dict[tuple[int, ...], float] = eqx.field(default_factory=dict)
    status: dict[tuple[int, ...], Status] = eqx.field(static=True, default_factory=dict)
    seen: list[str] = eqx.field(static=True, default_factory=list)

    def solve(self, problem, key, *, checkpoint=None, progress=None):
        watching = tuple(sorted(set(range(len(problem.sites.records))) - set(problem.learning)))
        self.seen.append(checkpoint.name)
        progress(1, 2, str(watching))
        rule = Shared(np.asarray(SPACE.from_fraction(jnp.full(3, self.positions[watching]))))
        factor = np.full(3, 0.8)
        factor[list(watching)] = 99.0
        history = History(np.ones(2), np.full(2, self.positions[watching]))
        return Result(rule, self.status[watching], history, factor)


@pytest.mark.parametrize(
    ("second", "together"),
    [(Status.NO_GAIN, Status.SUCCEEDED), (Status.NOT_FINITE, Status.NOT_FINITE)],
)
def test_every_group_watches_once_and_the_mean_counts(tmp_path, second, together):
    seen, told = [], []
    method = Told(
        positions={(0, 2): 0.2, (1,): 0.8}, status={(0, 2): Status.SUCCEEDED, (1,): second}, seen=seen
    )
    result = calibrate(
        problem_of(alike(3)),
        LeavingOut(method, groups=2),
        key=KEY,
        checkpoint=tmp_path / "mdpl.checkpoint",
        progress=lambda done, total, message: told.append((done, total, message)),
        throw=False,
    )
    assert result.status is together
    assert positions(result.rule(Sites.of(alike(1)))[0, 0]) == pytest.approx(np.full(3, 0.5))
    assert result.history.validation == pytest.approx(np.full(2, 0.5))
    assert result.closure_factor == pytest.approx(np.full(3, 0.8))
    # Groups learn side by side, in any order.
    assert sorted(seen) == ["mdpl-0.checkpoint", "mdpl-1.checkpoint"]
    assert sorted(message for _, _, message in told) == ["(0, 2)", "(1,)"]
    assert told[0][:2] == (1, 4) and told[1][:2] in ((2, 4), (3, 4))


def test_rules_are_averaged_in_unconstrained_space():
    low, high = (np.asarray(SPACE.from_fraction(jnp.full(3, at))) for at in (0.2, 0.8))
    mean = Averaged((Shared(low), Shared(high)), SPACE)(Sites.of([observed_record()]))[0, 0]
    assert positions(mean) == pytest.approx(np.full(3, 0.5))


def test_a_single_site_and_too_few_groups_are_refused():
    with pytest.raises(ValueError, match="expected two sites at least, one to learn from"):
        LeavingOut(method()).solve(problem_of(alike(1)), jax.random.key(0))
    with pytest.raises(ValueError, match="groups: expected 2 at least, got 1"):
        LeavingOut(method(), groups=1)


def of_classes(*classes):
    records = alike(len(classes))
    return [
        record.replace(attributes=dataclasses.replace(record.attributes, plant_class=name))
        for record, name in zip(records, classes, strict=True)
    ]


def unguarded(losses):
    return RelativeErrors(losses, np.ones((len(losses), 0, losses.shape[1])))


def test_each_class_goes_as_far_as_serves_its_sites():
    problem = problem_of(of_classes(*["woodland", "cultivation", "grassland"] * 2, "evergreen"))
    best_at = {"woodland": 0.75, "cultivation": 0.0, "grassland": 0.5}
    classes = [record.attributes.plant_class for record in problem.sites.records]
    wanted = np.array([{**best_at, "evergreen": 1.0}[name] for name in classes])
    losses = 1.0 + (np.array(REACHES)[:, None] - wanted) ** 2
    reach = best_reach(problem, unguarded(losses))
    assert dict(reach.classes) == best_at
    # One site does not speak for its class: the mean of the others does.
    assert reach.elsewhere == pytest.approx(1.25 / 3) and reach.anywhere
    new = Sites.of(of_classes("cultivation", "evergreen", "woodland"))
    assert reach.of(new).tolist() == [0.0, reach.elsewhere, 0.75]
    # Nothing lost and nothing gained: the start.
    nowhere = best_reach(problem, unguarded(np.ones_like(losses)))
    assert dict(nowhere.classes) == dict.fromkeys(best_at, 0.0) and not nowhere.anywhere
    # A part with which a site's loss is not finite is none for its class.
    losses[REACHES.index(0.75), 3] = np.nan
    assert dict(best_reach(problem, unguarded(losses)).classes)["woodland"] in (0.5, 1.0)
    # A site of which nothing is known does not count as one.
    losses[:, 0] = np.nan
    assert "woodland" not in dict(best_reach(problem, unguarded(losses)).classes)


def test_classes_that_nobody_speaks_for_go_as_far_as_serves_all_sites():
    problem = problem_of(of_classes("woodland", "cultivation"))
    losses = 1.0 + (np.array(REACHES)[:, None] - np.array([0.5, 1.0])) ** 2
    reach = best_reach(problem, unguarded(losses))
    assert reach.classes == () and 0.5 <= reach.elsewhere <= 1.0


def test_sites_that_disagree_are_not_trusted_far():
    problem = problem_of(of_classes("woodland", "woodland"))
    factor = 1.0 + np.array(REACHES)
    agreed, even = np.stack([factor**-0.5] * 2, axis=1), np.stack([factor, 1.0 / factor], axis=1)
    assert best_reach(problem, unguarded(agreed)).classes == (("woodland", 1.0),)
    assert best_reach(problem, unguarded(even)).anywhere is False
    # A gain in the mean that is less than its standard error.
    assert best_reach(problem, unguarded(even ** [0.9, 1.0])).anywhere is False


def test_a_guarded_flux_may_get_worse_at_a_site_but_not_in_the_mean_of_its_class():
    problem = problem_of(of_classes("woodland", "woodland"))
    reaches = np.array(REACHES)
    losses = np.stack([1.0 - 0.2 * reaches, 1.0 - 0.2 * reaches], axis=1)
    guarded = np.ones((len(reaches), 2, 2))  # of the second flux nothing is measured
    guarded[:, 1] = np.nan
    guarded[:, 0, 0], guarded[:, 0, 1] = 1.0 + reaches, 1.0 / (1.0 + reaches)
    assert best_reach(problem, RelativeErrors(losses, guarded)).classes == (("woodland", 1.0),)
    guarded[:, 0, 1] = 1.0 + 20.0 * reaches
    assert best_reach(problem, RelativeErrors(losses, guarded)).classes == (("woodland", 0.0),)


def test_sites_that_are_left_out_say_how_far_their_class_goes():
    woods, crops = of_classes(*["woodland"] * 4, "cultivation", "cultivation")[:4], []
    for number in (4, 5):
        # Crops are what the defaults say: a rule learned at woods serves them badly.
        record = observed_record(f"S{number}", number, np.full(3, 0.5))
        crops.append(
            record.replace(attributes=dataclasses.replace(record.attributes, plant_class="cultivation"))
        )
    records = [*woods, *crops]
    starts = np.asarray(SPACE.from_fraction(jnp.full((len(records), 3), 0.5)))
    problem = Problem.of(PerfectSurrogate(), Sites.of(records), starts=starts)
    learner = method(training=TrainingSettings(epochs=10, windows_per_epoch=256, learning_rate=0.02))
    learner = dataclasses.replace(learner, relative=False, spread_prior=10.0)
    result = calibrate(problem, LeavingOut(learner, groups=2), key=KEY)
    reach = dict(result.rule.rules[0].reach.classes)
    assert reach["cultivation"] < 0.5 < reach["woodland"]


def test_errors_are_relative_to_those_of_the_start():
    sites = Sites.of(alike(3))
    problem = Problem.of(PerfectSurrogate(), sites, guarded=("Qh",)).watched_at([1])
    truth = np.asarray(SPACE.from_fraction(jnp.asarray(np.tile(POSITIONS, (3, 1)))))
    offsets = np.asarray(problem.mapping.offsets(jnp.asarray(truth)))
    errors = method().relative_errors(problem, np.array([0.0, 0.5, 1.0])[:, None, None] * offsets)
    for of_one in (errors.loss[:, 1], errors.guarded[:, 0, 1]):
        assert of_one[0] == pytest.approx(1.0) and 0.0 <= of_one[2] < of_one[1] < 1.0
    assert np.isnan(errors.loss[:, [0, 2]]).all() and np.isnan(errors.guarded[:, :, [0, 2]]).all()


def test_without_choosing_the_last_epoch_counts():
    problem = problem_of(alike(3)).watched_at([2])
    worse = dataclasses.replace(BRIEF, learning_rate=0.5)
    rules = [method(training=worse, choosing=choosing) for choosing in (True, False)]
    chosen, last = (calibrate(problem, rule, key=KEY) for rule in rules)
    assert chosen.history.validation == pytest.approx(last.history.validation)
    assert int(np.argmin(chosen.history.validation)) < BRIEF.epochs - 1
    found = [np.asarray(result.rule(problem.sites)[0]) for result in (chosen, last)]
    assert not np.allclose(*found) and last.status is Status.SUCCEEDED
    assert np.allclose(found[1], last.passed[-1])
