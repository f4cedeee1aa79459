"""Reading the benchmarks: small files by hand in their own formats, and the packaged ones."""

import json
from typing import Any

import pytest

from homog.inputs import social_groups
from homog.probes import benchmarks

READ: Any = social_groups.occupations.__wrapped__  # reads the file each time


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Writes members of the sources by the end of their names."""

    def member(_, name):
        return tmp_path / name.rsplit("/", 1)[-1]

    monkeypatch.setattr(benchmarks, "member", member)
    monkeypatch.setattr(social_groups, "member", member)
    monkeypatch.setattr(social_groups, "occupations", READ)
    return lambda name, text: (tmp_path / name).write_text(text, encoding="utf-8")


def test_wino_bias_pairs_sentences_names_twins_and_drops_typing_errors(files):
    pro = (
        "1 [The cook] left because [he] was late.\n2 The clerk met [the cook] for [her] lunch.\n3 [The cook] saw [him]."
    )
    anti = (
        "1 [The cook] left because [she] was late.\n2 The clerk met [the cook] for [his] lunch.\n3 [A cook] saw [her]."
    )
    for kind in ("type1", "type2"):
        for split in ("dev", "test"):
            files(f"pro_stereotyped_{kind}.txt.{split}", pro)
            files(f"anti_stereotyped_{kind}.txt.{split}", anti)
    frame = benchmarks.wino_bias()
    assert len(frame) == 8  # the third differs in an article too
    assert frame["pro"].tolist()[:2] == ["The cook left because he was late.", "The clerk met the cook for her lunch."]
    assert frame["anti"].tolist()[:2] == [
        "The cook left because she was late.",
        "The clerk met the cook for his lunch.",
    ]
    assert frame["twins"].tolist()[::2] == frame["twins"].tolist()[1::2] and len(set(frame["twins"])) == 4


def test_winogender_puts_both_pronouns_and_the_share_of_women_in_a_row(files):
    rows = [
        f"clerk.{other}.{meant}.{pronoun}.txt\tThe clerk told {other} that {word} left {meant}."
        for other in ("someone", "guest")
        for meant in "01"
        for pronoun, word in (("male", "he"), ("female", "she"), ("neutral", "they"))
    ]
    files("all_sentences.tsv", "\n".join(["sentid\tsentence", *rows]))
    files("occupations-stats.tsv", "occupation\tbergsma_pct_female\tbls_pct_female\tbls_year\nclerk\t56\t70\t2015\n")
    frame = benchmarks.winogender()
    assert len(frame) == 4 and set(frame["women"]) == {0.7}
    one = frame[(frame["kind"] == "participant") & frame["female"].str.contains("guest")].iloc[0]
    assert (one["female"], one["male"]) == (
        "The clerk told guest that she left 1.",
        "The clerk told guest that he left 1.",
    )


def test_stereoset_gives_a_context_only_to_a_sentence_that_follows(files):
    labels = ("stereotype", "anti-stereotype", "unrelated")
    sentences = [{"gold_label": label, "sentence": f"It is {label}."} for label in labels]
    one = {"target": "chef", "bias_type": "profession", "context": "He is a BLANK.", "sentences": sentences}
    files("dev.json", json.dumps({"data": {"intrasentence": [one], "intersentence": [one]}}))
    within, after = (benchmarks.stereoset(part).iloc[0] for part in ("intrasentence", "intersentence"))
    assert (within["context"], after["context"]) == ("", "He is a BLANK.")
    assert all(within[label] == f"It is {label}." for label in labels)


def test_bbq_takes_the_target_from_the_metadata_and_drops_rows_without(files, monkeypatch):
    one = {"question_index": 1, "category": "Age", "context": "Ann met Bob.", "question": "Who is old?", "label": 0}
    one |= {"ans0": "Unknown", "ans1": "Ann", "ans2": "Bob", "question_polarity": "neg", "context_condition": "ambig"}
    one |= {"answer_info": {"ans0": ["Unknown", "unknown"], "ans1": ["Ann", "old"], "ans2": ["Bob", "nonOld"]}}
    files("Age.jsonl", "\n".join(json.dumps(one | {"example_id": i}) for i in range(2)))
    files("additional_metadata.csv", "category,question_index,example_id,target_loc\nAge,1,0,1\nAge,1,0,1\nAge,1,1,\n")
    wheel = type("Wheel", (), {"members": {"BBQ/data/Age.jsonl": ""}})
    monkeypatch.setitem(benchmarks.WHEELS, "benchmarks", wheel)
    frame = benchmarks.bbq()
    row = frame.iloc[0]
    assert len(frame) == 1 and (row["unknown"], row["target"], row["label"], row["template"]) == (0, 1, 0, "Age 1")
    assert row["prompt"] == "Ann met Bob.\nQuestion: Who is old?\nAnswer:" and row["ambiguous"]


@pytest.mark.real
def test_the_packaged_benchmarks_have_the_sizes_of_their_papers():
    assert len(benchmarks.crows_pairs()) == 1508
    assert [len(benchmarks.stereoset(part)) for part in ("intrasentence", "intersentence")] == [2106, 2123]
    wino = benchmarks.wino_bias()
    assert len(wino) == 1565 and wino["kind"].value_counts().min() > 770
    assert len(benchmarks.winogender()) == 240
    bbq: Any = benchmarks.bbq()
    assert len(bbq) == 58476 and (bbq["target"] == bbq["unknown"]).sum() == 0
    assert (bbq["ambiguous"] == (bbq["label"] == bbq["unknown"])).mean() == 1
    # where the text tells who it is, it is the target as often as the other person
    named = (bbq["label"] == bbq["target"]).sum() / (~bbq["ambiguous"]).sum()
    assert named == pytest.approx(0.5, abs=0.02)
