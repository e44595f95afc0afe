"""What output files, figures and tables say of each variable: ALMA name, unit, sign and kind of average.

Names and signs follow the ALMA convention (Polcher et al. 2000; Bowling and Polcher 2001, "The ALMA data
exchange convention", version 3): turbulent fluxes positive up, net radiation and ground heat flux positive
down, GPP not negative. GPP keeps the unit of flux-tower files, umol m-2 s-1, where ALMA has kg m-2 s-1.
"""

import dataclasses


def printed_unit(units: str) -> str:
    """A unit such as ``mol m-2 s-1`` with superscripts, as figures and tables print it."""
    superscript = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    parts = [part[:1] + part[1:].translate(superscript) for part in units.split()]
    return " ".join(parts).replace("umol", "µmol")


@dataclasses.dataclass(frozen=True)
class AlmaVariable:
    """An output variable: name, ``units``, names for people and for CF, and how a step's value is made.

    ``short`` and ``label`` are its name and unit as figures print them. ``average`` is True for the mean
    over a step and False for the value at its end.
    """

    name: str
    units: str
    long_name: str
    standard_name: str | None = None
    average: bool = True
    positive: str | None = None

    @property
    def short(self) -> str:
        """Unit as printed in figures, with superscripts."""
        return printed_unit(self.units)

    @property
    def label(self) -> str:
        """Name and unit as printed in figures."""
        return f"{self.name} [{self.short}]"


_WATER_FLUX = "kg m-2 s-1"
_VARIABLES = (
    AlmaVariable("Qle", "W m-2", "latent heat flux", "surface_upward_latent_heat_flux", positive="up"),
    AlmaVariable("Qh", "W m-2", "sensible heat flux", "surface_upward_sensible_heat_flux", positive="up"),
    AlmaVariable("Rnet", "W m-2", "net radiation", "surface_net_downward_radiative_flux", positive="down"),
    AlmaVariable(
        "Qg", "W m-2", "ground heat flux", "downward_heat_flux_at_ground_level_in_soil", positive="down"
    ),
    AlmaVariable("GPP", "umol m-2 s-1", "gross primary production of carbon dioxide"),
    AlmaVariable("NEE", "umol m-2 s-1", "net ecosystem exchange of carbon dioxide", positive="up"),
    AlmaVariable("RadT", "K", "surface radiative temperature", "surface_temperature"),
    AlmaVariable(
        "SWnet", "W m-2", "net shortwave radiation", "surface_net_downward_shortwave_flux", positive="down"
    ),
    AlmaVariable(
        "LWnet", "W m-2", "net longwave radiation", "surface_net_downward_longwave_flux", positive="down"
    ),
    AlmaVariable(
        "SWup", "W m-2", "reflected shortwave", "surface_upwelling_shortwave_flux_in_air", positive="up"
    ),
    AlmaVariable(
        "LWup", "W m-2", "longwave going up", "surface_upwelling_longwave_flux_in_air", positive="up"
    ),
    AlmaVariable("Evap", _WATER_FLUX, "total evaporation", "water_evapotranspiration_flux", positive="up"),
    AlmaVariable("TVeg", _WATER_FLUX, "transpiration", "transpiration_flux", positive="up"),
    AlmaVariable("ECanop", _WATER_FLUX, "evaporation of intercepted water", positive="up"),
    AlmaVariable("ESoil", _WATER_FLUX, "evaporation of bare soil", positive="up"),
    AlmaVariable(
        "SubSnow", _WATER_FLUX, "sublimation of snow", "surface_snow_sublimation_flux", positive="up"
    ),
    AlmaVariable("Qs", _WATER_FLUX, "surface runoff", "surface_runoff_flux"),
    AlmaVariable("Qsb", _WATER_FLUX, "subsurface runoff", "subsurface_runoff_flux"),
    AlmaVariable("Qsm", _WATER_FLUX, "snowmelt", "surface_snow_melt_flux"),
    AlmaVariable("SWE", "kg m-2", "snow water equivalent", "surface_snow_amount", average=False),
    AlmaVariable("CanopInt", "kg m-2", "water on the canopy", "canopy_water_amount", average=False),
    AlmaVariable(
        "SoilMoist", "kg m-2", "water in the soil layer", "mass_content_of_water_in_soil_layer", average=False
    ),
    AlmaVariable("SoilTemp", "K", "temperature of the soil layer", "soil_temperature", average=False),
    AlmaVariable("converged", "1", "the surface energy balance of the step was solved"),
)

ALMA: dict[str, AlmaVariable] = {variable.name: variable for variable in _VARIABLES}
"""Known output variables by name."""


def alma_variable(name: str) -> AlmaVariable:
    """The entry of a known variable; for any other name one that claims no unit."""
    return ALMA.get(name, AlmaVariable(name, "", name))
