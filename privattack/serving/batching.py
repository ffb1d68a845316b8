"""Requests that come at the same time are answered by the model in one batch."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from privattack.models.remembered import RememberedTarget
from privattack.serving.admission import Refusal

WAIT = 0.005  # seconds for which a request waits for others at most
MOST = 512  # images of a batch

# Answers for what the target says of pixels; raises `Refusal`.
Defended = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class _Waiting:
    pixels: Float[Tensor, "n c h w"]
    defence: Defended
    answer: asyncio.Future[Tensor]


class Batcher:
    """Collects requests, and answers them in a thread of its own, each through its client's defence.

    A request whose images the target remembers is looked up, so that it gets the same answer whoever asks beside it.

    Args:
        observe: told the number of images of each batch.
    """

    def __init__(self, model: RememberedTarget, *, observe: Callable[[int], object] = lambda images: None) -> None:
        self._model = model
        self._observe = observe
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._asking = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")

    async def answer(self, pixels: Float[Tensor, "n c h w"], defence: Defended) -> Tensor:
        """Return the defended log-probabilities for a request's pixels, float32 `(n, classes)`, or raise `Refusal`."""
        waiting = _Waiting(pixels, defence, asyncio.get_running_loop().create_future())
        self._asking += 1
        try:
            self._queue.put_nowait(waiting)
            return await waiting.answer
        finally:
            self._asking -= 1

    async def run(self) -> None:
        """Answer until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            batch = [await self._queue.get()]
            latest, images = loop.time() + WAIT, len(batch[0].pixels)
            # Where nobody else is asking, there is nobody to wait for.
            while images < MOST and len(batch) < self._asking and (left := latest - loop.time()) > 0:
                try:
                    batch.append(await asyncio.wait_for(self._queue.get(), left))
                except TimeoutError:
                    break
                images += len(batch[-1].pixels)
            self._observe(images)
            try:
                answers = await loop.run_in_executor(self._thread, self._compute, batch)
            except Exception as error:  # the requests' own: each tells its client, and the next batch is answered
                for one in batch:
                    if not one.answer.done():  # its client may be gone
                        one.answer.set_exception(error)
                continue
            for one, answer in zip(batch, answers, strict=True):
                if not one.answer.done():
                    if isinstance(answer, Refusal):
                        one.answer.set_exception(answer)
                    else:
                        one.answer.set_result(answer)

    def _compute(self, batch: Sequence[_Waiting]) -> list[Tensor | Refusal]:
        said = [self._model.recall(one.pixels) for one in batch]
        new = [one.pixels for one, known in zip(batch, said, strict=True) if known is None]
        computed = iter(self._model.model(torch.cat(new)).split([len(part) for part in new]) if new else ())
        return [
            _defended(one, next(computed) if known is None else known) for one, known in zip(batch, said, strict=True)
        ]


def _defended(one: _Waiting, said: Float[Tensor, "n classes"]) -> Tensor | Refusal:
    try:
        return one.defence(said, one.pixels)
    except Refusal as refusal:  # this client's alone
        return refusal
