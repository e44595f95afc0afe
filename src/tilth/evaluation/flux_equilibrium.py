"""Surface flux equilibrium: turbulent fluxes from net radiation, ground heat flux and screen-level air.

Over land, away from coasts, the relative humidity of the air near the ground comes into balance with the
surface fluxes within a day, so that the Bowen ratio follows from the air alone (McColl et al. 2019,
doi:10.1029/2019MS001685; McColl and Rigden 2020, doi:10.1029/2020GL087101):

    B = Qh / Qle = R_v c_p T² / (L² q),   Qle = (Rnet - Qg) / (1 + B),   Qh = B Qle

with the gas constant of vapour ``R_v`` [J kg-1 K-1], the specific heat of air ``c_p`` [J kg-1 K-1], air
temperature ``T`` [K], latent heat ``L`` [J kg-1] and specific humidity ``q`` [kg kg-1]. Nothing is trained.
"""

import numpy as np

from tilth.constants import GAS_CONSTANT_VAPOUR, HEAT_CAPACITY_AIR, LATENT_HEAT_VAPORISATION
from tilth.data.containers import SiteRecord

NEEDED = ("Rnet", "Qg")
"""Observations without which there is no surface flux equilibrium."""


def equilibrium_bowen_ratio(temperature: np.ndarray, humidity: np.ndarray) -> np.ndarray:
    """Bowen ratio [-] in equilibrium with air of a temperature [K] and a specific humidity [kg kg-1]."""
    return np.asarray(
        GAS_CONSTANT_VAPOUR
        * HEAT_CAPACITY_AIR
        * temperature**2
        / (LATENT_HEAT_VAPORISATION**2 * np.maximum(humidity, 1e-6))
    )


def equilibrium_series(record: SiteRecord) -> dict[str, np.ndarray]:
    """Qle and Qh [W m-2] over the record, NaN where Rnet or Qg was not measured.

    The theory holds for daily means and longer: the Bowen ratio is that of the day's mean temperature and
    humidity and shares out the available energy of each step of that day. Steps below a day are shown for
    comparison only. Raises ``ValueError`` naming what the tower did not measure.
    """
    missing = [
        name
        for name in NEEDED
        if name not in record.observations or not record.observations[name].usable.any()
    ]
    if missing:
        raise ValueError(
            f"{record.attributes.name}: surface flux equilibrium needs measured {' and '.join(NEEDED)}, got "
            f"no {' and no '.join(missing)}"
        )
    measured = {name: record.observations[name] for name in NEEDED}
    net, ground = (np.where(one.usable, one.value, np.nan) for one in measured.values())
    _, day = np.unique(record.time.astype("datetime64[D]"), return_inverse=True)
    count = np.bincount(day)
    temperature, humidity = (
        (np.bincount(day, np.asarray(record.forcing[name], float)) / count)[day]
        for name in ("air_temperature", "specific_humidity")
    )
    ratio = equilibrium_bowen_ratio(temperature, humidity)
    latent = (net - ground) / (1.0 + ratio)
    return {"Qle": latent, "Qh": ratio * latent}
