"""The listing of the land model's parameters."""

import io

from rich.console import Console
from rich.table import Table

from tilth.parameters.parameter import PLANT_CLASSES, Parameter
from tilth.parameters.tables import CALIBRATED, parameter_table


def parameter_listing(width: int = 160) -> str:
    """A table of every parameter: unit, range, scale, defaults by class or soil, what it does."""
    table = Table(title="Parameters of the land model (* calibrated unless told otherwise)")
    for column in ("parameter", "unit", "lower", "upper", "scale", "default", "what it is"):
        table.add_column(column, overflow="fold")
    for parameter in parameter_table().values():
        mark = "*" if parameter.name in CALIBRATED else ""
        table.add_row(
            parameter.name + mark,
            parameter.unit,
            f"{parameter.lower:g}",
            f"{parameter.upper:g}",
            parameter.scale,
            _defaults(parameter),
            parameter.long_name,
        )
    text = io.StringIO()
    Console(width=width, file=text).print(table)
    return text.getvalue()


def _defaults(parameter: Parameter) -> str:
    if parameter.by_class:
        return ", ".join(f"{name} {parameter.by_class[name]:g}" for name in PLANT_CLASSES)
    if parameter.by_soil:
        return ", ".join(f"{name} {value:g}" for name, value in parameter.by_soil.items())
    return "" if parameter.value is None else f"{parameter.value:g}"
