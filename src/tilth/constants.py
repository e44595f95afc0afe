"""Physical constants in SI units, each with its unit and source.

Values follow MATSIRO6 (MATSIRO6 Document Writing Team 2021, doi:10.15083/0002000181) where it prints one and
CODATA 2018 or common meteorological practice otherwise. They are numbers, never calibrated; what can be
calibrated is in :mod:`tilth.parameters`.
"""

VON_KARMAN = 0.4
"""von Karman constant [-]."""
GRAVITY = 9.80665
"""Standard acceleration of gravity [m s-2]."""
STEFAN_BOLTZMANN = 5.670374e-8
"""Stefan-Boltzmann constant [W m-2 K-4]."""
GAS_CONSTANT = 8.314462618
"""Molar gas constant [J mol-1 K-1]."""
GAS_CONSTANT_DRY_AIR = 287.04
"""Gas constant of dry air [J kg-1 K-1]."""
GAS_CONSTANT_VAPOUR = 461.5
"""Gas constant of water vapour [J kg-1 K-1]."""
HEAT_CAPACITY_AIR = 1004.6
"""Specific heat of air at constant pressure [J kg-1 K-1]."""
LATENT_HEAT_VAPORISATION = 2.50e6
"""Latent heat of vaporisation, constant as in MATSIRO6 [J kg-1]."""
LATENT_HEAT_FUSION = 3.34e5
"""Latent heat of fusion [J kg-1]."""
LATENT_HEAT_SUBLIMATION = LATENT_HEAT_VAPORISATION + LATENT_HEAT_FUSION
"""Latent heat of sublimation [J kg-1]."""
HEAT_CAPACITY_WATER = 4200.0
"""Specific heat of liquid water [J kg-1 K-1]."""
HEAT_CAPACITY_ICE = 2100.0
"""Specific heat of ice [J kg-1 K-1]."""
DENSITY_WATER = 1000.0
"""Density of liquid water [kg m-3]."""
DENSITY_SNOW = 300.0
"""Density of snow [kg m-3] (MATSIRO6 chapter 8)."""
MELTING_POINT = 273.15
"""Melting point of ice [K]."""
OBUKHOV_REFERENCE_TEMPERATURE = 300.0
"""Reference temperature of the Obukhov length [K] (MATSIRO6 chapter 4)."""
DRY_ADIABATIC_LAPSE_RATE = 0.0098
"""Dry adiabatic lapse rate [K m-1]."""
OXYGEN_FRACTION = 0.209
"""Mole fraction of oxygen in air [mol mol-1]."""
SOLAR_CONSTANT = 1361.0
"""Total solar irradiance at one astronomical unit [W m-2] (Kopp and Lean 2011, doi:10.1029/2010GL045777)."""
PHOTONS_PER_JOULE = 4.6e-6
"""Quanta of photosynthetically active radiation per energy [mol J-1] (Sellers et al. 1996)."""
MOLAR_MASS_CARBON = 12.011e-3
"""Molar mass of carbon [kg mol-1]."""
WATER_AIR_MOLAR_RATIO = 0.622
"""Ratio of the molar masses of water and dry air [-]."""
