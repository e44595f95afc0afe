"""What an experiment at the size of Xie et al. 2025 costs: 20 sites × 3 years, 149 members, their networks.

    python benchmarks/scale.py [--fraction 0.01] [--spin-up-years 10] [--device cpu] [--stages ensemble …]

Sites are synthetic. Every stage is a process of its own, so that peak memory is that of the stage, and runs
the functions that experiments run, on part of the work:

    sites       making the 20 records, all of them
    ensemble    149 members at 20 sites, with ``--fraction`` of the records from April on, kept in the store
    surrogate   epochs of ``--fraction`` of 50 000 windows with the paper's network
    generator   epochs of the paper's generator through that surrogate, one network for all sites
    true model  two runs at each site, with ``--fraction`` of the records

The whole is what the part took without compilation, times the work that was left out, plus compilation. The
cost of the land model is proportional to steps: that of its spin-up years too, which repeat the first year.
``--epochs`` are few; what the paper's 200 and 2 000 would take is printed beside. Peak memory is measured; at
full length a batch of the ensemble holds the series that are stated more.
"""

import argparse
import dataclasses
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STAGES = ("sites", "ensemble", "surrogate", "generator", "true model")
CLIMATES = ("temperate", "continental", "semi-arid", "tropical")
CLASSES = ("evergreen", "woodland", "grassland", "cultivation")
STEPS_A_YEAR = 365 * 48
FIRST = 90 * 48
PAPER_EPOCHS = {"surrogate": 200, "generator": 2000}


@dataclasses.dataclass(frozen=True)
class Size:
    """What is timed."""

    sites: int
    years: float
    joint: int
    fraction: float
    spin_up: int
    epochs: int
    windows: int


