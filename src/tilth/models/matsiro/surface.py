"""From parameters, state and forcing to the surface column that the energy balance is solved for."""

from collections.abc import Mapping
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool

from tilth.constants import (
    DENSITY_SNOW,
    DENSITY_WATER,
    DRY_ADIABATIC_LAPSE_RATE,
    MELTING_POINT,
    PHOTONS_PER_JOULE,
)
from tilth.models.matsiro.options import MatsiroOptions
from tilth.models.matsiro.state import State
from tilth.physics import radiation, snow, soil_heat, soil_hydraulics, thermodynamics, turbulence
from tilth.physics.dual import computed_once
from tilth.physics.elementary import sigmoid
from tilth.physics.photosynthesis import Leaf
from tilth.physics.stomata import Stomata
from tilth.physics.surface_fluxes import PHASE_WIDTH, SurfaceColumn

Parameters = Mapping[str, Array]
"""Physical parameter values by name, one per column."""

SNOW_MOMENTUM, SNOW_HEAT = 1e-3, 1e-4
"""Roughness lengths of snow [m]."""
HEAT_OVER_MOMENTUM = 0.1
"""Roughness length of the ground for heat over that for momentum [-] (MATSIRO6 chapter 4: 0.005 / 0.05 m)."""
COSINE_OF_DIFFUSE = 0.6427876
"""Cosine of 50 degrees, the mean angle of diffuse radiation on snow [-] (MATSIRO6 chapter 3)."""
LEAST_LEAF_AREA = 1e-3
"""Least leaf area index [m2 m-2]."""
LEAST_STRESS_FACTOR = 1e-3
"""Least water stress factor of the minimum stomatal conductance [-]."""


class Weather(NamedTuple):
    """Forcing of the columns in one step, with what follows from it."""

    air_temperature: Array
    specific_humidity: Array
    wind: Array
    pressure: Array
    longwave_down: Array
    sky: radiation.Sky
    co2: Array
    leaf_area: Array
    density: Array
    vapour: Array
    """Mole fraction of water vapour [mol mol-1]."""


class Ground(NamedTuple):
    """The soil's influence on the surface in one step."""

    stress: Array
    uptake: Array
    humidity: Array
    resistance: Array
    ice_fraction: Array
    conduction: soil_heat.Conduction
    node: soil_heat.Node
    """The soil as the snow-free surface feels it."""
    conductance: Array
    """Between the surface and the first soil node [W m-2 K-1]."""
    saturation: Array
    potential: Array


def ground_influence(
    parameters: Parameters, state: State, roots: Array, *, step: Array, options: MatsiroOptions
) -> Ground:
    """Water stress, uptake weights, evaporation resistance and heat conductance of the soil as it is."""
    porosity = parameters["soil_porosity"]
    saturation = jnp.stack(
        [
            soil_hydraulics.liquid_saturation(water, ice, porosity)
            for water, ice in zip(state.soil_water, state.soil_ice, strict=True)
        ]
    )
    potential = jnp.stack(
        [
            soil_hydraulics.water_potential(layer, parameters["soil_psi_saturated"], parameters["soil_b"])
            for layer in saturation
        ]
    )
    stress, uptake = soil_hydraulics.water_stress(
        saturation,
        potential,
        roots,
        critical_potential=parameters["psicr"],
        potential_unit=options.potential_unit,
    )
    top_water = jnp.maximum(state.soil_water[0], 1e-3)
    dry = parameters["soil_heat_conductivity"]
    conductance = soil_heat.heat_conductivity(top_water, dry) / soil_heat.SURFACE_DISTANCE
    conduction = soil_heat.conduction(state.soil_water, porosity, dry_conductivity=dry, step=step)
    ice_fraction = jnp.clip(state.soil_ice[0] / top_water, 0.0, 1.0)
    # Over ice the air in the pores is saturated, however little liquid there is.
    humidity = soil_hydraulics.reachable(saturation[0]) * soil_hydraulics.pore_humidity(
        potential[0], state.soil_temperature[0], options.kelvin_gas_constant
    )
    wetness = jnp.clip(top_water / porosity, 0.0, 1.0)
    return Ground(
        stress=stress,
        uptake=uptake,
        humidity=humidity + ice_fraction * (1.0 - humidity),
        resistance=soil_hydraulics.soil_resistance(wetness, parameters["soil_resistance"]),
        ice_fraction=ice_fraction,
        conduction=conduction,
        node=soil_heat.surface_node(state.soil_temperature, conduction, conductance),
        conductance=conductance,
        saturation=saturation,
        potential=potential,
    )


