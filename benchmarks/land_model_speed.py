"""Speed of the land model: column-years a second, the price of a gradient, compilation, memory.

    python benchmarks/land_model_speed.py [--columns 1,8,32,128,1000,4096] [--steps 1.0] [--year]

Every case is a process of its own, so that peak memory is that of the case. Columns are draws of the 12
calibrated parameters over their whole ranges at four synthetic sites of different climates, in spring;
outputs are those that calibration needs (Qle, Qh, converged). ``run`` is a run of the model as users get it
from ``Matsiro.run`` in the ``tilth`` command, a few columns at a time where that is faster; ``batch`` is one
batch of all columns, and ``gradient`` that of the mean square of both fluxes with respect to all parameters
of all columns through it. A case is timed at the best of three repetitions; compilation is what the first run
takes longer. One device instead of two, and every column iterated until the last one has converged instead
of in a small batch, are measured beside it. ``--steps`` scales the length of the runs; ``--year`` adds the
memory of a gradient over a whole year at 1 000 columns: minutes.
"""

import argparse
import dataclasses
import json
import os
import resource
import subprocess
import sys
import time

import jax

CLIMATES = (
    ("temperate", "woodland"),
    ("continental", "cultivation"),
    ("semi-arid", "grassland"),
    ("tropical", "evergreen"),
)
HEADINGS = (
    "columns", "precision", "work", "devices", "compaction", "speed", "us a step", "compile s", "GiB",
    "unconverged",
)  # fmt: skip
WIDTHS = (8, 10, 9, 8, 11, 8, 10, 10, 6, 12)
FIRST_STEP = 90 * 48
STEPS_A_YEAR = 365 * 48
STEPS_A_PIECE = 5 * 48
"""``Matsiro.run`` fills a record up to whole pieces of five days."""
REPETITIONS = 3


@dataclasses.dataclass(frozen=True)
class Case:
    """What one process measures: a ``run``, a ``batch`` or a ``gradient``."""

    columns: int
    steps: int
    double: bool = True
    work: str = "run"
    devices: int = 2
    compaction: bool = True