def records(size: Size, *, part: bool):
    """The synthetic records, whole or cut to the timed fraction, observed with plausible fluxes."""
    from tilth.data.weather import synthetic_site, with_twin_observations

    found = []
    for number in range(size.sites):
        record = synthetic_site(
            f"SY-{number:02d}",
            plant_class=CLASSES[number % 4],
            climate=CLIMATES[number // 4 % 4],
            years=size.years,
            seed=number,
        )
        if part:
            record = cut(record, max(4 * 48, round(size.fraction * len(record.time) / 48) * 48))
        sun = record.forcing["shortwave_down"]
        found.append(with_twin_observations(record, {"Qle": 0.3 * sun, "Qh": 0.2 * sun}, 1.0, number, 0.1))
    return found


def cut(record, length: int):
    """``length`` steps of a record from April on, or from its beginning where there are not so many."""
    from tilth.data.shortened import part_of

    start = min(FIRST, len(record.time) - length)
    return part_of(record, slice(start, start + length))


def experiment(size: Size):
    """The experiment with the paper's sizes; its sites are made here."""
    from tilth.config_files import experiment as checked

    synthetic = {"name": "SY", "class": "woodland", "climate": "temperate"}
    return checked(
        {
            "sites": [{"synthetic": synthetic}],
            "preset": "paper",
            "method": "mdpl",
            "pooling": "network",
            "model": {"spin_up_years": size.spin_up},
        }
    )


def stage_sites(size: Size, folder: Path) -> dict[str, float]:
    begin = time.perf_counter()
    records(size, part=False)
    seconds = time.perf_counter() - begin
    return {"part": seconds, "whole": seconds}


def stage_ensemble(size: Size, folder: Path) -> dict[str, float]:
    import numpy as np

    from tilth.data.containers import Sites
    from tilth.ensembles.design import latin_hypercube
    from tilth.ensembles.run import members_at_once, run_ensemble
    from tilth.pipeline.land_model import FLUXES, land_model
    from tilth.pipeline.presets import ensemble_design

    settings, given = experiment(size), records(size, part=True)
    sites, whole_steps = Sites.of(given), round(size.years * STEPS_A_YEAR)
    model = land_model(settings, output_names=FLUXES)
    alone = ensemble_design(settings, given)
    joint = latin_hypercube(settings.space(), size.joint, 0)[:, None]
    design = np.concatenate([alone, np.repeat(joint, len(given), axis=1)])
    chunk = min(members_at_once_of(len(given), whole_steps, members_at_once, sites), len(design))
    begin = time.perf_counter()
    run_ensemble(model, design[:chunk], sites, folder / "compiled.zarr", chunk=chunk)
    middle = time.perf_counter()
    store = run_ensemble(model, design, sites, folder / "ensemble.zarr", chunk=chunk)
    part = time.perf_counter() - middle
    compilation = middle - begin - part * chunk / len(design)
    more = steps_of_runs(size, len(given[0].time))
    return {
        "part": part,
        "whole": part * more + compilation,
        "compilation": compilation,
        "members": float(len(design)),
        "failed": float((~store.succeeded).sum()),
        "column_years": len(design) * len(given) * (size.years + size.spin_up),
        "more_memory": 4 * 8 * chunk * len(given) * (whole_steps - len(given[0].time)) / 2**30,
    }


def members_at_once_of(sites: int, steps: int, usual, short) -> int:
    """Members of a batch of whole records, which are fewer than those of short ones where memory decides."""
    from tilth.ensembles.run import VALUES

    return max(1, min(usual(short), VALUES // (sites * steps)))


def steps_of_runs(size: Size, length: int) -> float:
    """Steps of whole runs, spin-up included, over those of runs of ``length`` steps."""
    whole = round(size.years * STEPS_A_YEAR)
    return (whole + size.spin_up * min(whole, STEPS_A_YEAR)) / (length * (1 + size.spin_up))


def stage_surrogate(size: Size, folder: Path) -> dict[str, float]:
    import jax

    from tilth.data.containers import Sites
    from tilth.ensembles.store import EnsembleStore
    from tilth.pipeline.presets import surrogate_settings
    from tilth.surrogates.files import save_surrogate
    from tilth.surrogates.train import train_surrogate

    settings = surrogate_settings(experiment(size))
    training = dataclasses.replace(
        settings.training, epochs=2, windows_per_epoch=max(2 * 256, round(size.fraction * size.windows))
    )
    clock = Clock()
    surrogate = train_surrogate(
        EnsembleStore.open(folder / "ensemble.zarr"),
        Sites.of(records(size, part=True)),
        dataclasses.replace(settings, training=training),
        key=jax.random.key(0),
        progress=clock,
    )
    save_surrogate(folder / "surrogate", surrogate)
    return clock.extrapolated(
        size.epochs * size.windows / 256 / training.steps_per_epoch, PAPER_EPOCHS["surrogate"] / size.epochs
    )


def stage_generator(size: Size, folder: Path) -> dict[str, float]:
    import jax

    from tilth.calibration.base import calibrate
    from tilth.pipeline.learning import problem_of
    from tilth.pipeline.presets import calibrator
    from tilth.surrogates.files import load_surrogate

    settings, given = experiment(size), records(size, part=True)
    method = calibrator(settings, "mdpl")
    training = dataclasses.replace(
        method.training, epochs=2, windows_per_epoch=max(256, round(8 * size.fraction) * 256)
    )
    clock = Clock()
    calibrate(
        problem_of(settings, load_surrogate(folder / "surrogate"), given),
        dataclasses.replace(method, training=training),
        key=jax.random.key(0),
        progress=clock,
        throw=False,
    )
    more = method.training.steps_per_epoch / training.steps_per_epoch
    return clock.extrapolated(size.epochs * more, PAPER_EPOCHS["generator"] / size.epochs)


def stage_true_model(size: Size, folder: Path) -> dict[str, float]:
    import jax
    import jax.numpy as jnp
    import numpy as np

    from tilth.data.containers import Sites
    from tilth.pipeline.land_model import SIMULATED, class_defaults, land_model

    settings, given = experiment(size), records(size, part=True)
    model = land_model(settings, output_names=SIMULATED)
    thetas = jnp.asarray(np.stack([class_defaults(settings, record) for record in given]))
    both, sites = jnp.stack([thetas, thetas]), Sites.of(given)
    begin = time.perf_counter()
    jax.block_until_ready(model.run(both, sites).outputs)
    middle = time.perf_counter()
    jax.block_until_ready(model.run(both, sites).outputs)
    part = time.perf_counter() - middle
    compilation = middle - begin - part
    whole = part * steps_of_runs(size, len(given[0].time)) + compilation
    return {"part": part, "whole": whole, "compilation": compilation}


class Clock:
    """Times of the epochs of a training as its progress is told."""

    def __init__(self) -> None:
        self.moments = [time.perf_counter()]

    def __call__(self, done: int, total: int, message: str) -> None:
        """Notes the time of a finished epoch."""
        self.moments.append(time.perf_counter())

    def extrapolated(self, epochs: float, paper: float) -> dict[str, float]:
        """The last epoch times ``epochs``; ``paper`` times as many are the paper's."""
        part = self.moments[-1] - self.moments[-2]
        compilation = self.moments[1] - self.moments[0] - part
        return {
            "part": part,
            "whole": part * epochs + compilation,
            "compilation": compilation,
            "paper": part * epochs * paper + compilation,
        }


def measure(stage: str, size: Size, folder: Path) -> dict[str, float]:
    """A stage in this process: times [s] and peak memory [GiB]."""
    import jax

    jax.config.update("jax_enable_x64", True)
    if os.environ["JAX_PLATFORMS"] == "cpu":
        jax.config.update("jax_num_cpu_devices", os.cpu_count() or 1)
    found = globals()[f"stage_{stage.replace(' ', '_')}"](size, folder)
    found["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    stats = jax.local_devices()[0].memory_stats() if jax.default_backend() != "cpu" else None
    return {**found, "device_memory": (stats or {}).get("peak_bytes_in_use", 0) / 2**30}


def in_process(stage: str, size: Size, folder: Path, device: str) -> dict[str, float]:
    """The stage in a fresh process on ``device``."""
    arguments = ["--case", json.dumps({"stage": stage, "folder": str(folder), **dataclasses.asdict(size)})]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu" if device == "cpu" else "cuda"}
    finished = subprocess.run(
        [sys.executable, __file__, *arguments], capture_output=True, text=True, check=False, env=environment
    )
    if finished.returncode:
        raise SystemExit(f"the stage {stage} failed on {device}:\n{finished.stderr}")
    return json.loads(finished.stdout.splitlines()[-1])


def has_gpu() -> bool:
    """Whether JAX finds a GPU."""
    program = "import jax; print(jax.default_backend())"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    return found.stdout.strip() in ("gpu", "cuda", "rocm")


def report(size: Size, device: str, stages: list[str]) -> None:
    """Runs the stages on a device and prints a row each."""
    cores = f"{os.cpu_count()} cores" if device == "cpu" else "GPU"
    print(f"{device} ({cores}), {size.sites} sites × {size.years:g} years, {size.fraction:.2%} of the work")
    print("stage       measured [s]  compilation [s]  peak memory [GiB]  whole [min]  remarks")
    total = 0.0
    with tempfile.TemporaryDirectory() as name:
        for stage in stages:
            found = in_process(stage, size, Path(name), device)
            total += found["whole"]
            memory = f"{found['memory']:.2f}"
            if found["device_memory"]:
                memory += f" + {found['device_memory']:.2f}"
            print(
                f"{stage:11} {found['part']:12.1f} {found.get('compilation', 0.0):16.1f} {memory:>18}"
                f" {found['whole'] / 60:12.1f}  {remarks(stage, found, size)}",
                flush=True,
            )
    print(f"{'all':11} {'':>12} {'':>16} {'':>18} {total / 60:12.1f}")


def remarks(stage: str, found: dict[str, float], size: Size) -> str:
    """What else is to be said of a stage."""
    if stage == "ensemble":
        return (
            f"{found['members']:.0f} members, {found['failed']:.0f} failed, {found['column_years']:.0f} "
            f"column-years with {size.spin_up} of spin-up, {found['column_years'] / found['whole']:.1f} a "
            f"second; up to {found['more_memory']:.2f} GiB more at full length"
        )
    if "paper" in found:
        return f"{size.epochs} epochs; the paper's {PAPER_EPOCHS[stage]} take {found['paper'] / 3600:.1f} h"
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fraction", type=float, default=0.01)
    parser.add_argument("--sites", type=int, default=20)
    parser.add_argument("--years", type=float, default=3.0)
    parser.add_argument("--joint", type=int, default=100)
    parser.add_argument("--spin-up-years", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--windows", type=int, default=50_000)
    parser.add_argument("--device", choices=("cpu", "gpu", "all"), default="all")
    parser.add_argument("--stages", nargs="*", choices=STAGES, default=list(STAGES))
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        case = json.loads(options.case)
        stage, folder = case.pop("stage"), Path(case.pop("folder"))
        print(json.dumps(measure(stage, Size(**case), folder)))
        return
    if not 0.0 < options.fraction <= 1.0:
        raise SystemExit(f"--fraction: expected a share above 0 and up to 1, got {options.fraction}")
    size = Size(
        options.sites, options.years, options.joint, options.fraction, options.spin_up_years, options.epochs,
        options.windows,
    )  # fmt: skip
    gpu = options.device != "cpu" and has_gpu()
    if options.device == "gpu" and not gpu:
        raise SystemExit("--device gpu: JAX finds no GPU on this machine")
    for device in [name for name in ("cpu", "gpu") if options.device in (name, "all")]:
        if device == "cpu" or gpu:
            report(size, device, options.stages)
    if options.device == "all" and not gpu:
        print("no GPU on this machine: CPU only")


if __name__ == "__main__":
    main()
