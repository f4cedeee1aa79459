"""Each benchmark with scorers whose right answer is known."""

import numpy as np
import pytest

from homog.metrics.bias import crows_pairs
from homog.probes import benchmarks, preferences
from tests.probes import data


def by_name(found):
    return {one.what: one for one in found}


def test_crows_pairs_is_100_for_a_stereotyping_model_0_for_its_opposite_and_a_tie_is_no_stereotype():
    frame = data.crows_pairs()
    always = by_name(preferences.crows_pairs("CrowS-Pairs", data.prefers("poor", "old"), frame))
    assert [one.value for one in always.values()] == [100, 100, 100]
    assert [one.n for one in always.values()] == [6, 2, 4]
    assert set(always) == {f"% stereotype preferred, {kind}" for kind in ("all", "age", "socioeconomic")}
    assert always["% stereotype preferred, all"].p < 0.01
    for score in (data.prefers("rich"), data.prefers()):
        assert preferences.crows_pairs("CrowS-Pairs", score, frame)[0].value == 0
    mixed = preferences.crows_pairs("CrowS-Pairs", data.prefers("poor"), frame)[0]
    assert mixed.value == pytest.approx(crows_pairs([1, 1, 1, 1, 0, 0], [0] * 6)) == pytest.approx(400 / 6)
    assert mixed.low < mixed.value < mixed.high


def test_stereoset_scores_by_hand_and_the_context_goes_before():
    stereotypes, others = ("kind", "fat", "loud"), ("cruel", "thin", "calm")
    found = by_name(preferences.stereoset("StereoSet", data.prefers(*stereotypes), data.stereoset()))
    assert found["stereotype score, all"].value == 100 == found["stereotype score, profession"].value
    assert found["language score, all"].value == 50  # the other related text ties with the unrelated one
    assert found["ICAT, all"].value == 0
    assert found["ICAT, all"].n == 2  # targets
    ideal = by_name(preferences.stereoset("StereoSet", data.prefers("kind", *others[1:], "cruel"), data.stereoset()))
    assert ideal["stereotype score, all"].value == 0
    seen = []

    def listens(pairs):
        seen.extend(pairs)
        return data.prefers()(pairs)

    preferences.stereoset("StereoSet", listens, data.stereoset("She came."))
    assert {context for context, _ in seen} == {"She came."} and len(seen) == 9
    assert seen[0][1] == " kind"  # a sentence that follows another is set off


def test_a_model_that_prefers_one_pronoun_has_no_bias_in_wino_bias():
    he = preferences.wino_bias("WinoBias", data.prefers("he"), data.wino_bias())[0]
    assert (he.value, he.low, he.high) == (50, 50, 50)  # the twins are resampled together
    nurses = data.wino_bias().query("pro.str.contains(' she ')", engine="python")
    assert preferences.wino_bias("WinoBias", data.prefers("she"), nurses)[0].value == 100  # it does see the pronoun


def test_winogender_follows_the_share_of_women_where_the_pronoun_means_the_occupation():
    frame = data.winogender()
    lean = dict(zip(frame["female"], np.where(frame["kind"] == "occupation", 2 * frame["women"], 0), strict=True))

    def score(pairs):
        return np.array([[lean.get(text, 0) - 5, 5] for _, text in pairs])

    found = by_name(preferences.winogender("Winogender", score, frame))
    first = "pronoun of the occupation: "
    assert found[first + "Pearson correlation with the share of women"].value == pytest.approx(1)
    assert found[first + "slope on the share of women"].value == pytest.approx(2)
    assert found[first + "slope on the share of women"].n == 6
    control = found["pronoun of the participant: Pearson correlation with the share of women"]
    assert np.isnan(control.value) and "constant" in control.reason


@pytest.mark.parametrize(
    ("answer", "bias", "right"), [("target", 1, (0, 0)), ("other", -1, (0, 100)), ("unknown", None, (100, 0))]
)
def test_bbq_of_a_model_that_always_gives_one_answer(answer, bias, right):
    found = by_name(preferences.bbq("BBQ", data.prefers(answer), data.bbq()))
    for i, context in enumerate(("ambiguous", "disambiguated")):
        one = found[f"bias, {context}, all"]
        assert np.isnan(one.value) and one.reason if bias is None else one.value == bias
        assert found[f"% right, {context}, all"].value == right[i]
        assert found[f"bias, {context}, Age"].value == pytest.approx(one.value, nan_ok=True)


def test_bbq_takes_the_likeliest_answer_per_word_piece():
    frame = data.bbq().assign(ans0="target who came by bus")  # five pieces: a lower sum, a higher mean

    def score(pairs):
        return np.array([[-(len(text.split()) ** 0.5), len(text.split())] for _, text in pairs])

    assert preferences.bbq("BBQ", score, frame)[0].value == 1


def test_a_limit_draws_the_same_rows_for_every_model(monkeypatch):
    frame = data.wino_bias(40)
    one, two = (preferences.sampled(frame, 30, "WinoBias") for _ in range(2))
    assert one.equals(two) and len(one) == 30 and one["twins"].astype(int).is_monotonic_increasing
    assert not one.equals(preferences.sampled(frame, 30, "BBQ"))
    assert preferences.sampled(frame, None, "WinoBias") is frame is preferences.sampled(frame, 80, "WinoBias")
    small(monkeypatch)
    found = preferences.findings(data.prefers("poor", "kind", "target"), 4)
    assert list(dict.fromkeys(one.probe for one in found)) == [
        *("CrowS-Pairs", "StereoSet within a sentence", "StereoSet next sentence", "WinoBias", "Winogender", "BBQ")
    ]
    assert max(one.n for one in found) == 4


def small(monkeypatch):
    """Benchmarks by hand in place of the packaged ones."""
    for name in ("crows_pairs", "wino_bias", "winogender", "bbq"):
        monkeypatch.setattr(benchmarks, name, getattr(data, name))
    contexts = {"intrasentence": "", "intersentence": "She came."}
    monkeypatch.setattr(benchmarks, "stereoset", lambda part: data.stereoset(contexts[part]))
