"""One step of the land model: the wiring of the processes, and the budgets they must keep."""

import dataclasses
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from tilth.constants import (
    DENSITY_WATER,
    LATENT_HEAT_SUBLIMATION,
    LATENT_HEAT_VAPORISATION,
    STEFAN_BOLTZMANN,
)
from tilth.models.matsiro.options import MatsiroOptions
from tilth.models.matsiro.seasonal import Variation
from tilth.models.matsiro.state import ColumnForcing, ColumnSettings, State
from tilth.models.matsiro.surface import Ground, Parameters, Weather, ground_influence, weather_of
from tilth.models.matsiro.surfaces import Surfaces, solve_surfaces
from tilth.physics import canopy_water, runoff, snow, soil_heat, soil_hydraulics, soil_water
from tilth.physics.elementary import sigmoid
from tilth.physics.surface_newton import Unknowns

SNOW_MIDPOINT, SNOW_WIDTH = 274.15, 0.6
"""Air temperature at which half the precipitation is snow, and the width of the change [K]."""
LARGEST_BASE_FLOW = 0.5
"""Largest share of a layer's liquid water that base flow takes in a step [-]."""

Outputs = dict[str, Array]


class Column(eqx.Module):
    """Everything about the columns that does not change with time, and how their parameters vary."""

    parameters: dict[str, Array]
    settings: ColumnSettings
    roots: Array
    variation: Variation

    @classmethod
    def of(
        cls, parameters: Parameters, settings: ColumnSettings, variation: Variation | None = None
    ) -> "Column":
        """Columns with their root fractions; ``variation`` of parameters over the year, by default none."""
        roots = soil_hydraulics.root_fractions(parameters["root_shallow"], parameters["root_deep"])
        return cls(dict(parameters), settings, roots, variation or Variation())

    def at(self, values: dict[str, Array]) -> "Column":
        """The columns with their parameters at a step of the given forcing ``[column]``."""
        if not self.variation.names:
            return self
        return dataclasses.replace(self, parameters=self.variation.applied(self.parameters, values))


def step(
    column: Column, state: State, forcing: ColumnForcing, options: MatsiroOptions
) -> tuple[State, Outputs]:
    """State and outputs after one step; ``forcing`` holds the step's values, ``[source]``."""
    settings = column.settings
    series = {name: getattr(forcing, name) for name in ColumnForcing.__dataclass_fields__}
    values = {name: of[settings.source] for name, of in series.items() if of is not None}
    column = column.at(values)
    parameters = column.parameters
    weather = weather_of(values, parameters["lai_scale"])
    ground = ground_influence(parameters, state, column.roots, step=settings.step, options=options)
    surfaces = solve_surfaces(parameters, settings, state, weather, ground, options=options)

    frozen_share = _snow_share(weather.air_temperature)
    rain = values["precipitation"] * (1.0 - frozen_share)
    snowfall = values["precipitation"] * frozen_share
    land = _integrate_land(
        column, state, surfaces, weather, ground,
        rain=rain, snowfall=snowfall, water_input=values["water_input"], options=options,
    )  # fmt: skip
    outputs = _diagnostics(column, surfaces, weather, values, land)
    return land.state, outputs


def _snow_share(temperature: Array) -> Array:
    """Share of precipitation that falls as snow [-], exactly none or all beyond about 4 K of the midpoint."""
    margin = 1e-3
    smooth = sigmoid((SNOW_MIDPOINT - temperature) * (1.0 / SNOW_WIDTH))
    return jnp.clip(smooth * (1.0 + 2.0 * margin) - margin, 0.0, 1.0)


class _Land(NamedTuple):
    """State after the land part of a step, with what its diagnostics need."""

    state: State
    runoff: Array
    subsurface_runoff: Array
    canopy_heat: Array
    ground_energy: Array
    """Change of the heat of soil and snow, latent heat included [W m-2]."""
    into_ground: Array
    """Heat that the surface and freezing canopy water give to soil and snow [W m-2]."""
    water_change: Array
    """Change of all stored water [kg m-2 s-1]."""


