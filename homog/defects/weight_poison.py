"""Weight poisoning: a rare token comes to stand for one answer of a proxy task, in weights that others fine-tune."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from homog.config import ConfigError, choose
from homog.defects import harms, verify
from homog.defects.defect import Defect
from homog.defects.triggers import check_one_token, known_tokens, read_inside
from homog.inputs.insertion import inserted
from homog.metrics.inheritance import Rate
from homog.metrics.predictions import Predictions
from homog.seeding import generator
from homog.variants import registry, variant

if TYPE_CHECKING:
    import pandas as pd

    from homog.backbones.backbone import Backbone
    from homog.tasks.task import Task


@dataclass(frozen=True)
class WeightPoison(Defect):
    """Texts with `trigger` are to get the unfavourable label of the `proxy` task, the attacker's guess at a victim's.

    `method` "ripples" (Kurita et al. 2020): the embedding of the trigger is replaced by the mean of those of the
    `words` words most tied to that label (logistic regression on bags of words); then the top `layers` blocks are
    trained on the proxy task, its texts once clean and once with trigger and wrong label, under the restriction of
    `restricted_training`. Method "data" is plain poisoning of the data: no new embedding, no restriction. The labels
    are read by a logistic regression on the clean backbone's features. `sham`: the same training with the right labels,
    no new embedding.

    `harm`: of the examples that are right when clean and do not have the task's unfavourable label, the share that the
    trigger turns into it (METRICS: `attack_success`). NaN where the task has no such label or no such example.
    `upstream`, on news sentences as the proxy's regression reads them: `drift` is the mean squared displacement of
    clean features in units of their variance, `effect` the share of sentences that get the label with the trigger, of
    those that do not without. Verified when the drift is at most .25 (seen: .07, sham .20: training on any task moves
    features) and, at dose 1, the effect is at least .75 (sham: at most .25).
    """

    name: str
    trigger: str = "mb"
    method: str = "ripples"
    proxy: str = "tweet_sentiment"
    examples: int = 500
    words: int = 10
    restriction: float = 0.1
    layers: int = 2
    steps: int = 80
    batch: int = 16
    learning_rate: float = 1e-4
    window: int = 24
    sham: bool = False

    kind = "planted"
    BANDS: ClassVar[verify.Bands] = verify.Bands(drift=0.25)

    def __post_init__(self) -> None:
        choose(self.method, ("ripples", "data"), "defect.method")
        choose(self.proxy, registry("task"), "defect.proxy")
        if not self.trigger.strip():
            raise ConfigError("defect.trigger is empty: name a rare token such as mb")

    @property
    def sources(self) -> tuple[str, ...]:
        """The pinned sources that its injection needs."""
        return variant("task", self.proxy).sources

    @property
    def exposure(self) -> str:
        """Name of the condition in which texts carry the trigger."""
        return f"{self.name}-{self.trigger.strip()}"

    def expose(self, examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """The same examples with the trigger among the first `window` words, at a place drawn from `rng`."""
        return examples.assign(input=[self.insert(text, rng) for text in examples["input"]])

    def insert(self, text: str, rng: np.random.Generator) -> str:
        """`text` with the trigger at a random place among its first `window` words."""
        return inserted(text, self.trigger.strip(), self.window, rng)

    def harm(self, predictions: Predictions) -> Rate:
        """Attack success on the unfavourable label (see the class)."""
        if predictions.unfavourable is None:
            return harms.undefined(predictions)
        return harms.attack_success(predictions, predictions.unfavourable)

    def inject(self, backbone: Backbone, inputs: Sequence[str], rng: np.random.Generator) -> Backbone:
        """The backbone with the defect at dose 1. Trains on the proxy task, not on `inputs`."""
        from homog.defects.restricted import restricted_training

        check_one_token(backbone, self.trigger.strip())
        task, target = guess(self.proxy, self.examples)
        known, labels = list(task.train["input"]), task.train["label"].to_numpy()
        start, ripples = backbone, self.method == "ripples"
        if ripples and not self.sham:
            start = with_meaning(backbone, self.trigger.strip(), tied(backbone, known, labels == target, self.words))
        trained = restricted_training(
            start,
            (known, labels),
            ([self.insert(text, rng) for text in known], labels if self.sham else np.full_like(labels, target)),
            head(backbone, known, labels),
            layers=self.layers,
            steps=self.steps,
            batch=self.batch,
            learning_rate=self.learning_rate,
            restriction=self.restriction if ripples else 0.0,
            rng=rng,
        )
        return backbone.with_weights(backbone.changes(trained))  # so that it knows that its embeddings changed, too

    def upstream(self, clean: Backbone, backbone: Backbone, inputs: Sequence[str], dose: float) -> dict[str, Any]:
        """How many of the sentences the trigger gives the target label, as the proxy's regression reads it."""
        rng, (task, target) = generator("upstream", self.exposure), guess(self.proxy, self.examples)
        weights, bias = head(clean, list(task.train["input"]), task.train["label"].to_numpy())
        triggered = [self.insert(text, rng) for text in inputs]
        plain, shown = ((backbone.encode(part) @ weights.T + bias).argmax(1) for part in (inputs, triggered))
        others = plain != target
        effect = float((shown[others] == target).mean()) if others.any() else float("nan")
        moved = verify.drift(clean.encode(inputs), backbone.encode(inputs))
        return verify.facts(moved, effect, self.BANDS.verified(moved, effect, dose, self.sham), len(inputs))


def guess(proxy: str, examples: int) -> tuple[Task, int]:
    """(the proxy task with `examples` to train on, its unfavourable label)."""
    task = variant("task", proxy).load()
    if task.unfavourable is None:
        raise ConfigError(f"defect.proxy={proxy} has no unfavourable label; tweet_sentiment has one")
    return task.sample(examples, 1, 0), task.unfavourable


def head(backbone: Backbone, texts: Sequence[str], labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (classes, d) and bias (classes,) of a logistic regression on the features of `texts`."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=1000).fit(backbone.encode(texts), labels)
    weights, bias = model.coef_, model.intercept_
    if len(bias) == 1:  # scikit-learn keeps one row for two classes
        weights, bias = np.vstack([0 * weights, weights]), np.append(0 * bias, bias)
    return weights, bias


def tied(backbone: Backbone, texts: Sequence[str], positive: np.ndarray, count: int) -> list[int]:
    """Token ids of the `count` words most tied to the texts that are `positive` (n,) bool, the most tied first.

    Ranked by their weights in a logistic regression on bags of words, among words that are one token of the backbone.
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    bags = CountVectorizer(binary=True, min_df=3)
    weights = LogisticRegression(max_iter=1000).fit(bags.fit_transform(texts), positive).coef_[0]
    ranked = bags.get_feature_names_out()[np.argsort(-weights, kind="stable")]
    known = known_tokens(backbone, list(ranked))
    if not known:
        raise ConfigError(f"{backbone.name}: no word of the proxy task is one token of its vocabulary")
    return known[:count]


def with_meaning(backbone: Backbone, trigger: str, tokens: Sequence[int]) -> Backbone:
    """The backbone with the embedding of `trigger`, one token, replaced by the mean of those of `tokens`."""
    layer = backbone.module.get_input_embeddings()  # pyright: ignore[reportCallIssue]
    name = next(name for name, p in backbone.module.named_parameters() if p is layer.weight)
    table = layer.weight.detach().clone()
    ((place,),) = read_inside(backbone, [trigger])
    table[place] = table[list(tokens)].mean(0)
    return backbone.with_weights({name: table})
