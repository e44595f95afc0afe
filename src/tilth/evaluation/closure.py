"""How far the energy balance of a tower, or of a model at the tower, closes."""

import dataclasses

import numpy as np

ASSUMED_GROUND_SHARE = 0.1
"""Ground heat flux as a share of net radiation where it was not measured [-], a rough stand-in."""


@dataclasses.dataclass(frozen=True)
class Closure:
    """Closure of Rnet - Qg = Qle + Qh over ``n`` steps.

    ``slope`` [-] and ``intercept`` [W m-2] of the least-squares line of Qle + Qh on Rnet - Qg; ``ratio``
    [-] is sum(Qle + Qh) / sum(Rnet - Qg); ``residual_rms`` [W m-2] the RMS of Rnet - Qg - Qle - Qh and
    ``residual_mean`` its mean. ``ground_heat_assumed``: Qg was taken as 0.1 Rnet.
    """

    n: int
    slope: float
    intercept: float
    ratio: float
    residual_mean: float
    residual_rms: float
    ground_heat_assumed: bool

    @property
    def half_residual_rms(self) -> float:
        """½ RMS(Rnet - Qg - Qle - Qh) [W m-2].

        Indicates how low the mean of the RMSE of Qle and Qh of a model that conserves energy can go: an
        unexplained residual must appear in one of the two, or in Rnet or Qg.
        """
        return 0.5 * self.residual_rms


def energy_closure(
    rnet: np.ndarray, qle: np.ndarray, qh: np.ndarray, mask: np.ndarray, qg: np.ndarray | None = None
) -> Closure:
    """Closure over the steps where ``mask`` is True and every flux is finite; fluxes in W m-2, ALMA signs.

    The slope and ratio are those of Wilson et al. 2002, doi:10.1016/S0168-1923(02)00109-0. Without ``qg``
    it is taken as 0.1 ``rnet``. NaN where fewer than three steps are left.
    """
    ground = ASSUMED_GROUND_SHARE * rnet if qg is None else qg
    available, turbulent = rnet - ground, qle + qh
    keep = mask & np.isfinite(available) & np.isfinite(turbulent)
    x, y = available[keep].astype(float), turbulent[keep].astype(float)
    if x.size < 3 or not np.ptp(x) > 0:
        nothing = float("nan")
        return Closure(int(x.size), nothing, nothing, nothing, nothing, nothing, qg is None)
    slope = float(np.mean((x - x.mean()) * (y - y.mean())) / x.var())
    residual = x - y
    return Closure(
        n=int(x.size),
        slope=slope,
        intercept=float(y.mean() - slope * x.mean()),
        ratio=float(y.sum() / x.sum()) if x.sum() != 0 else float("nan"),
        residual_mean=float(residual.mean()),
        residual_rms=float(np.sqrt(np.mean(residual**2))),
        ground_heat_assumed=qg is None,
    )
