"""The leaf commands of the command line: ``tilth leaf demo | run``."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer

Reporting = Callable[[str | None], AbstractContextManager[Callable[[int, int, str], None]]]
Out = Annotated[Path | None, typer.Option("--out", help="Folder for the results, runs/<name>/ unless given.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a run that is in the folder.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of everything random.")]
Data = Annotated[
    Path | None,
    typer.Option("--data", envvar="TILTH_DATA", help="Folder that the file names are relative to."),
]


def leaf_commands(reporting: Reporting) -> typer.Typer:
    """The commands as an application to mount; ``reporting`` shows progress and turns errors into words."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        help="Learn leaf photosynthesis parameters from gas exchange.",
    )

    @app.command()
    def demo(out: Out = None, seed: Seed = 0, force: Force = False) -> None:
        """Recover known parameters of synthetic leaves (under a minute, no data needed)."""
        with reporting("float64") as progress:
            from tilth.pipeline.leaf import demo_leaf

            message = demo_leaf(out=out, seed=seed, force=force, progress=progress)
        typer.echo(message)

    @app.command()
    def run(
        file: Annotated[Path, typer.Argument(metavar="EXPERIMENT", help="The experiment file (YAML).")],
        data: Data = None,
        out: Out = None,
        force: Force = False,
    ) -> None:
        """Run a leaf experiment: synthetic recovery, or formulations compared on measurements."""
        with reporting("float64") as progress:
            from tilth.pipeline.leaf import run_leaf

            message = run_leaf(file, data=data, out=out, force=force, progress=progress)
        typer.echo(message)

    return app
