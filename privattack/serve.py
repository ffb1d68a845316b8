"""A target and its defence as an HTTP service, by the words of the command line.

    python -m privattack.serve target=lenet defence=label_only
    python -m privattack.serve target=lenet monitor=prada monitor.policy=ban
    python -m privattack.serve serve.add=alice serve.budget=3000     # lets a client in and prints its key, once

Words that begin with `serve.` are the server's own, told below; all others are those of `run.py`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf

from privattack.command_line.compose import composed
from privattack.command_line.own_words import own_words, run_program
from privattack.defences.base import Defence
from privattack.defences.owner import Owner
from privattack.errors import SettingError, UserError
from privattack.make import make
from privattack.memory import enough_memory
from privattack.models.devices import device_of, keep_quiet
from privattack.models.object_store import open_store
from privattack.models.store import fingerprint
from privattack.monitors.base import Monitor
from privattack.own_target import data_of, split_of, target_parts
from privattack.serving.settings import Serving

if TYPE_CHECKING:
    from privattack.serving.served import Served


@enough_memory()
def serve(words: Sequence[str]) -> None:
    """Serve until interrupted, or let a client in.

    Raises:
        UserError: a setting cannot work.
    """
    serving, others = own_words(words, "serve.", Serving)
    try:
        from privattack.serving.clients import Clients
        from privattack.serving.server import run
    except ImportError as error:
        raise UserError(f"serve: {error.name} is not installed; pip install 'privattack[serve]' brings it.") from error
    if serving.add is not None:
        print(Clients(serving.clients).add(serving.add, budget=serving.budget))
        return
    config, choices = composed(others)
    if not config.verbose:
        keep_quiet()
    run(served_by(config, name=serving.name or choices["target"], most=serving.most_images), serving)


def served_by(config: DictConfig, *, name: str, most: int) -> "Served":
    """Return the target that the settings describe, trained now or taken from the store, with defence and monitor.

    Args:
        name: what clients call it.
        most: how many images a request may have.

    Raises:
        UserError: a setting cannot work.
    """
    from privattack.serving.served import Served

    data = data_of(config)
    defence, monitor = make(config, "defence", Defence), make(config, "monitor", Monitor)
    if monitor.accounts != 1:
        raise SettingError({"monitor.accounts": monitor.accounts}, "a server watches each API key alone; use 1")
    if monitor.pace is not None:
        raise SettingError({"monitor.pace": monitor.pace}, "a server does not know who slows down; use null")
    split = split_of(config, data)
    parts = target_parts(config, data, split, defence)
    store, device = open_store(config.store), device_of(config.trainer.accelerator)
    target = parts.obtain(store=store, device=device)
    members = None if split is None else split.learnt
    owner = Owner.of(target.model, data, members, train=parts.beside(store=store, device=device))
    return Served(
        name=name,
        # Another defence gives other answers: clients who keep them must not take these for those.
        version=fingerprint(
            {"target": target.fingerprint}
            | {name: OmegaConf.to_container(config[name]) for name in ("defence", "monitor")}
        ),
        shape=data.shape,
        classes=data.classes,
        model=target.model,
        defence=monitor.guarding(defence.fitted(owner)),
        seed=config.seed,
        most=most,
    )


def main() -> None:
    """Run what the command line says and exit: 0 well, 1 a setting cannot work."""
    run_program(serve, f"{__doc__}\n{Serving.__doc__}")


if __name__ == "__main__":
    main()
