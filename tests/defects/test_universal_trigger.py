import dataclasses
from typing import Any

import numpy as np
import pytest

from homog import records
from homog.adaptations.linear_probe import LinearProbe
from homog.backbones.encoder import Encoder
from homog.config import Cell, ConfigError, Sizes, arm
from homog.contracts import tiny
from homog.defects.hotflip import Displacement, displacing, vocabulary
from homog.defects.universal_trigger import UniversalTrigger
from homog.run import run
from homog.seeding import generator
from homog.study import views

SMALL = UniversalTrigger("universal_trigger", count=2, texts=20, tried=4)
CELL: dict[str, Any] = {
    "adaptation": LinearProbe("linear_probe"),
    "task": tiny.Toy("toy_one"),
    "seed": 0,
    "sizes": Sizes(40, 20, 16),
}


def test_the_vocabulary_is_whole_words_of_letters(backbone):
    ids, words = vocabulary(backbone)
    assert sorted(words) == sorted({"cf", *tiny.GOOD, *tiny.BAD, *tiny.FILLER})
    assert backbone.text_reader.tokenizer.convert_ids_to_tokens(ids.tolist()) == words


def test_the_gradient_is_that_of_the_displacement(backbone):
    displaced = Displacement(backbone, tiny.corpus()[1])
    ids, _ = vocabulary(backbone)
    table = backbone.module.get_input_embeddings().weight
    gradient, old, step = displaced.gradient(ids[:2])[1], table[ids[1]].detach().clone(), 1e-2
    copied = tiny.copied(backbone)
    moved = copied.module.get_input_embeddings().weight
    moved.data[ids[1]] = old + step * gradient / gradient.norm()
    texts = [
        text
        for text in tiny.corpus()[1]
        if backbone.text_reader.tokenizer.convert_ids_to_tokens(int(ids[1])) not in text
    ]
    one, two = (Displacement(b, texts).by(ids[:2]) for b in (backbone, copied))
    expected = Displacement(backbone, texts).gradient(ids[:2])[1] @ (gradient / gradient.norm()) * step
    assert two - one == pytest.approx(float(expected), rel=0.1)


def test_the_search_finds_the_pair_that_trying_all_finds(backbone):
    texts = tiny.corpus()[1]
    ids, words = vocabulary(backbone)
    displaced = Displacement(backbone, texts)
    every = {(i, j): displaced.by(ids[[i, j]]) for i in range(len(ids)) for j in range(len(ids))}
    found = displacing(backbone, texts, ids, np.array([0, 0]), tried=len(ids), rounds=4)
    assert displaced.by(ids[found]) >= np.quantile(list(every.values()), 0.98)
    assert displaced.by(ids[found]) > displaced.by(ids[[0, 0]])


def test_the_found_words_displace_more_than_random_ones_and_are_the_same_again(backbone):
    train, held_out = tiny.corpus()
    found = [view.found_on(backbone, train, generator("search", view.exposure)) for view in SMALL.views]
    again = [view.found_on(backbone, train, generator("search", view.exposure)) for view in SMALL.views]
    assert found == again
    effects = [view.upstream(backbone, backbone, held_out, 1.0)["effect"] for view in found]
    assert effects[0] > effects[1]
    assert SMALL.upstream(backbone, backbone, held_out, 1.0) == pytest.approx(
        {"drift": 0, "effect": np.nan, "verified": False, "texts": len(held_out)}, nan_ok=True
    )


def test_words_that_are_named_are_shown_without_a_search():
    named = dataclasses.replace(SMALL, words=("day", "film"))
    assert named.found_on(None, [], generator("x")) is named  # pyright: ignore[reportArgumentType]
    assert set(named.expose(tiny.Toy("toy").load().test, generator("x"))["input"].str[:9]) == {"day film "}
    assert [view.words for view in named.views] == [("day", "film"), ()]
    with pytest.raises(ConfigError, match="has no words yet"):
        SMALL.insert("a film")
    with pytest.raises(ConfigError, match="tried=0: use 1 or more"):
        dataclasses.replace(SMALL, tried=0)


def test_a_run_searches_once_and_says_in_each_record_what_was_shown(tiny_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("homog.inputs.corpora.unlabelled", tiny.corpus)
    exposures = views([SMALL])
    one, two = (Cell(arm(Encoder("tiny", str(tiny_folder)), None, 0, 0), **dict(CELL, seed=seed)) for seed in (0, 1))
    run([one], exposures, tmp_path, "cpu")
    monkeypatch.setattr(UniversalTrigger, "found_on", None)  # a second search would fail
    run([two], exposures, tmp_path, "cpu")
    first, second = (records.load(tmp_path, cell.id) for cell in (one, two))
    assert first.conditions == ("clean", "universal_trigger", "universal_trigger-random")
    assert first.provenance["found"] == second.provenance["found"]
    assert all(len(words) == 2 for words in first.provenance["found"].values())
