"""Multi-task differentiable parameter learning: a generator trained through a frozen surrogate.

Xie et al. 2025 (egusphere-2025-3301), equation 2 and section 2.4.3. The surrogate of all fluxes takes the
place of the land model; its weights stay as they are, and the error of its fluxes against the observed ones
trains the generator. Learning is watched on the whole calibration part: the generator of the
epoch with the least loss there is what is learned, so that longer training cannot make it worse. Of the
guarded fluxes (:mod:`tilth.calibration.guard`) it minds those that the surrogate simulates: one generator is
trained with a mild guard and one with a steep one.
"""

import dataclasses
import itertools
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from tilth.calibration.base import AbstractCalibrator, History, Problem, Progress, Result, Status
from tilth.calibration.candidates import closure_factor, unit_factor
from tilth.calibration.generator import Generator, GeneratorSettings, feature_count
from tilth.calibration.generator_inputs import GeneratorEncoder
from tilth.calibration.guard import MILD, STEEP
from tilth.calibration.mdpl_loss import MdplLoss, MdplNetwork, WindowSurrogate, alike, guarded_at_start
from tilth.calibration.mdpl_watch import Watch
from tilth.calibration.mdpl_windows import MdplSource
from tilth.calibration.parts import on_devices, part_of_checkpoint
from tilth.calibration.rules import AbstractParameterRule, Neural, PerSite
from tilth.networks.training import TrainingSettings, train


class RelativeErrors(NamedTuple):
    """The loss without penalties and mean square errors of guarded fluxes, in units of the start's."""

    loss: Float[np.ndarray, "case site"]
    guarded: Float[np.ndarray, "case guarded site"]


