"""What runs are called: by the settings in which they differ, each said once."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from privattack.results.result import Job

Attributes = Mapping[str, Any]

# What a run is named by first, in this order; after it any other setting, by its dotted name.
FIELDS = (
    "attack", "defence", "data", "pool", "nonmembers", "as_stored", "target", "surrogate", "budget", "seed",
    "repetitions", "targets",
)  # fmt: skip
BARE = ("attack", "defence", "data", "target")  # named by their value alone
# Settings that change no figure, wherever they stand, and one that only says where another came from.
IMMATERIAL = {
    "store", "verbose", "lightning", "accelerator", "progress", "root", "download", "verify", "hydra", "default_budget",
    "processes", "budgets", "price", "cache", "concurrency", "rate", "timeout", "retries", "transcript", "resend",
    "offline", "engine", "engines", "logger",
}  # fmt: skip
MISSING = "missing"


def attributes(run: Job) -> dict[str, Any]:
    """Return what tells a run from others: `FIELDS`, then all settings that matter."""
    config = flat(run.config)
    membership = run.nonmembers is not None
    named = {
        "attack": run.attack,
        **{group: option(run, group) for group in ("defence", "data", "nonmembers")},
        "pool": None if membership else pool_of(run),
        "as_stored": config.get("nonmembers.as_stored") if membership else None,
        "target": str(
            config.get("victim.model") or config.get("victim.url") or _class(config, "target.network").lower()
        ),
        "surrogate": None if membership else _class(config, "surrogate.network").lower() or None,
        **{name: getattr(run, name) for name in ("budget", "seed", "repetitions", "targets")},
    }
    found = {name: named[name] for name in FIELDS}
    unused = {"pool"} if membership else {"nonmembers"}
    if config.get("transfer.epsilon") is None:
        unused.add("transfer")
    # Their classes are said by their names; in older results they are called otherwise, or there are none.
    said = {*found, "pool._target_", "nonmembers._target_"}
    for name, value in config.items():
        parts = name.split(".")
        if name not in said and not IMMATERIAL.intersection(parts) and parts[0] not in unused:
            found[name] = value
    return found


def varying(runs: Iterable[Job]) -> list[str]:
    """Return the names of the attributes in which runs differ, without those that say again what another says.

    A setting is compared among runs whose attack, data and enclosing classes are the same: where these differ, they
    say it already. A setting that has the value of an earlier one in every run is its copy.
    """
    every = [attributes(run) for run in runs]
    if len(every) < 2:
        return []
    others = dict.fromkeys(name for one in every for name in one if name not in FIELDS)
    # A copy comes after what it was copied from: attack.surrogates.epochs after surrogate.epochs.
    names = [*FIELDS, *sorted(others, key=lambda name: (name.count("."), not below(name, FIELDS)))]
    return [
        name
        for place, name in enumerate(names)
        if _differs(name, every) and not any(_is_copy(name, earlier, every) for earlier in names[:place])
    ]


def label(run: Job, names: Sequence[str]) -> str:
    """Return a run's short name, out of the chosen attributes: `mea, label_only, budget 3,000, surrogate.epochs 5`."""
    words = []
    for name, value in attributes(run).items():
        if name not in names or (name in FIELDS and (value is None or value is False)):
            continue
        if name in BARE:
            words.append(str(value))
        elif name in FIELDS and value is True:
            words.append(name.replace("_", " "))
        else:
            words.append(f"{name} {shown(name, value)}")
    return ", ".join(words)


def below(name: str, groups: Sequence[str]) -> bool:
    """Say whether a setting is one of some groups, or lies below one: `defence.low` below `defence`."""
    return name.split(".")[0] in groups


def shown(name: str, value: Any) -> str:
    """Return a setting's value as a command line has it, and a budget with its thousands apart."""
    if name == "budget":
        return count(value)
    return value if isinstance(value, str) else json.dumps(value, default=str)


def count(value: Any) -> str:
    """Return a whole number with its thousands apart, and anything else (a failed job's setting) as it is."""
    return f"{value:,}" if type(value) is int and value >= 1_000 else str(value)


def option(run: Job, group: str) -> str | None:
    """Return the option chosen for a group; beside it the class, where another took its place: `none (Flatten)`.

    An option of ours is called as its class is, or as the class's module.
    """
    chosen: str | None = getattr(run, group)
    if chosen is None:
        return None
    config = flat(run.config)
    path = str(config.get(f"{group}.training._target_") or config.get(f"{group}._target_", ""))
    package, *parts = path.replace("_", "").lower().split(".")
    bare = chosen.replace("_", "").lower()
    ours = package == "privattack" and any(part.startswith(bare) or bare.startswith(part) for part in parts[-2:])
    return chosen if ours or not path else f"{chosen} ({path.rsplit('.', 1)[-1]})"


def pool_of(run: Job) -> str:
    """Return the name of the pool that queries come from; results from before there was a choice had the test part."""
    return option(run, "pool") or "test"


def flat(node: Any, prefix: str = "") -> dict[str, Any]:
    """Return nested settings by their dotted names."""
    found: dict[str, Any] = {}
    left = [(prefix, node)]
    while left:
        path, inner = left.pop()
        if isinstance(inner, Mapping) and inner:
            left += [(f"{path}.{name}".lstrip("."), value) for name, value in reversed([*inner.items()])]
        elif path:
            found[path] = inner
    return found


def _class(config: Mapping[str, Any], group: str) -> str:
    return str(config.get(f"{group}._target_", "")).rsplit(".", 1)[-1]


def _differs(name: str, every: Sequence[Attributes]) -> bool:
    values: dict[tuple[str, ...], set[str]] = {}
    for one in every:
        values.setdefault(_context(name, one), set()).add(_text(one, name))
    return any(len(seen) > 1 for seen in values.values())


def _context(name: str, one: Attributes) -> tuple[str, ...]:
    """Return what runs must share for a setting to be compared between them."""
    parts = name.split(".")
    enclosing = [".".join(parts[:depth]) + "._target_" for depth in range(1, len(parts))]
    shared = ["attack"] if name in FIELDS else ["attack", "data", parts[0], *enclosing]
    return tuple(_text(one, part) for part in shared if part != name)


def _is_copy(name: str, earlier: str, every: Sequence[Attributes]) -> bool:
    return all(_text(one, name) == _text(one, earlier) for one in every if name in one)


def _text(one: Attributes, name: str) -> str:
    # As text, true is not 1, and a list can be compared.
    return json.dumps(one[name], sort_keys=True, default=str) if name in one else MISSING
