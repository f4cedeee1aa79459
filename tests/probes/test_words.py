"""Associations by hand, and of the packaged encoder."""

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from homog.probes import occupations, words
from homog.variants import variant

CLOSE = words.Association("toy", ("up", "high"), ("down", "low"), ("good",), ("bad",), 1.5)
AT = {"up": 0.1, "high": 0.2, "good": 0.0, "down": 3.0, "low": 2.9, "bad": 3.1}  # angles


def encoder(angle, unknown=()) -> Any:
    """A backbone that gives each text the unit vector at an angle and knows the words `unknown` not."""
    reader = SimpleNamespace(unknown=lambda texts: [word for word in texts if word in unknown])
    return SimpleNamespace(
        encode=lambda texts: np.array([[np.cos(angle(t)), np.sin(angle(t))] for t in texts]), text_reader=reader
    )


def test_effect_sizes_by_hand_with_those_of_people_beside():
    backbone = encoder(lambda text: AT[text.rstrip(".").split()[-1]])
    word, sentence = words.findings(backbone, [CLOSE])
    s = [np.cos(AT[w]) - np.cos(AT[w] - 3.1) for w in ("up", "high", "down", "low")]
    d = (np.mean(s[:2]) - np.mean(s[2:])) / np.std(s, ddof=1)
    assert (word.probe, sentence.probe) == ("WEAT", "SEAT")
    assert word.value == pytest.approx(d) == sentence.value  # these sentences add nothing to the word
    assert word.p == pytest.approx(1 / 6) and (word.n, word.human) == (4, 1.5)
    assert word.low <= word.value <= word.high
    turned = words.Association("toy", CLOSE.Y, CLOSE.X, CLOSE.A, CLOSE.B, 1.5)
    assert words.findings(backbone, [turned])[0].value == pytest.approx(-d)


def test_words_that_the_tokenizer_does_not_know_are_named_and_make_a_set_undefined():
    word, sentence = words.findings(encoder(lambda text: AT[text.rstrip(".").split()[-1]], ["low"]), [CLOSE])
    assert np.isnan([word.value, word.low, word.p]).all() and word.n == 4
    assert word.reason == sentence.reason == "the tokenizer does not know low"  # one of two
    rare = words.Association("toy", ("up", "high"), ("low", *["down"] * 5), ("good",), ("bad",), 1.5)
    kept = words.findings(encoder(lambda text: AT[text.rstrip(".").split()[-1]], ["low"]), [rare])[0]
    assert np.isfinite(kept.value) and kept.reason == "unknown to the tokenizer: low"


def test_the_packaged_tokenizer_says_which_words_it_does_not_know():
    reader = variant("backbone", "minilm_l6").load().text_reader
    assert reader.unknown(["flower", "\u4dff", "ant"]) == ["\u4dff"]


def test_a_word_is_the_mean_of_its_sentences():
    place = {"This is": 0.0, "That is": 0.2, "It is": 0.7, "These are": 0.0, "Those are": 0.2, "They are": 0.7}
    backbone = encoder(lambda text: place[" ".join(text.split()[:2])])
    expected = backbone.encode(["This is", "That is", "It is"]).mean(0)
    np.testing.assert_allclose(words.in_sentences(backbone, ["bee", "parents"]), [expected] * 2)


@pytest.mark.parametrize(
    ("word", "first"),
    [
        *(("bee", "This is a bee."), ("ant", "This is an ant."), ("John", "This is John.")),
        *(("freedom", "This is freedom."), ("her", "This is her."), ("parents", "These are parents.")),
    ],
)
def test_sentences_are_english(word, first):
    found = words.sentences(word)
    assert found[0] == first and len(set(found)) == 3


def test_lists_are_read_without_the_names_that_were_left_out_and_mended(tmp_path, monkeypatch):
    parts: list[Any] = [
        {"name": name, "words": ["Ann", "failur", name]} for name in ("Young people\u2019s names", "Y", "A", "B")
    ]
    test: dict[str, Any] = dict(zip(words.SETS, parts, strict=True)) | {"original_finding": {"d": "1.35", "p": "1e-8"}}
    test["first_target"]["remove"] = ["Ann"]
    untested = test | {"original_finding": {"d": "", "p": ""}}
    (tmp_path / "weat.json").write_text(json.dumps([test, untested]))
    monkeypatch.setattr(words, "member", lambda *_: tmp_path / "weat.json")
    one, other = words.associations()
    assert one.name == "1 Young people's names : Y, a : b"
    assert one.X == ("failure", "Young people\u2019s names") and len(one.Y) == 3
    assert one.human == 1.35 and np.isnan(other.human)


@pytest.mark.real
def test_the_packaged_encoder_has_the_associations_and_the_lean_that_were_seen():

    backbone = variant("backbone", "minilm_l6").load()
    found = [one for one in words.findings(backbone) if one.probe == "WEAT"]
    assert len(found) == 10
    seen = {"Flowers": (1.24, 1.35), "Instruments": (1.51, 1.66), "Male names": (1.02, 0.72), "Math": (0.94, 0.82)}
    for first, (value, human) in seen.items():
        one = next(one for one in found if one.what.split(" ", 1)[1].startswith(f"{first} :"))
        assert one.value == pytest.approx(value, abs=0.03) and one.human == human and one.p < 0.05
    assert all(len(words.sentences(w)) == 3 for test in words.associations() for s in test.sets for w in s)
    pearson = occupations.findings(backbone)[0]
    assert 0.42 < pearson.value < 0.56 and pearson.low > 0.1 and pearson.n == 60
