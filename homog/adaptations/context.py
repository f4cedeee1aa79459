"""Context optimization: learned words in front of the names of classes, read by the tower of texts (CoOp)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from homog.adaptations.adaptation import Predictor
from homog.adaptations.linear_probe import softmax
from homog.adaptations.nearest_centroid import unit
from homog.adaptations.prompting import told, tower_of_texts
from homog.adaptations.settings import Training
from homog.config import ConfigError, fields_of

if TYPE_CHECKING:
    import torch

    from homog.backbones.backbone import Backbone
    from homog.tasks.task import Prompt, Task


@dataclass(frozen=True)
class Context(Training):
    """CoOp (Zhou et al. 2022): the class of an image is that of the most similar caption, whose beginning is learned.

    The embeddings of the words of `start` are trained in front of the name of every class ("unified context"); both
    towers and the names stay as they are. Probabilities by softmax of cosine / `temperature`.
    """

    start: str = "a drawing of"
    temperature: float = 0.05

    modalities: ClassVar[tuple[str, ...]] = ("image",)
    linear_head: ClassVar[bool] = False
    in_words: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.start.strip():
            raise ConfigError(f"adaptation.start of {self.name} is empty: name the words to begin with")

    def identity(self) -> dict[str, Any]:
        """All fields but `head`: there is none."""
        return fields_of(self, leave_out=["head"])

    def check(self, backbone: Backbone) -> None:
        """Raise ConfigError for a backbone of images without a tower of texts."""
        tower_of_texts(backbone, self.name)

    def trains(self, parameter: str) -> bool:
        """Nothing of the backbone moves; the context is new."""
        return False

    def fit(self, backbone: Backbone, tasks: Sequence[Task], seed: int) -> Iterator[tuple[str, Predictor]]:
        """Each task in turn with a context of its own. ConfigError for a task without a prompt."""
        import torch

        from homog.adaptations.training import descend

        for task in tasks:
            captions = Captions(tower_of_texts(backbone, self.name), self.start, told(task))
            seen = torch.as_tensor(unit(backbone.encode(list(task.train["input"]))), device=backbone.device)
            labels = torch.as_tensor(task.train["label"].to_numpy().copy(), device=backbone.device)

            def loss(
                rows: np.ndarray, captions: Captions = captions, seen: torch.Tensor = seen, right: torch.Tensor = labels
            ) -> torch.Tensor:
                return torch.nn.functional.cross_entropy(seen[rows] @ captions().T / self.temperature, right[rows])

            stream = ("order", self.name, task.name, seed)
            descend([captions.context], [], loss, [1] * len(seen), self, stream)
            with torch.inference_mode():
                known = captions().cpu().numpy()

            def of_features(features: np.ndarray, known: np.ndarray = known) -> np.ndarray:
                return unit(features) @ known.T / self.temperature

            def predict(given: Sequence[Any], scores: Any = of_features) -> np.ndarray:
                return softmax(scores(backbone.encode(list(given))))

            added = captions.context.numel()
            yield task.name, Predictor(predict, (), (), added, of_features=of_features)


class Captions:
    """The caption of each class, its first words a parameter `context` (words, width): called, unit embeddings."""

    def __init__(self, tower: Backbone, start: str, prompt: Prompt) -> None:
        import torch

        reader, self.tower = tower.text_reader, tower
        words, whole = reader.tokenizer(start, add_special_tokens=False)["input_ids"], reader.read([start])[0]
        self.first = next(i for i in range(len(whole)) if whole[i : i + len(words)] == words)
        self.batch = reader.collate(reader.read([f"{start} {phrase}" for phrase in prompt.phrases]), tower.device)
        self.table: Any = tower.module.get_input_embeddings()  # pyright: ignore
        self.context = torch.nn.Parameter(self.table.weight[words].detach().float().clone())

    def __call__(self) -> torch.Tensor:
        """(classes, d): the unit embeddings of the captions."""
        import torch

        ids, end = self.batch["input_ids"], self.first + len(self.context)
        embedded = self.table(ids)
        same = self.context.to(embedded.dtype).expand(len(ids), -1, -1)
        inputs = torch.cat([embedded[:, : self.first], same, embedded[:, end:]], 1)
        batch = {"inputs_embeds": inputs, "attention_mask": self.batch["attention_mask"]}
        return torch.nn.functional.normalize(self.tower.features(self.tower.module, batch), dim=1)
