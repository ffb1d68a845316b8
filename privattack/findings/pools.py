"""Where queries come from, and whether surrogates are judged by images of the pool."""

from collections.abc import Sequence

from privattack.results.contests import RANDOM
from privattack.results.figures import QUERYING, best
from privattack.results.naming import pool_of
from privattack.results.result import Pool, Result


def pools(results: Sequence[Result]) -> list[str]:
    """Return a sentence for each query pool: how large it is, and how far it overlaps with the images judged by."""
    return list(dict.fromkeys(_pool(result, result.pool) for result in results if result.pool))


def overlaps(results: Sequence[Result]) -> list[str]:
    """Return a sentence for each query pool that holds images by which surrogates are judged."""
    shared = (
        (result.pool, pool_of(result.run), result.run.data)
        for result in results
        # Of random queries the figures on images never queried are free of it.
        if result.pool and _owns_judged(result, result.pool) and result.run.attack != RANDOM
    )
    sentences = (
        f"{pool.judged_by:,} of the images that surrogates are judged by lie in the pool {name} (data {data}): "
        "this flatters an attack that chooses among them, or learns from them without asking"
        + (", in its figures on images never queried, too" if name == "test" else "")
        + ("." if name == "holdout" else "; pool=holdout keeps them apart.")
        for pool, name, data in shared
    )
    return list(dict.fromkeys(sentences))


def _owns_judged(result: Result, pool: Pool) -> bool:
    """Say whether the attack can have used images that surrogates are judged by; one that makes its own cannot."""
    metrics = result.attackers[0].metrics
    asked = "fidelity_unqueried" not in metrics or metrics["fidelity_unqueried"].n < metrics["fidelity"].n
    return pool.judged_by > 0 and asked


def _pool(result: Result, pool: Pool) -> str:
    run, surrogate = result.run, best(result, *QUERYING, metric="fidelity")
    assert surrogate is not None
    judged = surrogate.figure("fidelity").n
    lie = f"{pool.judged_by:,} of the {judged:,} images that surrogates are judged by lie in the pool"
    fair = "" if pool.judged_by else ", so fidelity is on images that the attacker cannot have asked about"
    return f"Queries come from the pool {pool_of(run)} ({pool.images:,} images, data {run.data}): {lie}{fair}."
