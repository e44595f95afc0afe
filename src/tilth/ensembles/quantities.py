"""Units and long names of the series an ensemble stores, by ALMA name."""

QUANTITIES: dict[str, tuple[str, str]] = {
    "Qle": ("W m-2", "latent heat flux, positive up"),
    "Qh": ("W m-2", "sensible heat flux, positive up"),
    "Qg": ("W m-2", "ground heat flux, positive down"),
    "Rnet": ("W m-2", "net radiation, positive down"),
    "SWup": ("W m-2", "reflected shortwave radiation"),
    "LWup": ("W m-2", "upward longwave radiation"),
    "GPP": ("umol m-2 s-1", "gross primary production, not negative"),
    "RadT": ("K", "radiative temperature of the surface"),
    "converged": ("1", "1 where the surface energy balance was solved"),
}
"""Unit and long name by name; other series are stored without."""
