"""The command line: ``tilth demo | check | simulate | calibrate | run | report | parameters``.

Exit codes: 0 all is well; 1 an unexpected error (a defect of tilth, shown with its traceback); 2 a wrong
option or input, told in one message; 3 a numerical failure of a model or a calibration; 130 interrupted.
"""

import contextlib
import functools
import importlib.metadata
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tilth.cli_leaf import leaf_commands

UNEXPECTED, WRONG_INPUT, NUMERICAL_FAILURE, INTERRUPTED = 1, 2, 3, 130

app = typer.Typer(
    name="tilth",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Calibrate land surface models against flux towers. Exit codes: 0 all is well, 1 unexpected error, "
    "2 wrong option or input, 3 numerical failure, 130 interrupted.",
)

Files = Annotated[list[Path], typer.Argument(help="Met and Flux files (netCDF) of one site.")]
Out = Annotated[Path | None, typer.Option("--out", help="Folder for the results, runs/<name>/ unless given.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a run that is in the folder.")]
Resume = Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of everything random.")]
Defaults = Annotated[
    str, typer.Option("--defaults", help="class, or site: canopy height of the file, C3 poleward of 40°.")
]
Dtype = Annotated[str, typer.Option("--dtype", help="Precision of the physics: float64 or float32.")]
SetValue = Annotated[
    list[str], typer.Option("--set", help="NAME=VALUE: a parameter's default; may be given more than once.")
]
Lwdown = Annotated[
    str | None, typer.Option("--lwdown", help="Formula for long-wave radiation that the files lack.")
]
Lai = Annotated[Path | None, typer.Option("--lai", help="CSV table of leaf area index.")]
Soil = Annotated[str | None, typer.Option("--soil", help="Soil class.")]
PlantClass = Annotated[
    str | None, typer.Option("--class", help="evergreen, woodland, grassland or cultivation.")
]
Pathway = Annotated[str | None, typer.Option("--pathway", help="C3 or C4.")]
UtcOffset = Annotated[
    float | None, typer.Option("--utc-offset", help="Offset from UTC that the clock shall follow [h].")
]
CanopyHeight = Annotated[float | None, typer.Option("--canopy-height", help="Height of the canopy [m].")]
ReferenceHeight = Annotated[
    float | None, typer.Option("--reference-height", help="Height of the forcing above ground [m].")
]
Irrigation = Annotated[
    str | None, typer.Option("--irrigation", help="Added water, as 4@5-9: 4 mm a day, May to September.")
]


def _print_version(asked: bool) -> bool:
    if asked:
        typer.echo(f"tilth {importlib.metadata.version('tilth')}")
        raise typer.Exit
    return asked


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """What all commands share."""


@contextlib.contextmanager
def _reporting(dtype: str | None) -> Iterator[Callable[[int, int, str], None]]:
    """Sets JAX up, shows progress and turns what goes wrong into one message and an exit code."""
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )
    try:
        if dtype is not None:
            _configure(dtype)
        with bars:
            yield _progress(bars)
    except (ValueError, OSError) as error:
        _fail(str(error), WRONG_INPUT)
    except FloatingPointError as error:
        _fail(f"numerical failure: {error}", NUMERICAL_FAILURE)
    except KeyboardInterrupt:
        _fail("interrupted; what was finished is kept, --resume continues", INTERRUPTED)
    except typer.Exit:
        raise
    except Exception:
        traceback.print_exc()
        _fail("this is a defect of tilth; please report the lines above", UNEXPECTED)


@app.command()
def demo(out: Out = None, seed: Seed = 0, force: Force = False) -> None:
    """Calibrate synthetic towers whose true parameters are known (about 4 minutes, no data needed)."""
    with _reporting("float64") as progress:
        from tilth.pipeline.demo import demo as run_demo
        from tilth.pipeline.side_by_side import Processes, usable_cores

        processes = Processes(min(2, len(usable_cores())), functools.partial(_configure, "float64"))
        folder = out or Path("runs") / "demo"
        typer.echo(run_demo(folder, seed=seed, force=force, progress=progress, processes=processes))


