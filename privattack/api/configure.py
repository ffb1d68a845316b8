"""The settings of an audit from Python: the command line's, with what the caller brings in place of data and target."""

from collections.abc import Sequence

from omegaconf import DictConfig, OmegaConf, open_dict

from privattack.command_line.compose import composed
from privattack.errors import UserError

# What the call itself says: its arguments, or the model.
SAID = (
    "attack",
    "defence",
    "budget",
    "data",
    "target",
    "targets",
    "nonmembers",
    "pool",
    "default_budget",
    "experiment",
)


def configured(
    model: object, attack: object, defence: object, settings: Sequence[str]
) -> tuple[DictConfig, dict[str, str]]:
    """Return the settings, and the option chosen for each group.

    Args:
        attack, defence: the name of an option, or an object.
        settings: more words of the command line.

    Raises:
        UserError: a word is none that the command line would take, or says what the call itself says.
    """
    for word in settings:
        if word.lstrip("+~").split("=")[0] in SAID or word.lstrip("+~").split(".")[0] in ("data", "target", "pool"):
            raise UserError(f"settings={word}: an audit's own arguments, or the model, say that; leave it out.")
    options = {"attack": attack, "defence": defence}
    named = [f"{group}={option}" for group, option in options.items() if isinstance(option, str)]
    config, choices = composed([*named, "shadow.processes=1", "shadow.other_recipe=true", *settings])
    OmegaConf.resolve(config)
    with open_dict(config):
        for group, option in options.items():
            if not isinstance(option, str):
                config[group] = {"_target_": _name(option)}
                choices[group] = type(option).__name__.lower()
        for group in ("data", "nonmembers", "pool"):
            config[group], choices[group] = {}, "own"
        config.target = {
            "network": {"_target_": _name(model)},
            "seed": config.seed,
            "checkpoint": None,
            "members": None,
        }
    return config, choices


def _name(made: object) -> str:
    kind = made if hasattr(made, "__qualname__") else type(made)
    return f"{kind.__module__}.{getattr(kind, '__qualname__', '')}"