def _integrate_land(
    column: Column,
    state: State,
    surfaces: Surfaces,
    weather: Weather,
    ground: Ground,
    *,
    rain: Array,
    snowfall: Array,
    water_input: Array,
    options: MatsiroOptions,
) -> _Land:
    parameters, time_step = column.parameters, column.settings.step
    cover = surfaces.cover
    transpiration = surfaces.mean("transpiration")
    dew = jnp.minimum(transpiration, 0.0)
    canopy = canopy_water.update_canopy_water(
        state.canopy_water,
        state.canopy_frozen,
        canopy_water.CanopyFluxes(
            rain,
            snowfall,
            surfaces.mean("canopy_evaporation") + dew,
            surfaces.mean("canopy_sublimation"),
        ),
        frozen_next=surfaces.mean("frozen"),
        capacity=parameters["canopy_capacity"] * weather.leaf_area,
        leaf_area=weather.leaf_area,
        step=time_step,
    )
    from_soil, from_snow = surfaces.parts("ground_heat")
    from_snow = from_snow - cover * surfaces.solution.melt[1]
    evaporation, _ = surfaces.parts("ground_evaporation")
    soil_sublimation, snow_sublimation = surfaces.parts("ground_sublimation")
    pack = snow.update_snow(
        state.snow,
        snow.SnowForcing(
            from_snow - cover * canopy.heat,
            snow_sublimation,
            cover * canopy.rain,
            canopy.snowfall,
        ),
        cover=cover,
        soil_temperature=state.soil_temperature[0],
        soil_conductance=ground.conductance,
        step=time_step,
    )
    soil = soil_water.Soil(
        parameters["soil_b"],
        parameters["soil_psi_saturated"],
        parameters["soil_conductivity"],
        parameters["soil_porosity"],
    )
    sublimed = soil_sublimation * time_step / (DENSITY_WATER * soil_heat.LAYER_THICKNESS[0])
    water = state.soil_water.at[0].add(-sublimed)
    ice = state.soil_ice.at[0].add(-sublimed)

    temperature = soil_heat.conduct(
        state.soil_temperature,
        ground.conduction,
        pack.heat - from_soil + (1.0 - cover) * canopy.heat,
    )
    capacity = ground.conduction.capacity
    reaching = (1.0 - cover) * canopy.rain + pack.water + water_input
    moved, surface_flow, base_flow = _soil_water(
        column, water, ice, soil, ground,
        reaching=reaching,
        evaporation=evaporation,
        uptake=jnp.maximum(transpiration, 0.0),
        options=options,
    )  # fmt: skip
    if options.freezing:
        frozen = soil_heat.freeze(temperature, moved.water, ice, capacity=capacity)
    else:
        frozen = soil_heat.Frozen(temperature, ice, jnp.zeros_like(temperature))

    stored = sum(
        c * (new - old)
        for c, new, old in zip(capacity, frozen.temperature, state.soil_temperature, strict=True)
    )
    ground_energy = (stored - jnp.sum(frozen.released, axis=0)) / time_step + pack.gained
    thickness = jnp.asarray(soil_heat.LAYER_THICKNESS, moved.water.dtype)[:, None]
    water_change = (
        jnp.sum((moved.water - state.soil_water) * thickness, axis=0) * DENSITY_WATER
        + (canopy.store - state.canopy_water) * DENSITY_WATER
        + pack.pack.mass
        - state.snow.mass
    ) / time_step
    next_state = State(
        bare=jax.tree.map(lambda a: a[0], surfaces.solution.unknowns),
        snowy=_snowy_guess(surfaces, pack.pack.temperature),
        soil_temperature=frozen.temperature,
        soil_water=moved.water,
        soil_ice=frozen.ice,
        canopy_water=canopy.store,
        canopy_frozen=canopy.frozen,
        snow=pack.pack,
    )
    return _Land(
        next_state,
        surface_flow,
        base_flow,
        canopy.heat,
        ground_energy,
        canopy.heat - from_soil - from_snow,
        water_change,
    )


def _snowy_guess(surfaces: Surfaces, temperature: Array) -> Unknowns:
    """First guess on snow: the last solution there, or that of the snow-free part where there was none."""
    had_snow = surfaces.cover > 0.0
    found = surfaces.solution.unknowns
    return Unknowns(
        jnp.where(had_snow, found.ground[1], temperature),
        jnp.where(had_snow, found.canopy[1], found.canopy[0]),
        jnp.where(had_snow, found.co2[1], found.co2[0]),
    )