@app.command()
def check(
    files: Files,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
    lwdown: Lwdown = None,
    lai: Lai = None,
    soil: Soil = None,
    plant_class: PlantClass = None,
    pathway: Pathway = None,
    utc_offset: UtcOffset = None,
    canopy_height: CanopyHeight = None,
    reference_height: ReferenceHeight = None,
    irrigation: Irrigation = None,
) -> None:
    """Say what is in the files of a site and everything suspicious about them."""
    site = _site(files, locals())
    with _reporting("float64"):
        from tilth.pipeline.check import check as run_check

        options = _experiment({"sites": [site]}).sites[0].site_options()
        checked = run_check(files, options, as_json=as_json)
        typer.echo(checked.text)
        if checked.refused is not None:
            raise ValueError(checked.refused)


@app.command()
def simulate(
    files: Files,
    out: Out = None,
    defaults: Defaults = "class",
    set_values: SetValue = [],  # noqa: B006 - typer copies it
    seed: Seed = 0,
    dtype: Dtype = "float64",
    force: Force = False,
    lwdown: Lwdown = None,
    lai: Lai = None,
    soil: Soil = None,
    plant_class: PlantClass = None,
    pathway: Pathway = None,
    utc_offset: UtcOffset = None,
    canopy_height: CanopyHeight = None,
    reference_height: ReferenceHeight = None,
    irrigation: Irrigation = None,
) -> None:
    """Run the land model with default parameters over a site's whole record and score it."""
    site = _site(files, locals())
    settings = {"name": _name(files, "simulate"), "sites": [site], "defaults": defaults, "seed": seed}
    with _reporting(dtype) as progress:
        experiment = _experiment({**settings, "dtype": dtype, "set": _assignments(set_values)})
        folder = out or Path("runs") / experiment.name
        from tilth.pipeline.simulate import simulate as run_simulate

        run_simulate(experiment, folder, force=force, progress=progress)
        _done(folder)


@app.command()
def calibrate(
    files: Files,
    method: Annotated[str, typer.Option("--method", help="mdpl, dpl or direct.")],
    out: Out = None,
    preset: Annotated[str, typer.Option("--preset", help="Sizes: quick or paper.")] = "quick",
    target: Annotated[
        str, typer.Option("--target", help="Fluxes to learn from: raw, corrected or closure.")
    ] = "raw",
    loss: Annotated[str, typer.Option("--loss", help="mse, mse-correlation or kge.")] = "mse",
    parameters: Annotated[
        str | None,
        typer.Option(
            "--parameters",
            help="Parameters to learn, with commas between; or calibrated (the 12 of Xie et al. 2025, the "
            "default), surface (all but those of water in the soil), all.",
        ),
    ] = None,
    defaults: Defaults = "class",
    verify: Annotated[
        bool | None,
        typer.Option(
            "--verify/--no-verify",
            help="mdpl and dpl: add model runs around what was learned and go on training until the "
            "surrogate passes its audit there; left to the preset unless given.",
        ),
    ] = None,
    set_values: SetValue = [],  # noqa: B006 - typer copies it
    peers: Annotated[
        Path | None, typer.Option("--peers", help="CSV table of scores of other models.")
    ] = None,
    seed: Seed = 0,
    dtype: Dtype = "float64",
    resume: Resume = False,
    force: Force = False,
    lwdown: Lwdown = None,
    lai: Lai = None,
    soil: Soil = None,
    plant_class: PlantClass = None,
    pathway: Pathway = None,
    utc_offset: UtcOffset = None,
    canopy_height: CanopyHeight = None,
    reference_height: ReferenceHeight = None,
    irrigation: Irrigation = None,
) -> None:
    """Learn a site's parameters from its fluxes, re-run the land model with them and show what was gained."""
    settings: dict[str, Any] = {
        "name": _name(files, method),
        "sites": [_site(files, locals())],
        "method": method,
        "preset": preset,
        "target": target,
        "loss": loss,
        "defaults": defaults,
        "verify": verify,
        "seed": seed,
        "dtype": dtype,
    }
    if parameters is not None:
        settings["parameters"] = [name.strip() for name in parameters.split(",")]
    if peers is not None:
        settings["peers"] = peers
    with _reporting(dtype) as progress:
        experiment = _experiment({**settings, "set": _assignments(set_values)})
        from tilth.pipeline.calibrate import calibrate as run_calibrate

        folder = out or Path("runs") / experiment.name
        run_calibrate(experiment, folder, resume=resume, force=force, progress=progress)
        _done(folder)


