"""Speed of learning leaf parameters: 10 000 points x 600 iterations, and an iteration at up to 1e6 points.

    python benchmarks/leaf_speed.py [largest]

The published code trains hundreds of points in under 10 minutes, typically in 600 iterations (Aboelyazeed et
al. 2023, section 2.2). Both networks are learned; times include compilation where stated.
"""

import os
import sys
import time

import jax
import jax.numpy as jnp

from tilth.calibration.leaf import FullBatchAdam, LeafProblem
from tilth.calibration.leaf_formulations import NetworkChoices, formulation_builder
from tilth.data.leaf_points import LeafPoints
from tilth.data.synthetic_leaves import TYPES, synthetic_leaves
from tilth.models.leaf import LeafModel, default_stress


def problem(count: int) -> LeafProblem:
    points = LeafPoints.of(synthetic_leaves(0, points_per_type=-(-count // len(TYPES)), dates_per_type=50))
    model = LeafModel()
    observed = model(points, points.default_carboxylation, default_stress(points)).net
    build = formulation_builder("V+B", points, NetworkChoices())
    return LeafProblem(model, points, observed, jnp.ones(points.count, bool), build)


def seconds(case: LeafProblem, iterations: int) -> float:
    start = time.perf_counter()
    jax.block_until_ready(FullBatchAdam(iterations=iterations).solve(case, jax.random.key(0)).loss)
    return time.perf_counter() - start


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    largest = int(float(sys.argv[1])) if len(sys.argv) > 1 else 1_000_000
    print(f"{os.cpu_count()} CPU cores, jax {jax.__version__}, {jax.devices()[0].platform}, float64")
    case = problem(10_000)
    first, second = seconds(case, 600), seconds(case, 600)
    print(
        f"{case.points.count} points x 600 iterations, V+B: {first:.1f} s with compilation, "
        f"{second:.1f} s without"
    )
    print("points, ms an iteration, us a point and iteration")
    count = 100
    while count <= largest:
        case, iterations = problem(count), 100 if count <= 10_000 else 5
        seconds(case, iterations)
        spent = seconds(case, iterations) / iterations
        print(f"{case.points.count}, {1e3 * spent:.3g}, {1e6 * spent / case.points.count:.3g}")
        count *= 10


if __name__ == "__main__":
    main()
