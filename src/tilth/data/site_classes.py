"""From a site's IGBP land cover to the plant class of the land model's parameter table.

The four classes are those of Xie et al. 2025, Table 2; IGBP classes follow Loveland and Belward (1997,
doi:10.1080/014311697217099).
"""

PLANT_CLASSES = ("evergreen", "woodland", "grassland", "cultivation")

CLASS_OF_IGBP = {
    "EBF": "evergreen",
    "ENF": "woodland",
    "DNF": "woodland",
    "DBF": "woodland",
    "MF": "woodland",
    "WSA": "woodland",
    "CSH": "grassland",
    "OSH": "grassland",
    "SAV": "grassland",
    "GRA": "grassland",
    "WET": "grassland",
    "CRO": "cultivation",
    "CVM": "cultivation",
}
"""Plant class of each IGBP class that has one."""

IGBP_OF_CLASS = {"evergreen": "EBF", "woodland": "MF", "grassland": "GRA", "cultivation": "CRO"}
"""The IGBP class that stands for a plant class where a table by IGBP is asked and the files name none."""

DEFAULT_CANOPY_HEIGHT = {"evergreen": 35.0, "woodland": 20.0, "grassland": 1.0, "cultivation": 1.0}
"""Canopy height of each plant class [m]: SiB2, Sellers et al. (1996),
doi:10.1175/1520-0442(1996)009<0706:ARLSPF>2.0.CO;2, Table 2."""


def plant_class(igbp: str, chosen: str | None) -> tuple[str, str]:
    """Plant class of a site and where it came from; ``chosen`` goes before the class of ``igbp``."""
    if chosen is not None:
        return chosen, "option --class"
    if igbp in CLASS_OF_IGBP:
        return CLASS_OF_IGBP[igbp], f"IGBP class {igbp} of the file"
    expected = ", ".join(CLASS_OF_IGBP)
    raise ValueError(
        f"expected an IGBP_veg_short of {expected}, got {igbp or 'none'!r}: "
        f"name the plant class with --class ({', '.join(PLANT_CLASSES)})"
    )


def reference_height(measured: float | None, chosen: float | None, canopy_height: float) -> tuple[float, str]:
    """Height of the forcing above the ground [m] and where it came from.

    The default where none is known is the larger of 1.5 canopy heights and 5 m above the canopy.
    """
    if chosen is not None:
        return chosen, "option --reference-height"
    if measured is not None:
        return measured, "file"
    return max(1.5 * canopy_height, canopy_height + 5.0), "default max(1.5 h, h + 5 m)"