@app.command()
def run(
    experiment: Annotated[Path, typer.Argument(help="The experiment file (YAML).")],
    data: Annotated[
        Path | None,
        typer.Option("--data", envvar="TILTH_DATA", help="Folder that the file names are relative to."),
    ] = None,
    out: Out = None,
    processes: Annotated[
        int,
        typer.Option(
            "--processes",
            help="Calibrations that share no runs side by side, each with its share of the cores and memory "
            "of its own.",
        ),
    ] = 1,
    resume: Resume = False,
    force: Force = False,
) -> None:
    """Run all sites and methods of an experiment file."""
    with _reporting(None) as progress:
        from tilth.config_files import read_experiment

        settings = read_experiment(experiment)
        _configure(settings.dtype)
        from tilth.pipeline.kinds import runner
        from tilth.pipeline.side_by_side import Processes

        folder = out or Path("runs") / settings.name
        several = Processes(processes, functools.partial(_configure, settings.dtype))
        runner(settings, several)(settings, folder, root=data, resume=resume, force=force, progress=progress)
        _done(folder)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a finished run.")],
) -> None:
    """Write the report of a finished run again."""
    with _reporting("float64"):
        from tilth.report.html import write_report

        typer.echo(f"wrote {write_report(folder)}")


@app.command()
def parameters() -> None:
    """Print the parameters of the land model with their units, ranges and defaults."""
    with _reporting("float64"):
        from tilth.pipeline.parameters import parameter_listing

        typer.echo(parameter_listing())


app.add_typer(leaf_commands(lambda dtype: _reporting(dtype)), name="leaf")


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point of the ``tilth`` command; exits with one of the documented codes."""
    app(args=None if arguments is None else list(arguments), prog_name="tilth")


def _fail(message: str, code: int) -> None:
    """Prints a message to standard error and exits."""
    typer.echo(f"tilth: {message}", err=True)
    if os.environ.get("TILTH_TRACEBACK"):
        traceback.print_exc()
    raise typer.Exit(code)


def _configure(dtype: str) -> None:
    """Sets precision, one JAX device a core, flags of XLA and a cache of compiled code.

    All before the backend starts; flags of XLA that the user has set stay as they are.
    """
    import jax

    from tilth.pipeline.compiled_code import xla_flags
    from tilth.pipeline.side_by_side import usable_cores

    os.environ.setdefault("XLA_FLAGS", xla_flags())

    if jax.config.values["jax_compilation_cache_dir"] is None:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tilth" / "jax"
        jax.config.update("jax_compilation_cache_dir", str(cache))
    jax.config.update("jax_enable_x64", dtype != "float32")
    with contextlib.suppress(RuntimeError):
        jax.config.update("jax_num_cpu_devices", len(usable_cores()))


def _progress(bars: Progress) -> Callable[[int, int, str], None]:
    """Progress of stages: one bar for each first word of the messages, renewed when a stage starts again."""
    tasks: dict[str, Any] = {}

    def report_progress(done: int, total: int, message: str) -> None:
        stage = message.split(":")[0]
        if stage not in tasks:
            tasks[stage] = bars.add_task(message, total=total)
        bars.update(tasks[stage], completed=done, total=total, description=message)

    return report_progress


def _experiment(settings: dict[str, Any]) -> Any:
    from tilth.config_files import experiment

    return experiment(settings)


def _site(files: Sequence[Path], options: dict[str, Any]) -> dict[str, Any]:
    """The entry of a site from a command's options."""
    names = (
        "lwdown", "lai", "soil", "plant_class", "pathway", "utc_offset", "canopy_height", "reference_height",
        "irrigation",
    )  # fmt: skip
    return {"files": list(files), **{n: options[n] for n in names if options[n] is not None}}


def _name(files: Sequence[Path], method: str) -> str:
    """The name of a run: the site as the files' names begin, and what is done."""
    site = "".join(c if c.isalnum() or c in "-." else "-" for c in files[0].name.split("_")[0])
    return f"{site}-{''.join(c for c in method if c.isalnum())}"


def _assignments(texts: Sequence[str]) -> dict[str, float]:
    values = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            values[name.strip()] = float(value)
        except ValueError:
            raise ValueError(f"--set expects NAME=VALUE such as vegh=12.5, got {text!r}") from None
    return values


def _done(folder: Path) -> None:
    typer.echo(f"results in {folder}; open {folder / 'report.html'}")


if __name__ == "__main__":
    main(sys.argv[1:])