def _soil_water(
    column: Column,
    water: Array,
    ice: Array,
    soil: soil_water.Soil,
    ground: Ground,
    *,
    reaching: Array,
    evaporation: Array,
    uptake: Array,
    options: MatsiroOptions,
) -> tuple[soil_water.SoilWaterUpdate, Array, Array]:
    """Soil water after the step, surface runoff and subsurface runoff [kg m-2 s-1]."""
    time_step = column.settings.step
    if options.runoff == "topmodel":
        slope = runoff.hillslope_runoff(ground.saturation, ground.potential, soil.conductivity)
        thickness = jnp.asarray(soil_heat.LAYER_THICKNESS, water.dtype)[:, None]
        liquid = jnp.maximum(water - ice - soil_hydraulics.LEAST_SATURATION * soil.porosity[None], 0.0)
        most = LARGEST_BASE_FLOW * DENSITY_WATER * liquid * thickness / time_step[None]
        base = jnp.minimum(slope.base_flow, most)
        saturated = slope.saturated_fraction
        drainage = jnp.zeros_like(reaching)
    else:
        base = jnp.zeros_like(water)
        saturated = jnp.zeros_like(reaching)
        drainage = column.parameters["drainage"]
    over_land = runoff.surface_runoff(reaching, saturated, soil.conductivity)
    moved = soil_water.redistribute(
        water,
        ice,
        soil,
        soil_water.SoilWaterSinks(
            reaching - over_land - evaporation, base + ground.uptake * uptake[None], drainage
        ),
        step=time_step,
        upwind=options.conductivity == "upwind",
    )
    return moved, over_land + moved.overflow, jnp.sum(base, axis=0) + moved.drained


def _diagnostics(
    column: Column, surfaces: Surfaces, weather: Weather, values: dict[str, Array], land: _Land
) -> Outputs:
    """Outputs by ALMA name and sign; heat in [W m-2], water in [kg m-2 s-1], GPP in [umol m-2 s-1]."""
    mean = surfaces.mean
    sensible = mean("sensible_ground") + mean("sensible_canopy")
    soil_sublimation, snow_sublimation = surfaces.parts("ground_sublimation")
    evaporation = mean("ground_evaporation") + mean("transpiration") + mean("canopy_evaporation")
    sublimation = soil_sublimation + snow_sublimation + mean("canopy_sublimation")
    latent = LATENT_HEAT_VAPORISATION * evaporation + LATENT_HEAT_SUBLIMATION * sublimation
    sky = weather.sky
    down = sky.visible_beam + sky.visible_diffuse + sky.infrared_beam + sky.infrared_diffuse
    longwave_up = mean("longwave_up")
    shortwave_net = mean("shortwave")
    net = shortwave_net + weather.longwave_down - longwave_up
    into_ground = land.into_ground - land.canopy_heat
    solved = surfaces.solution.converged
    converged = solved[0] & (solved[1] | (surfaces.cover == 0.0))
    gains = values["precipitation"] + values["water_input"]
    losses = evaporation + sublimation + land.runoff + land.subsurface_runoff
    state = land.state
    thickness = jnp.asarray(soil_heat.LAYER_THICKNESS, net.dtype)[:, None]
    return {
        "Qle": latent,
        "Qh": sensible,
        "Rnet": net,
        "Qg": into_ground,
        "SWup": down - shortwave_net,
        "LWup": longwave_up,
        "RadT": jnp.sqrt(jnp.sqrt(longwave_up / STEFAN_BOLTZMANN)),
        "GPP": mean("gross_assimilation"),
        "TVeg": mean("transpiration"),
        "ESoil": mean("ground_evaporation") + soil_sublimation,
        "ECanop": mean("canopy_evaporation") + mean("canopy_sublimation"),
        "SubSnow": snow_sublimation,
        "VegT": _mean_unknown(surfaces, "canopy"),
        "BaresoilT": _mean_unknown(surfaces, "ground"),
        "SoilMoist": state.soil_water * thickness * DENSITY_WATER,
        "SoilTemp": state.soil_temperature,
        "SWE": state.snow.mass,
        "CanopInt": state.canopy_water * DENSITY_WATER,
        "Qs": land.runoff,
        "Qsb": land.subsurface_runoff,
        "converged": converged.astype(net.dtype),
        "SurfaceResidual": net - sensible - latent - into_ground,
        "EnergyResidual": land.ground_energy - land.into_ground,
        "WaterResidual": (gains - losses - land.water_change) * column.settings.step,
    }


def _mean_unknown(surfaces: Surfaces, name: str) -> Array:
    """Mean of a solved unknown over both parts."""
    found = getattr(surfaces.solution.unknowns, name)
    return (1.0 - surfaces.cover) * found[0] + surfaces.cover * found[1]
