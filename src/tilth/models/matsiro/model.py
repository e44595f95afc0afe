"""The JAX land model: parameters and sites in, series out; differentiable in windows."""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from tilth.data.containers import Forcing, SiteRecord, Sites
from tilth.models.base import AbstractLandModel, EnsembleOutputs
from tilth.models.matsiro.integrate import in_pieces, integrate
from tilth.models.matsiro.lanes import MOST_COLUMNS, in_lanes, in_one_kernel
from tilth.models.matsiro.options import MatsiroOptions
from tilth.models.matsiro.seasonal import Variation, depends_on_season, season_angle
from tilth.models.matsiro.state import ColumnForcing, ColumnSettings, State, initial_state
from tilth.models.matsiro.step import Column
from tilth.parameters.space import ParameterSpace
from tilth.parameters.tables import parameter_table

SECONDS_PER_YEAR = 365 * 86400
SECONDS_PER_PIECE = 5 * 86400
"""Length of the pieces that records are run in: whatever a record's length, the code is that of a piece."""


class Source(NamedTuple):
    """A stretch of a site's record that is run in one go: site, first step, number of steps."""

    site: int
    start: int
    length: int


class Windows(NamedTuple):
    """A record cut into windows that run side by side, each a source of the forcing.

    ``forcing`` is ``[time, window]``; ``site`` and ``start`` say where a window comes from; ``valid`` marks
    steps that exist; ``first`` windows that begin a stretch (their state is spun up), the others continue
    the window before them in this order.
    """

    forcing: ColumnForcing
    site: Int[Array, " window"]
    start: Int[Array, " window"]
    valid: Bool[Array, "time window"]
    first: Bool[Array, " window"]