def surface_column(
    parameters: Parameters,
    state: State,
    weather: Weather,
    ground: Ground,
    *,
    reference_height: Array,
    c4: Bool[Array, " column"],
    step: Array,
    options: MatsiroOptions,
    on_snow: Bool[Array, " column"],
) -> SurfaceColumn:
    """The surface columns: the covered part of the ground where ``on_snow``, else the snow-free part."""
    cover = snow.snow_cover(state.snow.mass)
    pack = snow.mass_per_cover(state.snow.mass, cover)
    depth = jnp.where(on_snow, pack / DENSITY_SNOW, 0.0)
    height, leaf_area = _above_snow(parameters, weather.leaf_area, depth)
    wet = jnp.clip(
        state.canopy_water
        / (parameters["canopy_capacity"] * jnp.maximum(weather.leaf_area, LEAST_LEAF_AREA)),
        0.0,
        1.0,
    )
    last_canopy = jnp.where(on_snow, state.snowy.canopy, state.bare.canopy)
    frost = wet * sigmoid((MELTING_POINT - last_canopy) * (1.0 / PHASE_WIDTH))
    fresh, infrared, thermal = snow.albedos(state.snow.age, parameters["snow_albedo_visible"])
    short, visible = _shortwave(
        parameters, weather.sky, leaf_area, frost, snow_albedos=(fresh, infrared), on_snow=on_snow
    )

    full = options.vgcov_scope == "all"
    covered = parameters["vgcov"] if full else jnp.ones_like(leaf_area)
    inside = leaf_area / covered
    extinction = radiation.diffuse_extinction(*radiation.mixed_scattering(*visible))
    profile = parameters["nitrogen_extinction"] * extinction * inside
    light_factor = -jnp.expm1(-profile) / profile
    passing = jnp.exp(-radiation.LEAF_ORIENTATION * radiation.DIFFUSIVITY * inside)
    quanta = short.photosynthetic * (PHOTONS_PER_JOULE * 1e6)
    if options.par_mode == "absorbed":
        quanta = quanta * (
            radiation.LEAF_ORIENTATION * radiation.DIFFUSIVITY * (1.0 - visible[0] - visible[1])
        )
    roughness_ground = parameters["ground_roughness"]
    roughness_heat = HEAT_OVER_MOMENTUM * roughness_ground
    buried = 1.0 - depth / roughness_ground
    roughness_heat = jnp.where(on_snow, jnp.maximum(buried * roughness_heat, SNOW_HEAT), roughness_heat)
    roughness_ground = jnp.where(
        on_snow, jnp.maximum(buried * roughness_ground, SNOW_MOMENTUM), roughness_ground
    )
    rough = computed_once(
        turbulence.roughness(
            height,
            leaf_area,
            parameters["cdl"],
            leaf_heat_exchange=parameters["chl"],
            ground_momentum=roughness_ground,
            ground_heat=roughness_heat,
        )
    )
    profiles = computed_once(turbulence.log_profiles(rough, height, reference_height, depth))
    air = weather.air_temperature + DRY_ADIABATIC_LAPSE_RATE * reference_height
    snowy = snow.surface_node(
        pack, state.snow.temperature, soil_temperature=state.soil_temperature[0],
        soil_conductance=ground.conductance, step=step,
    )  # fmt: skip
    capacity = parameters["canopy_capacity"] * leaf_area * DENSITY_WATER
    return SurfaceColumn(
        turbulence=turbulence.prepare(profiles, weather.wind, air),
        leaf=Leaf(
            parameters["vmax0"] * 1e6 * ground.stress,
            parameters["effcon"],
            quanta,
            parameters["hhti"],
            parameters["hlti"],
            parameters["respiration_fraction"],
            parameters["colimitation_ce"],
            parameters["colimitation_ps"],
            parameters["effcon"] <= 0.07 if options.pathway == "sib2" else c4,
        ),
        stomata=Stomata(
            parameters["gradm"],
            parameters["binter"] * jnp.maximum(ground.stress, LEAST_STRESS_FACTOR),
            weather.co2,
            weather.vapour,
            light_factor,
            weather.pressure,
        ),
        air_density=weather.density,
        air_humidity=weather.specific_humidity,
        pressure=weather.pressure,
        leaf_area=leaf_area,
        shortwave_ground=short.ground,
        shortwave_canopy=short.canopy,
        longwave_down=weather.longwave_down,
        openness=covered * passing + (1.0 - covered),
        emissivity=parameters["emissivity"],
        ground_emissivity=jnp.where(on_snow, 1.0 - thermal, parameters["emissivity"]),
        ground_conductance=jnp.where(on_snow, snowy.conductance, ground.node.conductance),
        ground_temperature=jnp.where(on_snow, snowy.temperature, ground.node.temperature),
        soil_humidity=jnp.where(on_snow, 1.0, ground.humidity),
        deposition_humidity=(
            jnp.ones_like(wet) if options.adsorption == "none" else jnp.where(on_snow, 1.0, ground.humidity)
        ),
        soil_resistance=jnp.where(on_snow, 0.0, ground.resistance),
        ice_fraction=jnp.where(on_snow, 1.0, ground.ice_fraction),
        wet_fraction=wet,
        drain_canopy=step / capacity,
        drain_snow=jnp.where(on_snow, step / pack, 0.0),
        melts=on_snow,
    )


