"""Settings composed as the command line composes them, for callers from Python."""

from collections.abc import Sequence
from typing import Any, cast

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from privattack.command_line.resolvers import register_resolvers
from privattack.command_line.sentences import sentence
from privattack.command_line.vocabulary import CONF, check_added
from privattack.errors import UserError

register_resolvers()


def composed(overrides: Sequence[str]) -> tuple[DictConfig, dict[str, str]]:
    """Return the settings, and the option chosen for each group.

    Args:
        overrides: words such as `attack=mea` or `target.epochs=5`.

    Raises:
        UserError: a word is none that the command line would take, or a setting cannot work.
    """
    # Here and not above: pydantic is of no use to `--help`.
    from privattack import settings

    words = [*overrides]
    instance = GlobalHydra.instance()
    users, instance.hydra = instance.hydra, None  # the caller's own program may be Hydra's, too
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            config = compose("config", overrides=words, return_hydra_config=True)
        choices = {group: option for group, option in config.hydra.runtime.choices.items() if option is not None}
        with open_dict(config):
            del config["hydra"]
        check_added(config, words)
        settings.check(cast(dict[str, Any], OmegaConf.to_container(config, resolve=True)))
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(sentence(error, words)) from error
    finally:
        GlobalHydra.instance().hydra = users
    return config, choices