class Matsiro(AbstractLandModel):
    """A land model of the class of MATSIRO6 for single columns.

    ``space`` names the parameters that ``thetas`` hold; all others keep the defaults of the site's class
    and soil, or the values in ``fixed`` (name and value, the same at all sites). ``output_names`` are the
    series that :meth:`run` returns, beside ``converged``.
    """

    space: ParameterSpace
    options: MatsiroOptions = eqx.field(static=True, default=MatsiroOptions())
    output_names: tuple[str, ...] = eqx.field(static=True, default=("Qle", "Qh"))
    fixed: tuple[tuple[str, float], ...] = eqx.field(static=True, default=())
    differentiable: ClassVar[bool] = True

    def run(self, thetas: Float[Array, "member #site param"], sites: Sites) -> EnsembleOutputs:
        """Series of every member at every site over the whole records, spun up with its own parameters.

        ``thetas`` are physical values in the order of ``space.names``. Stretches after a gap are spun up
        again. Members and sites run side by side as columns, shared by the devices of the process.
        The year of the spin-up and the record are run in pieces of five days by the same code.
        """
        members, count = thetas.shape[0], len(sites.records)
        thetas = jnp.broadcast_to(thetas, (members, count, thetas.shape[-1]))
        sources = stretches(sites)
        longest = max(source.length for source in sources)
        piece = self._piece(sites, longest)
        forcing = self.forcing(sites, sources, -(-longest // piece) * piece)
        column = self._of_members(thetas, sites, sources)
        names = (*self.output_names, "converged")
        state = self._spun_up(column, forcing, longest, piece, names)
        outputs, _ = self._series(column, state, forcing, names, piece)
        return self._gathered(outputs, sources, sites, members)

    def columns(
        self,
        thetas: Float[Array, "column param"],
        sites: Sites,
        site: Int[np.ndarray, " column"],
        source: Int[np.ndarray, " column"],
    ) -> Column:
        """Columns with the given parameter values, each at a site and driven by a source of forcing."""
        dtype = sites.step.dtype
        table = dict(self.fixed)
        names = [name for name in parameter_table() if name not in self.space.names]
        parameters = {}
        for name in names:
            defaults = [
                table.get(name, parameter_table()[name].default(a.plant_class, a.soil))
                for a in (record.attributes for record in sites.records)
            ]
            parameters[name] = jnp.asarray(np.asarray(defaults)[site], dtype)
        learned = {name: thetas[:, index].astype(dtype) for index, name in enumerate(self.space.names)}
        variation = Variation.of(self.space, learned, sites, site)
        parameters.update({name: values for name, values in learned.items() if "." not in name})
        attributes = [record.attributes for record in sites.records]
        settings = ColumnSettings(
            source=jnp.asarray(source, jnp.int32),
            step=sites.step[site],
            reference_height=jnp.asarray(np.array([a.reference_height for a in attributes])[site], dtype),
            c4=jnp.asarray(np.array([is_c4(record) for record in sites.records])[site]),
        )
        return Column.of(parameters, settings, variation)

    def forcing(self, sites: Sites, sources: Sequence[Source], length: int | None = None) -> ColumnForcing:
        """Forcing of the sources, with the time of year where parameters vary with it."""
        return source_forcing(sites, sources, length, season=depends_on_season(self.space))

    def cut_windows(self, sites: Sites, length: int, steps: Sequence[np.ndarray] | None = None) -> Windows:
        """The records cut into consecutive windows of ``length`` steps, restarting with every stretch.

        ``steps`` limits each site to the time steps marked True up to the last such step, e.g. to the
        calibration part.
        """
        sources = []
        for stretch in stretches(sites):
            stop = stretch.start + stretch.length
            if steps is not None:
                wanted = np.flatnonzero(steps[stretch.site])
                stop = min(stop, wanted[-1] + 1) if wanted.size else stretch.start
            begins = range(stretch.start, stop, length)
            sources += [Source(stretch.site, b, min(length, stop - b)) for b in begins]
        begins_stretch = {(s.site, s.start) for s in stretches(sites)}
        forcing = self.forcing(sites, sources, length)
        return Windows(
            forcing,
            jnp.asarray([s.site for s in sources]),
            jnp.asarray([s.start for s in sources]),
            jnp.asarray(np.arange(length)[:, None] < np.array([s.length for s in sources])[None, :]),
            jnp.asarray([(s.site, s.start) in begins_stretch for s in sources]),
        )

    def trajectories(
        self,
        thetas: Float[Array, "member site param"],
        sites: Sites,
        length: int,
        steps: Sequence[np.ndarray] | None = None,
        names: tuple[str, ...] = (),
    ) -> tuple[dict[str, Float[np.ndarray, "time ... memberwindow"]], State]:
        """Spun-up runs through all windows of :meth:`cut_windows`, without derivative.

        The series ``names``, with ``converged`` where there are any, and the states at the beginning of every
        window, soil arrays ``[layer, member x window]``: the windows of the first member, of the second …
        """
        windows = self.cut_windows(sites, length, steps)
        sources, members = stretches(sites), thetas.shape[0]
        place = _stretches_of(windows, sources)
        begins = np.tile(np.asarray(windows.start) - np.array([s.start for s in sources])[place], members)
        column_of = (np.arange(members)[:, None] * len(sources) + place[None]).reshape(-1)
        column = self._of_members(jax.lax.stop_gradient(thetas), sites, sources)
        longest = max(source.length for source in sources)
        piece = self._piece(sites, longest)
        names = (*names, "converged") if names else ()
        last = int(begins.max())
        forcing = self.forcing(sites, sources, last + length)
        state = self._spun_up(column, self.forcing(sites, sources), longest, piece, names)
        order, states, series = [], [], []
        for start in range(0, last + 1, length):
            here = np.flatnonzero(begins == start)
            columns = column_of[here]
            order.append(here)
            states.append(jax.tree.map(lambda a, columns=columns: a[..., columns], state))
            if not names and start + length > last:
                break
            part = jax.tree.map(lambda a, start=start: a[start : start + length], forcing)
            outputs, state = self._series(column, state, part, names, piece)
            series.append({name: outputs[name][..., columns] for name in names})
        back = np.argsort(np.concatenate(order))
        cut = {name: np.concatenate([one[name] for one in series], axis=-1)[..., back] for name in names}
        return cut, jax.tree.map(lambda *parts: jnp.concatenate(parts, axis=-1)[..., back], *states)

    def run_windows(
        self,
        thetas: Float[Array, "window param"],
        sites: Sites,
        windows: Windows,
        state: State,
        names: tuple[str, ...] | None = None,
    ) -> tuple[dict[str, Float[Array, "time window"]], State]:
        """Series in all windows side by side and the states at their ends, differentiable in ``thetas``.

        One parameter vector a window; ``state`` from :meth:`trajectories`, or the end state of the
        window before. Several starting points are several batches: repeat windows and states by ``vmap`` or
        concatenation. ``converged`` is among the series.
        """
        count = thetas.shape[0]
        column = self.columns(thetas, sites, np.asarray(windows.site), np.arange(count))
        names = (*(names or self.output_names), "converged")
        return integrate(column, state, windows.forcing, self.options, names=names)

    def _of_members(
        self, thetas: Float[Array, "member site param"], sites: Sites, sources: Sequence[Source]
    ) -> Column:
        """Columns of all members, each with all sources."""
        members = thetas.shape[0]
        site = np.tile([s.site for s in sources], members)
        member = np.repeat(np.arange(members), len(sources))
        return self.columns(thetas[member, site], sites, site, np.tile(np.arange(len(sources)), members))

    def _piece(self, sites: Sites, longest: int) -> int:
        """Steps of a piece: five days at the shortest step, or the longest stretch if that is shorter."""
        return min(longest, round(SECONDS_PER_PIECE / float(np.min(np.asarray(sites.step)))))

    def _spun_up(
        self,
        column: Column,
        forcing: ColumnForcing,
        longest: int,
        piece: int,
        names: tuple[str, ...] = (),
    ) -> State:
        """States after repeating the whole pieces of each source's first year.

        The series ``names`` are computed and dropped, so that the code is that of the run after it.
        """
        year = min(longest, round(SECONDS_PER_YEAR / float(column.settings.step.min())))
        mean = jnp.mean(forcing.air_temperature[:year], axis=0)[column.settings.source]
        state = initial_state(mean, column.parameters["soil_porosity"])
        first = jax.tree.map(lambda a: a[: max(1, year // piece) * piece], forcing)
        for _ in range(self.options.spin_up_years):
            state = self._series(column, state, first, names, piece)[1]
        return state

    def _series(
        self, column: Column, state: State, forcing: ColumnForcing, names: tuple[str, ...], piece: int
    ) -> tuple[dict[str, np.ndarray], State]:
        """Outputs of the columns, on the host, and their last state; whichever way is faster."""
        count = column.settings.step.shape[0]
        if in_one_kernel() and count < MOST_COLUMNS * jax.local_device_count():
            return in_lanes(column, state, forcing, self.options, names=names)
        return in_pieces(column, state, forcing, self.options, names=names, piece=piece)

    def _gathered(
        self, outputs: dict[str, np.ndarray], sources: Sequence[Source], sites: Sites, members: int
    ) -> EnsembleOutputs:
        """Series of stretches back on the sites' time axes; steps past a site's end hold its last value."""
        steps = sites.valid.shape[1]
        collected = {}
        for name, host in outputs.items():
            full = np.zeros((members, len(sites.records), steps, *host.shape[1:-1]), host.dtype)
            for member in range(members):
                for index, source in enumerate(sources):
                    column = member * len(sources) + index
                    stop = source.start + source.length
                    full[member, source.site, source.start : stop] = host[: source.length, ..., column]
                    full[member, source.site, stop:] = host[source.length - 1, ..., column]
            collected[name] = full
        finite = np.ones((members, len(sites.records)), bool)
        for full in collected.values():
            finite &= np.isfinite(full).all(axis=tuple(range(2, full.ndim)))
        return EnsembleOutputs({k: jnp.asarray(v) for k, v in collected.items()}, jnp.asarray(finite))


def is_c4(record: SiteRecord) -> bool:
    """Whether the vegetation of a site is C4: as given, else that of the class (grassland, as in SiB2)."""
    pathway = record.attributes.pathway
    return (pathway or ("C4" if record.attributes.plant_class == "grassland" else "C3")) == "C4"


def stretches(sites: Sites) -> list[Source]:
    """The stretches of all sites' records between which the state is spun up again."""
    found = []
    for index, record in enumerate(sites.records):
        starts = np.flatnonzero(np.diff(record.segment, prepend=-1) != 0)
        stops = [*starts[1:], len(record.time)]
        found += [Source(index, int(a), int(b - a)) for a, b in zip(starts, stops, strict=True)]
    return found


def _stretches_of(windows: Windows, sources: Sequence[Source]) -> Int[np.ndarray, " window"]:
    """The index of the stretch that each window lies in."""
    site, start = np.array([[source.site, source.start] for source in sources]).T
    return np.array(
        [
            np.flatnonzero((site == own) & (start <= begin))[-1]
            for own, begin in zip(np.asarray(windows.site), np.asarray(windows.start), strict=True)
        ]
    )


def source_forcing(
    sites: Sites, sources: Sequence[Source], length: int | None = None, *, season: bool = False
) -> ColumnForcing:
    """Forcing of the sources, ``[time, source]``, short ones padded with their last step.

    With ``season``, the angle of the time of year [rad] too.
    """
    longest = length or max(source.length for source in sources)
    index = np.stack(
        [source.start + np.minimum(np.arange(longest), source.length - 1) for source in sources], axis=1
    )
    site = np.array([source.site for source in sources])
    angle = None
    if season:
        angles = [season_angle(record.time) for record in sites.records]
        columns = [angles[source.site][index[:, column]] for column, source in enumerate(sources)]
        angle = jnp.asarray(np.stack(columns, axis=1), sites.step.dtype)
    series = {
        name: getattr(sites.forcing, name)[site[None, :], index] for name in Forcing.__dataclass_fields__
    }
    return ColumnForcing(**series, season=angle)
