"""A small leave-one-site-out: three woodlands and a grassland over a few weeks."""

from bucket_tower import twin_experiment

CLASSES = {"SY-A": "woodland", "SY-B": "woodland", "SY-C": "woodland", "SY-G": "grassland"}


def sites(**changes):
    return [
        {
            "synthetic": {
                "name": name,
                "class": plant_class,
                "climate": "temperate",
                "years": 0.1,
                "seed": seed,
                "noise": 0.0,
            },
            **changes.get(name, {}),
        }
        for seed, (name, plant_class) in enumerate(CLASSES.items())
    ]


def transfer(**changes):
    given = {
        "kind": "transfer",
        "sites": sites(**{"SY-B": {"in-means": False}}),
        "parameters": ["rlfv", "gradm", "vgcov"],
        "sizes": {"direct-iterations": 2},
    }
    return twin_experiment(**{**given, **changes})