def workload(case: Case):
    """The function that is timed; it returns the share of converged steps."""
    import jax.numpy as jnp
    import numpy as np

    from tilth.data.containers import Sites
    from tilth.data.shortened import part_of
    from tilth.data.weather import synthetic_site
    from tilth.models.matsiro.model import Matsiro
    from tilth.models.matsiro.options import MatsiroOptions
    from tilth.parameters.space import ParameterSpace
    from tilth.parameters.tables import CALIBRATED
    from tilth.physics.surface_search import SolverSettings

    years = 1.0 if case.steps < STEPS_A_YEAR // 2 else 2.0
    count = min(case.columns, len(CLIMATES))
    records = [
        synthetic_site(plant, plant_class=plant, climate=climate, years=years, seed=1)
        for climate, plant in CLIMATES[:count]
    ]
    part = slice(FIRST_STEP, FIRST_STEP + case.steps)
    dtype = jnp.float64 if case.double else jnp.float32
    sites = Sites.of([part_of(record, part) for record in records], dtype=dtype)
    solver = SolverSettings(compact_above=192 if case.compaction else 10**9)
    options = MatsiroOptions(solver=solver, spin_up_years=0)
    model = Matsiro(ParameterSpace.select(CALIBRATED), options)
    shape = (case.columns // count, count, len(CALIBRATED))
    fraction = np.random.default_rng(0).uniform(0.05, 0.95, shape)
    x = jnp.asarray(np.log(fraction / (1.0 - fraction)), dtype)
    if case.work == "run":
        thetas = model.space.to_physical(x)
        return lambda: float(model.run(thetas, sites).outputs["converged"].mean())
    return in_one_batch(case, model, sites, x)


def in_one_batch(case: Case, model, sites, x):
    """A run, or a gradient, of all columns in one batch."""
    import equinox as eqx
    import jax.numpy as jnp
    import numpy as np

    from tilth.models.matsiro.integrate import integrate
    from tilth.models.matsiro.model import source_forcing, stretches
    from tilth.models.matsiro.state import initial_state

    site = np.tile(np.arange(x.shape[1]), x.shape[0])
    x = x.reshape(-1, x.shape[-1])
    forcing = source_forcing(sites, stretches(sites))
    porosity = model.columns(model.space.to_physical(x), sites, site, site).parameters["soil_porosity"]
    state = initial_state(jnp.mean(forcing.air_temperature, axis=0)[site], porosity)

    def loss(x, forcing, state):
        column = model.columns(model.space.to_physical(x), sites, site, site)
        names = ("Qle", "Qh", "converged")
        outputs, _ = integrate(column, state, forcing, model.options, names=names)
        return jnp.mean(outputs["Qle"] ** 2 + outputs["Qh"] ** 2), jnp.mean(outputs["converged"])

    gradient = case.work == "gradient"
    compiled = eqx.filter_jit(jax.value_and_grad(loss, has_aux=True) if gradient else loss)

    def run():
        found = jax.block_until_ready(compiled(x, forcing, state))
        return float(found[0][1] if gradient else found[1])

    return run


def measure(case: Case) -> dict[str, float]:
    """Time of a run and of compilation [s], peak memory [GiB], share of converged steps."""
    jax.config.update("jax_enable_x64", case.double)
    jax.config.update("jax_num_cpu_devices", case.devices)
    run = workload(case)
    first, converged = timed(run)
    # A second gradient of a whole year would take minutes to tell nothing about memory.
    again = 1 if case.steps >= STEPS_A_YEAR else REPETITIONS
    seconds = min(timed(run)[0] for _ in range(again))
    return {
        "seconds": seconds,
        "compilation": first - seconds,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "converged": converged,
    }


def timed(run) -> tuple[float, float]:
    """Seconds of a run and what it returns."""
    begin = time.perf_counter()
    found = run()
    return time.perf_counter() - begin, found


def in_process(case: Case) -> dict[str, float]:
    """The measurement in a fresh process, with the flags of the ``tilth`` command."""
    from tilth.pipeline.compiled_code import xla_flags

    command = [sys.executable, __file__, "--case", json.dumps(dataclasses.asdict(case))]
    environment = {"XLA_FLAGS": xla_flags(), **os.environ}
    finished = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if finished.returncode:
        raise SystemExit(finished.stderr)
    return json.loads(finished.stdout.splitlines()[-1])


def report(case: Case) -> float:
    """Prints a line and returns column-years a second."""
    found = in_process(case)
    speed = case.columns * case.steps / STEPS_A_YEAR / found["seconds"]
    row = (
        str(case.columns),
        "float64" if case.double else "float32",
        case.work,
        str(case.devices),
        "yes" if case.compaction else "no",
        f"{speed:.3g}",
        f"{1e6 * found['seconds'] / case.steps:.4g}",
        f"{found['compilation']:.1f}",
        f"{found['memory']:.2f}",
        f"{1.0 - found['converged']:.1e}",
    )
    print("".join(text.rjust(width) for text, width in zip(row, WIDTHS, strict=True)), flush=True)
    return speed


def steps_for(columns: int, scale: float) -> int:
    """Whole pieces of a run that take seconds: two months of a column, five days of thousands."""
    return STEPS_A_PIECE * max(1, round(scale * min(12.0, max(1.0, 3000.0 / columns))))


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed and memory of the land model.")
    parser.add_argument("--columns", default="1,8,32,128,1000,4096")
    parser.add_argument("--steps", type=float, default=1.0)
    parser.add_argument("--year", action="store_true")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(measure(Case(**json.loads(arguments.case)))))
        return
    counts = [int(text) for text in arguments.columns.split(",")]
    print(
        f"{os.cpu_count()} CPU cores, jax {jax.__version__}, 30-minute steps, speed in column-years a second"
    )
    print("".join(name.rjust(width) for name, width in zip(HEADINGS, WIDTHS, strict=True)))
    for double in (True, False):
        for count in counts:
            report(Case(count, steps_for(count, arguments.steps), double))
    few, wide = min(counts, key=lambda n: abs(n - 8)), 1000 if 1000 in counts else max(counts)
    small = Case(few, steps_for(few, arguments.steps))
    base = Case(wide, steps_for(wide, arguments.steps), work="batch")
    groups = report(small) / report(dataclasses.replace(small, work="batch"))
    forward = report(base)
    gradient = report(dataclasses.replace(base, work="gradient"))
    one_device = report(dataclasses.replace(base, devices=1))
    together = report(dataclasses.replace(base, compaction=False))
    print(f"at {few} columns a run is {groups:.2f} times as fast as one batch")
    print(f"at {wide} columns a gradient costs {forward / gradient:.2f} forward runs")
    print(f"two devices are {forward / one_device:.2f} times as fast as one")
    print(f"small batches for late columns are {forward / together:.2f} times as fast as none")
    if arguments.year:
        report(Case(wide, STEPS_A_YEAR, work="gradient"))


if __name__ == "__main__":
    main()
