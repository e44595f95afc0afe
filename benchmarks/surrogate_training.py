"""Windows per second of training the surrogate presets on this machine's CPU, and compile time.

    python benchmarks/surrogate_training.py [--steps 5] [--preset quick]

Random data: the cost does not depend on what is learnt. One step is a loss, its gradient and an Adam update
of one batch of windows.
"""

import argparse
import time

import equinox as eqx
import jax
import jax.numpy as jnp

from tilth.data.containers import Forcing
from tilth.networks.training import optimiser
from tilth.parameters.tables import CALIBRATED
from tilth.surrogates.antecedent import ANTECEDENT_NAMES
from tilth.surrogates.multitask import MultitaskNetwork, rate_groups
from tilth.surrogates.settings import PRESETS, SurrogateSettings


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--preset", choices=sorted(PRESETS), nargs="*", default=sorted(PRESETS))
    options = parser.parse_args()
    print("preset  weights    batch  compile [s]  step [ms]  windows [s-1]  whole training [h]")
    for name in options.preset:
        print(f"{name:7} {measured(PRESETS[name], options.steps)}", flush=True)


def measured(settings: SurrogateSettings, steps: int) -> str:
    training, key = settings.training, jax.random.key(0)
    past = len(ANTECEDENT_NAMES) if settings.antecedent else 0
    features = len(Forcing.__dataclass_fields__) + past + 2 * settings.harmonics + len(CALIBRATED)
    network = MultitaskNetwork(features, len(settings.tasks), settings.sizes, key=key)
    weights = sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(network, eqx.is_array)))
    rule = optimiser(network, training, rate_groups)
    state = rule.init(eqx.filter(network, eqx.is_array))
    shape = (training.batch_size, settings.window)
    inputs = jax.random.normal(key, (*shape, features), jnp.float32)
    targets = jax.random.normal(key, (*shape, len(settings.tasks)), jnp.float32)

    @eqx.filter_jit
    def step(network, state):
        def loss(network):
            return jnp.mean(jnp.square(network(inputs) - targets))

        gradient = eqx.filter_grad(loss)(network)
        updates, state = rule.update(gradient, state)
        return eqx.apply_updates(network, updates), state

    def timed() -> float:
        begin = time.perf_counter()
        jax.block_until_ready(jax.tree.leaves(step(network, state)))
        return time.perf_counter() - begin

    compiling = timed()
    best = min(timed() for _ in range(steps))
    batch = training.batch_size
    hours = training.epochs * training.steps_per_epoch * best / 3600.0
    return f"{weights:9} {batch:6} {compiling:12.1f} {1e3 * best:10.0f} {batch / best:14.0f} {hours:19.2f}"


if __name__ == "__main__":
    main()
