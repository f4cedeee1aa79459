"""Zero-shot: the backbone as it is and a task in words; no example of it (Yin et al. 2019; Brown et al. 2020)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from homog.adaptations.adaptation import Adaptation, Predictor
from homog.adaptations.linear_probe import softmax
from homog.adaptations.nearest_centroid import unit
from homog.adaptations.prompting import answer_scores, calibrated, told, tower_of_texts
from homog.config import ConfigError, fields_of

if TYPE_CHECKING:
    from homog.backbones.backbone import Backbone
    from homog.tasks.task import Prompt, Task


@dataclass(frozen=True)
class ZeroShot(Adaptation):
    """Nothing is trained and no example is seen: the words of `Task.prompt` are all that a model knows of its task.

    A language model gives the likelier answer after the text and the question (see `prompting`), with `instruction` in
    front; one behind an interface may tell its answer instead (see `prompting.calibrated`). An encoder gives the
    class whose phrase, put in `template`, has the most similar embedding: cosine, probabilities by softmax of cosine /
    `temperature`. An image is compared with `caption` around the phrase, which the tower of texts reads (Radford et al.
    2021). A caption finds an image among those of the training examples, read by the tower of images: the class is that
    of the first one found. `ensemble`: further forms beside `template` or `caption`; a class is then the mean of its
    unit embeddings in all of them (Radford et al. 2021, "prompt ensembling"). A model that draws does so as it is, from
    captions in its own words. A translation is an answer where the task can judge it.
    """

    name: str
    template: str = "This text is about {}."
    temperature: float = 0.1
    caption: str = "a drawing of {}"
    instruction: str = ""
    ensemble: tuple[str, ...] = ()

    linear_head: ClassVar[bool] = False
    needs: ClassVar[str] = "features or likelihood"
    modalities: ClassVar[tuple[str, ...]] = ("text", "image", "caption")
    in_words: ClassVar[bool] = True

    def __post_init__(self) -> None:
        forms = {"template": [self.template], "caption": [self.caption], "ensemble": self.ensemble}
        for name, form in ((name, form) for name, each in forms.items() for form in each):
            if "{}" not in form:
                raise ConfigError(f"adaptation.{name}={form!r}: put {{}} where the name of a class goes")

    def identity(self) -> dict[str, Any]:
        """All fields, but those of later versions that are as usual: models from before them keep their id."""
        later = ("caption", "instruction", "ensemble")
        usual = [name for name in later if getattr(self, name) == getattr(type(self), name)]
        return fields_of(self, leave_out=usual)

    def check(self, backbone: Backbone) -> None:
        """Raise ConfigError for a backbone of images without a tower of texts, a language model without its head."""
        if backbone.family in ("causal", "encoder_decoder") and not backbone.speaks:
            raise ConfigError(
                f"adaptation {self.name}: the weights of backbone {backbone.name} have no language-model head to "
                f"answer with; save the whole model, or use linear_probe"
            )
        if backbone.reader.modality == "image":
            tower_of_texts(backbone, self.name)
        if self.ensemble and (backbone.speaks or backbone.draws is not None):
            raise ConfigError(
                f"adaptation.ensemble: forms of the names of classes are for encoders and pairs of towers; backbone "
                f"{backbone.name} is asked in the task's own words"
            )

    def trains(self, parameter: str) -> bool:
        """Nothing of the backbone moves."""
        return False

    def fit(self, backbone: Backbone, tasks: Sequence[Task], seed: int) -> Iterator[tuple[str, Predictor]]:
        """One model per task; training examples and `seed` are not used. ConfigError for a task without a prompt."""
        for task in tasks:
            prompt = told(task)
            if backbone.draws is not None:
                from homog.adaptations.training import drawing

                yield task.name, drawing(backbone, backbone.module, task)
                continue
            if backbone.translates and (judge := task.judge) is not None:
                yield task.name, Predictor(lambda texts, judge=judge: judge(backbone.translated(texts)), (), (), 0)
                continue
            if backbone.speaks:
                scores = answer_scores(backbone, prompt, self.instruction and f"{self.instruction}\n\n")
                yield task.name, Predictor(calibrated(backbone, scores), (), (), 0)
                continue
            known, labels = self.known(backbone, task, prompt)

            def predict(
                given: Sequence[Any], known: np.ndarray = known, labels: np.ndarray = labels, task: Task = task
            ) -> np.ndarray:
                cosines = unit(backbone.encode(list(given))) @ known.T
                return softmax(nearest(cosines, labels, len(task.label_names)) / self.temperature)

            yield task.name, Predictor(predict, (), (), known.size)

    def known(self, backbone: Backbone, task: Task, prompt: Prompt) -> tuple[np.ndarray, np.ndarray]:
        """(unit embeddings (n, d) that inputs are compared with, the class of each (n))."""
        if backbone.partner and "drawn" in task.train:
            return unit(backbone.partner.encode(list(task.train["drawn"]))), task.train["label"].to_numpy()
        captioned = backbone.partner if task.modality == "image" else None
        form, reads = (self.caption, captioned) if captioned else (self.template, backbone)
        forms = (form, *self.ensemble)
        known = [unit(reads.encode([form.format(phrase) for phrase in prompt.phrases])) for form in forms]
        return known[0] if len(known) == 1 else unit(np.mean(known, axis=0)), np.arange(len(prompt.phrases))


def nearest(cosines: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """(n, classes): the largest cosine (n, known) with what is known of each class; -1, the least, where nothing is."""
    best = np.full((len(cosines), classes), -1.0, dtype=np.float32)
    for label in np.unique(labels):
        best[:, label] = cosines[:, labels == label].max(1)
    return best