class Mdpl(AbstractCalibrator):
    """Training of a parameter generator through a surrogate.

    Each step draws windows to compare with the observations and ``drawn_windows`` of each site for the
    generator, over whose outputs its parameters are averaged. ``prior`` weighs the mean square of the
    offsets from the defaults in unconstrained space, as in :class:`tilth.calibration.direct.Direct`, and
    ``spread_prior`` that of their deviations from the mean over the sites: the larger it is, the closer is
    what is learned to one set of offsets that all sites share.
    With ``relative`` the loss of each site is divided by that of its start: a site whose fluxes the model
    cannot reach, because they do not close for instance, does not decide for all.
    Where parameters are ``shared``, the generator's outputs are averaged over the sites too, so that all have
    the same offsets from their starts. A generator is trained for each strength in ``guards`` and from each
    point where learning may begin, the best one is kept. ``allowance`` [guarded, site] multiplies the mean
    square errors that guarded fluxes may have, those of the start, where it is known how far the surrogate
    is from the land model. ``only`` the training of that number is done where it is given, and others are
    left out. Without ``choosing`` the last epoch counts and not the best one.
    """

    needs_gradient: ClassVar[bool] = True
    generator: GeneratorSettings = eqx.field(static=True, default=GeneratorSettings())
    training: TrainingSettings = eqx.field(
        static=True,
        default=TrainingSettings(epochs=100, windows_per_epoch=2048, batch_size=256, schedule="cosine"),
    )
    shared: bool = eqx.field(static=True, default=False)
    drawn_windows: int = 16
    prior: float = 1e-3
    spread_prior: float = 0.0
    relative: bool = eqx.field(static=True, default=False)
    guards: tuple[float, ...] = eqx.field(static=True, default=(MILD, STEEP))
    allowance: Float[np.ndarray, "guarded site"] | None = None
    only: int | None = eqx.field(static=True, default=None)
    choosing: bool = eqx.field(static=True, default=True)

    def __check_init__(self) -> None:
        if self.drawn_windows < 1 or self.prior < 0 or self.spread_prior < 0:
            raise ValueError(
                "drawn_windows must be at least 1, prior and spread_prior not negative, got "
                f"{self.drawn_windows}, {self.prior} and {self.spread_prior}"
            )

    def solve(
        self,
        problem: Problem,
        key: PRNGKeyArray,
        *,
        checkpoint: Path | None = None,
        progress: Progress | None = None,
    ) -> Result:
        """The generator of the best epoch; see :meth:`AbstractCalibrator.solve`."""
        network_key, train_key = jax.random.split(key)
        source = self._source(problem)
        encoder = source.encoder
        network = _fresh(problem, encoder, self.generator, network_key)
        guards = self.guards if problem.guarded.variables else self.guards[:1]
        ways = list(itertools.product(_from_each_point(problem), guards))
        header = {"method": repr(self), "key": np.asarray(jax.random.key_data(key)).tolist()}

        def training(number: int, told: Progress | None) -> _Trained:
            own = part_of_checkpoint(checkpoint, number, len(ways))
            return self._trained(
                network, *ways[number], source, key=train_key, header=header, checkpoint=own, progress=told
            )

        numbers = range(len(ways)) if self.only is None else [self.only]
        found = on_devices(training, numbers, progress)
        losses = [one.watch.loss for one in found]
        place = int(np.argmin(np.nan_to_num(losses, nan=np.inf)))
        best = found[place]
        learned = best.watch.network
        others = [one.watch.thetas(one.watch.network)[None] for one in found if one is not best]
        passed = np.concatenate([best.watch.passed, *others])
        return Result(
            rule=self._rule(best.problem, learned.generator, encoder),
            status=_status(best, found[0].watch.start if self.choosing else np.inf),
            history=History(best.loss, best.validation),
            closure_factor=None
            if learned.closure is None
            else np.asarray(closure_factor(learned.closure), float),
            passed=passed[np.isfinite(passed).all(axis=(1, 2))],
            way=numbers[place],
        )

    def relative_errors(
        self, problem: Problem, offsets: Float[np.ndarray, "case site free"]
    ) -> RelativeErrors:
        """What chooses, with ``offsets`` of the free parameters, in units of that at the start.

        NaN at sites where nothing chooses. Closure factors are one.
        """
        source = self._source(problem)
        loss, batch = MdplLoss.of(problem, _surrogate(problem), 0.0), source.watched()
        cases, sites = offsets.shape[:2]
        if batch is None:
            nothing = np.full((cases, len(problem.guarded.variables), sites), np.nan)
            return RelativeErrors(np.full((cases, sites), np.nan), nothing)
        batch = jax.tree.map(jnp.asarray, batch)

        def of(moved: Float[np.ndarray, "site free"]) -> tuple[np.ndarray, np.ndarray]:
            thetas = problem.mapping.physical(jnp.asarray(moved))
            values, present = loss.per_site(thetas, None, batch, 0.0)
            there = np.where(np.asarray(present) > 0.0, np.asarray(values, float), np.nan)
            return there, np.asarray(loss.guarded_errors(thetas, batch), float)

        losses, guarded = zip(*(of(moved) for moved in offsets), strict=True)
        return RelativeErrors(np.stack(losses) / of(np.zeros_like(offsets[0]))[0], np.stack(guarded))

    def _source(self, problem: Problem) -> MdplSource:
        """What windows are drawn from."""
        surrogate = _surrogate(problem)
        features = surrogate.features(problem.sites)
        encoder = GeneratorEncoder.of(
            [problem.sites.records[site] for site in problem.learning],
            self.generator.read(problem.targets.variables),
            window=self.generator.window,
            limit=self.generator.windows,
        )
        return MdplSource.of(
            problem,
            features,
            guarded_at_start(problem, surrogate, features),
            window=surrogate.window,
            encoder=encoder,
            generator_count=self.drawn_windows,
        )

    def _trained(
        self,
        network: MdplNetwork,
        problem: Problem,
        guard: float,
        source: MdplSource,
        *,
        key: PRNGKeyArray,
        header: dict[str, Any],
        checkpoint: Path | None,
        progress: Progress | None,
    ) -> "_Trained":
        """One way: a ``network`` trained from the start of ``problem`` with a guard of that strength."""
        loss = MdplLoss.of(
            problem,
            _surrogate(problem),
            self.prior,
            self.spread_prior,
            shared=self.shared,
            guard=guard,
            allowance=self.allowance,
        )
        if self.relative:
            loss = loss.relative_to_start(source)
        identity = {
            **header,
            "problem": problem.identity(),
            "guard": guard,
            "allowance": np.asarray(loss.allowance).tolist(),
        }

        def thetas(network: MdplNetwork) -> np.ndarray:
            return np.asarray(self._rule(problem, network.generator, source.encoder)(problem.sites)[0], float)

        epochs = self.training.epochs
        watch = Watch(
            network, loss, source, checkpoint, identity, thetas=thetas, epochs=epochs, choosing=self.choosing
        )
        trained = train(
            network,
            loss,
            source.draw,
            self.training,
            key=key,
            validate=watch,
            checkpoint=checkpoint,
            identity=identity,
            progress=progress,
        )
        return _Trained(problem, watch, trained.training_loss, trained.validation_loss)

    def _rule(
        self, problem: Problem, generator: Generator, encoder: GeneratorEncoder
    ) -> AbstractParameterRule:
        """The generator as a rule, or what it makes of all sites where they share their parameters."""
        if self.shared:
            offsets = alike(generator(encoder(problem.sites.records)))
            theta = np.asarray(problem.mapping.physical(offsets), np.float64)
            return PerSite(problem.sites.names, theta)
        return Neural(
            generator=generator,
            encoder=encoder,
            space=problem.model.space,
            free=problem.free,
            names=problem.sites.names,
            starts=np.asarray(problem.starts, np.float64),
        )


