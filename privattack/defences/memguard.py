"""MemGuard (Jia et al. 2019, "MemGuard: defending against black-box membership inference attacks via adversarial
examples").
"""

import copy
from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, pad

from privattack.checks import Few, checked
from privattack.defences.base import Counter, Defence, Reveals
from privattack.defences.distributions import distance, probabilities, response
from privattack.defences.draws import Draws, guessed
from privattack.defences.owner import Owner
from privattack.errors import UserError
from privattack.randomness import derive

STEP = 0.1  # length of one, in logits
OTHERS, FIRST, LAST = 10.0, 0.1, 1e5  # weight of the label's loss; of the distance's, at first and at last
FEWEST, MOST, LESSONS = 50, 10_000, 300  # images of each kind that the classifier needs and takes; its training's steps


@checked
class MemGuard(Defence):
    """Adds noise with which the owner's own membership classifier g is wrong, and which keeps the label.

    g sees sorted probabilities. The noise is found on their logarithms, by at most `steps` steps along the normalised
    gradient of |logit g| + 10 relu(other - winner) + c L1, from c = 0.1 on, ten times as much whenever it succeeds
    (section 4.2). It is then added with a probability that keeps the expected L1 distance within `epsilon`, and never
    where g is nearer to 1/2 without it (section 4.3). The paper's g has three hidden layers; here it has one.

    Args:
        epsilon: of the expected L1 distance, from 0 to 2.
        fresh: whether it is drawn again at each query whether an image's answer gets its noise.
        hidden: how many units g has.
        key: the secret that g's initial weights and the draws follow from.
    """

    reveals = Reveals.SCORES

    def __init__(
        self,
        *,
        epsilon: Annotated[float, Field(ge=0, le=2)] = 1.0,
        fresh: bool = False,
        steps: Few = 300,
        hidden: Few = 16,
        key: Annotated[int, Field(ge=0, lt=2**64)] = 0,
    ) -> None:
        self.epsilon = epsilon
        self.stateful = self.fresh = fresh
        self.steps = steps
        self.hidden = hidden
        self.key = key
        self._draws = Draws(derive(key, "memguard"), fresh=fresh)
        self._classifier: nn.Sequential | None = None
        self._classes = 0

    def respond(
        self, log_probabilities: Float[Tensor, "n classes"], pixels: Float[Tensor, "n c h w"]
    ) -> Float[Tensor, "n classes"]:
        said = probabilities(log_probabilities)
        winners = log_probabilities.argmax(dim=1)
        order = said.argsort(dim=1, descending=True, stable=True)
        said = said.gather(1, order)
        noisy = self._noisy(said)
        helps = (self._logits(noisy).sigmoid() - 0.5).abs() < (self._logits(said).sigmoid() - 0.5).abs()
        chance = (self.epsilon / distance(said, noisy)[:, 0].clamp(min=1e-300)).clamp(max=1)
        drawn = self._draws.uniform(pixels, 1)[:, 0].to(chance) < chance
        chosen = noisy.where((helps & drawn).unsqueeze(1), said)
        return response(torch.zeros_like(said).scatter(1, order, chosen), log_probabilities, winners=winners)

    def fitted(self, owner: Owner) -> "MemGuard":
        """Return the defence with g, trained on the target's answers for members and for others.

        Raises:
            UserError: there are too few of either.
        """
        members, others = (owner.some(members=kind, most=MOST) for kind in (True, False))
        count = min(len(members), len(others))
        if count < FEWEST:
            raise UserError(
                f"defence=memguard: needs {FEWEST} members and as many other images or more to train its classifier, "
                f"and there are {len(members)} and {len(others)}; choose another target.train_size."
            )
        parts = [part.take(torch.arange(count)).pixels() for part in (members, others)]
        said = torch.cat([probabilities(owner.answers(part).cpu()) for part in parts])
        said = said.sort(dim=1, descending=True).values
        membership = (torch.arange(2 * count) < count).double()
        with torch.random.fork_rng():
            torch.manual_seed(derive(self.key, "memguard.classifier"))
            classifier = nn.Sequential(nn.Linear(said.shape[1], self.hidden), nn.Tanh(), nn.Linear(self.hidden, 1))
        classifier = classifier.double()
        optimiser = torch.optim.Adam(classifier.parameters(), lr=0.01)
        for _ in range(LESSONS):
            optimiser.zero_grad()
            binary_cross_entropy_with_logits(classifier(said)[:, 0], membership).backward()
            optimiser.step()
        fitted = copy.copy(self)
        fitted._classifier, fitted._classes = classifier.requires_grad_(False), said.shape[1]
        return fitted

    def session(self, seed: int) -> "MemGuard":
        """Return the defence with fresh draws of the client's own; those that follow from the image are everyone's."""
        session = copy.copy(self)
        session._draws = self._draws.session(seed)
        return session

    def imitation(self) -> "MemGuard":
        """Return the defence with other draws; the attackers are as strong as can be, and have the owner's g."""
        imitation = copy.copy(self)
        imitation.key = guessed(self.key)
        imitation._draws = Draws(derive(imitation.key, "memguard"), fresh=self.fresh)
        return imitation

    def counter(self) -> Counter:
        """Return that an image asked about again and again gets answers with noise and without."""
        return Counter(repeats=10 if self.fresh else 1)

    def _logits(self, said: Float[Tensor, "n classes"]) -> Float[Tensor, " n"]:
        return self._judged(said)[0]

    def _judged(self, said: Float[Tensor, "n classes"]) -> tuple[Float[Tensor, " n"], Float[Tensor, "n classes"]]:
        """Return g's logits, and their gradients."""
        if self._classifier is None:
            raise UserError("defence=memguard: its classifier is not trained; call fitted() with what its owner has.")
        within, _, out = self._classifier
        more = self._classes - said.shape[1]
        hidden = within(pad(said.cpu(), (0, more))).tanh()
        gradient = pad(((1 - hidden.square()) * out.weight) @ within.weight, (0, -more))
        return out(hidden)[:, 0].to(said.device), gradient.to(said.device)

    def _noisy(self, said: Float[Tensor, "n classes"]) -> Float[Tensor, "n classes"]:
        """Return sorted probabilities with the last noise that succeeded; as they are where none did (phase I)."""
        logits, sign = said.clamp(min=1e-30).log(), self._logits(said).sign()
        noisy, rows, weight = said.clone(), torch.arange(len(said), device=said.device), FIRST
        while len(rows) and weight <= LAST:
            found, flipped = self._search(logits[rows], said[rows], sign[rows], weight)
            rows = rows[flipped]
            noisy[rows] = found[flipped]
            weight *= 10
        return noisy

    def _search(
        self,
        start: Float[Tensor, "n classes"],
        said: Float[Tensor, "n classes"],
        sign: Float[Tensor, " n"],
        weight: float,
    ) -> tuple[Float[Tensor, "n classes"], Tensor]:
        moved, rows = start.clone(), torch.arange(len(start), device=start.device)
        inner = start
        for step in range(self.steps + 1):
            made = inner.softmax(dim=1)
            logit, slope = self._judged(made)
            others = inner[:, 1:].max(dim=1)
            ahead = inner[:, 0] - others.values
            going = (logit * sign > 0) | (ahead <= 0)
            if step == self.steps or not going.any():
                break
            # The gradient of the loss by hand: autograd's would take most of the time.
            of_made = logit.sign().unsqueeze(1) * slope + weight * (made - said).sign()
            gradient = made * (of_made - (made * of_made).sum(dim=1, keepdim=True))
            behind = OTHERS * (ahead < 0).to(gradient)
            gradient[:, 0] -= behind
            gradient.scatter_add_(1, others.indices.unsqueeze(1) + 1, behind.unsqueeze(1))
            inner = inner - STEP * gradient / gradient.norm(dim=1, keepdim=True).clamp(min=1e-300)
            if not going.all():
                inner, said, sign, rows = inner[going], said[going], sign[going], rows[going]
            moved[rows] = inner
        flipped = torch.ones(len(start), dtype=torch.bool, device=start.device)
        flipped[rows[going]] = False
        return moved.softmax(dim=1), flipped