def _above_snow(parameters: Parameters, leaf_area: Array, depth: Array) -> tuple[Array, Array]:
    """Height [m] and leaf area of the canopy above snow of a depth [m] (MATSIRO6 chapter 2)."""
    tall = parameters["vegh"]
    base = parameters["canopy_base_ratio"] * tall
    height = jnp.maximum(tall - depth, 0.0)
    exposed = (height - jnp.maximum(base - depth, 0.0)) / (tall - base)
    return (
        jnp.maximum(height, turbulence.LEAST_HEIGHT),
        jnp.maximum(leaf_area * exposed, LEAST_LEAF_AREA),
    )


def _shortwave(
    parameters: Parameters,
    sky: radiation.Sky,
    leaf_area: Array,
    frost: Array,
    *,
    snow_albedos: tuple[Array, Array],
    on_snow: Bool[Array, " column"],
) -> tuple[radiation.ShortWave, tuple[Array, Array]]:
    """Short-wave fluxes, and the visible reflectance and transmittance of leaves without frost."""
    leaves = (
        radiation.limited_scattering(parameters["rlfv"], parameters["tlfv"]),
        radiation.limited_scattering(parameters["rlfn"], parameters["tlfn"]),
    )
    soils = (parameters["soil_albedo_visible"], parameters["soil_albedo_near_infrared"])
    cover = parameters["vgcov"]
    streams = []
    for leaf, soil, snowy in zip(leaves, soils, snow_albedos, strict=True):
        reflectance = leaf[0] + frost * (snowy - leaf[0])
        transmittance = leaf[1] + frost * (jnp.minimum(0.5 * (1.0 - snowy), leaf[1]) - leaf[1])
        beam = jnp.where(on_snow, radiation.snow_albedo(snowy, sky.cos_zenith), soil)
        diffuse = jnp.where(on_snow, radiation.snow_albedo(snowy, COSINE_OF_DIFFUSE), soil)
        stream = radiation.two_stream(
            *radiation.mixed_scattering(*radiation.limited_scattering(reflectance, transmittance)),
            leaf_area / cover,
            sky.cos_zenith,
            ground_beam_albedo=beam,
            ground_diffuse_albedo=diffuse,
        )
        streams.append(radiation.clumped(stream, cover, beam, diffuse))
    return radiation.absorbed(sky, *streams), leaves[0]


def weather_of(slice_: Mapping[str, Array], lai_scale: Array) -> Weather:
    """Weather of one step from the forcing of the columns in it."""
    temperature, humidity = slice_["air_temperature"], slice_["specific_humidity"]
    pressure = slice_["surface_pressure"]
    return Weather(
        air_temperature=temperature,
        specific_humidity=humidity,
        wind=turbulence.gusty_wind(slice_["wind_speed"]),
        pressure=pressure,
        longwave_down=slice_["longwave_down"],
        sky=radiation.split_sky(slice_["shortwave_down"], slice_["cos_zenith"]),
        co2=slice_["co2"],
        leaf_area=slice_["leaf_area_index"] * lai_scale,
        density=thermodynamics.air_density(temperature, humidity, pressure),
        vapour=thermodynamics.vapour_pressure(humidity, pressure) / pressure,
    )