def _surrogate(problem: Problem) -> WindowSurrogate:
    """The problem's model, which must be a surrogate of all its fluxes."""
    model = problem.model
    if not isinstance(model, WindowSurrogate):
        raise TypeError(
            f"mdpl learns through a trained surrogate, got {type(model).__name__}: "
            "train one on an ensemble, or use direct"
        )
    needed = dict.fromkeys((*problem.targets.variables, *problem.guarded.variables))
    missing = [name for name in needed if name not in model.tasks]
    if missing:
        raise ValueError(
            f"the surrogate simulates {', '.join(model.tasks)}, the problem needs {', '.join(missing)} too: "
            "train a surrogate of all of them"
        )
    return model


def _fresh(
    problem: Problem, encoder: GeneratorEncoder, settings: GeneratorSettings, key: PRNGKeyArray
) -> MdplNetwork:
    features = feature_count(encoder(problem.sites.records[:1]))
    closure = None
    if problem.target.learns_factor:
        closure = jnp.full(len(problem.sites.records), unit_factor(), jnp.float32)
    return MdplNetwork(Generator(features, len(problem.free), settings, key=key), closure)


@dataclasses.dataclass(frozen=True)
class _Trained:
    """One training: the problem with the point it began at as its start, what watched it, and its history."""

    problem: Problem
    watch: Watch
    loss: Float[np.ndarray, " epoch"]
    validation: Float[np.ndarray, " epoch"]


def _from_each_point(problem: Problem) -> list[Problem]:
    """The problem with its own start and with each further point as its start."""
    nothing = problem.further[:0]
    points = [problem.starts, *problem.further]
    return [dataclasses.replace(problem, starts=point, further=nothing) for point in points]


def _status(best: _Trained, start: float) -> Status:
    """How learning ended; ``start`` is the loss where the first training began."""
    gained = best.watch.loss < start
    if not np.isfinite(best.loss).all():
        return Status.CUT_SHORT if gained else Status.NOT_FINITE
    return Status.SUCCEEDED if best.watch.batch is None or gained else Status.NO_GAIN
