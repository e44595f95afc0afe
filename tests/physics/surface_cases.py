"""Builds surface columns of the reference cases: one big leaf over loam, as in a single step of the model."""

import jax.numpy as jnp

from tilth.physics import radiation, thermodynamics, turbulence
from tilth.physics.photosynthesis import Leaf
from tilth.physics.stomata import Stomata
from tilth.physics.surface_fluxes import SurfaceColumn

EVERGREEN = dict(
    height=35.0, leaf_area=5.0, drag=0.11, heat=0.0274, tower=45.0, visible=(0.10, 0.05),
    infrared=(0.45, 0.25), heat_limit=313.0, cold_limit=288.0,
)  # fmt: skip
CROP = dict(
    height=1.0, leaf_area=3.0, drag=0.098, heat=0.0246, tower=10.0, visible=(0.11, 0.07),
    infrared=(0.58, 0.25), heat_limit=308.0, cold_limit=281.0,
)  # fmt: skip
DAY = dict(
    temperature=298.15, humidity=0.6, wind=3.0, shortwave=700.0, longwave=380.0, ground=295.15, wet=0.0
)
NIGHT = DAY | dict(shortwave=0.0, temperature=288.15, longwave=320.0, ground=290.15, humidity=0.85)
WET = DAY | dict(shortwave=300.0, humidity=0.9, wet=0.5)


def surface_column(
    vegetation: dict, weather: dict, cover: float = 1.0, *, array=jnp.asarray
) -> SurfaceColumn:
    """The surface column of a reference case; ``array`` makes the arrays (their dtype and shape)."""
    v, w = vegetation, weather
    pressure = array(1e5)
    temperature = array(w["temperature"])
    humidity = w["humidity"] * thermodynamics.saturation_specific_humidity(temperature, pressure)
    sky = radiation.Sky(*(array(0.5 * w["shortwave"] * share) for share in (0.7, 0.3, 0.7, 0.3)), array(0.8))
    streams = []
    mixed = []
    for leaf, ground in ((v["visible"], 0.11), (v["infrared"], 0.225)):
        pair = radiation.mixed_scattering(array(leaf[0]), array(leaf[1]))
        mixed.append(pair)
        stream = radiation.two_stream(
            *pair, array(v["leaf_area"] / cover), sky.cos_zenith,
            ground_beam_albedo=array(ground), ground_diffuse_albedo=array(ground),
        )  # fmt: skip
        streams.append(radiation.clumped(stream, array(cover), array(ground), array(ground)))
    short = radiation.absorbed(sky, *streams)
    extinction = radiation.diffuse_extinction(*mixed[0]) * v["leaf_area"]
    rough = turbulence.roughness(
        array(v["height"]), array(v["leaf_area"]), array(v["drag"]),
        leaf_heat_exchange=array(v["heat"]), ground_momentum=array(0.05), ground_heat=array(0.005),
    )  # fmt: skip
    profiles = turbulence.log_profiles(rough, array(v["height"]), array(v["tower"]))
    potential = -0.15 * 0.6**-5.39
    top_leaf = 1.0 - sum(v["visible"])
    return SurfaceColumn(
        turbulence=turbulence.prepare(
            profiles, turbulence.gusty_wind(array(w["wind"])), temperature + 0.0098 * v["tower"]
        ),
        leaf=Leaf(
            array(60.0 * 0.9), array(0.08),
            4.6 * short.photosynthetic * radiation.LEAF_ORIENTATION * radiation.DIFFUSIVITY * top_leaf,
            array(v["heat_limit"]), array(v["cold_limit"]), array(0.015), array(0.98), array(0.95),
            jnp.zeros_like(pressure, dtype=bool),
        ),
        stomata=Stomata(
            array(9.0), array(0.01 * 0.9), array(380e-6),
            thermodynamics.vapour_pressure(humidity, pressure) / pressure,
            -jnp.expm1(-extinction) / extinction, pressure,
        ),
        air_density=thermodynamics.air_density(temperature, humidity, pressure),
        air_humidity=humidity,
        pressure=pressure,
        leaf_area=array(v["leaf_area"]),
        shortwave_ground=short.ground,
        shortwave_canopy=short.canopy,
        longwave_down=array(w["longwave"]),
        openness=jnp.exp(-0.5 * 1.66164 * array(v["leaf_area"])),
        emissivity=array(0.98),
        ground_emissivity=array(0.98),
        ground_conductance=array(1.2 / 0.025),
        ground_temperature=array(w["ground"]),
        soil_humidity=jnp.exp(array(potential * 9.80665) / (461.5 * array(w["ground"]))),
        deposition_humidity=jnp.exp(array(potential * 9.80665) / (461.5 * array(w["ground"]))),
        soil_resistance=array(800.0 * 0.4 / 0.8),
        ice_fraction=array(0.0),
        wet_fraction=array(w["wet"]),
        drain_canopy=array(0.0),
        drain_snow=array(0.0),
        melts=jnp.zeros_like(pressure, dtype=bool),
    )  # fmt: skip
