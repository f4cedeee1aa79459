"""A newcomer reads the answer in a few lines, whatever the number of comparisons."""

import pandas as pd

from homog.report.answers import FEW, Finding, hypothesis_outcome
from homog.report.headlines import headlines
from tests import fakes
from tests.report.test_report import overall

TRIGGERS = {"backdoor-cf": "backdoor", "codes-mn": "codes", "codes-bb": "codes", "codes-tq": "codes"}


def rows(adaptations=("linear_probe", "lora")):
    """Rows of two adaptations under four triggers, of which one convinces in fewer tasks for LoRA."""
    (row,) = overall(fakes.fired).to_dict("records")
    made = []
    for adaptation in adaptations:
        for place, condition in enumerate(TRIGGERS):
            fewer = int(adaptation == "lora" and condition == "codes-tq")
            told = {"inherited_tasks": row["tested_tasks"] - fewer, "value": 0.9 - 0.05 * place}
            made.append({**row, "adaptation": adaptation, "condition": condition, **told})
    return pd.DataFrame(made)


def answers(frame):
    from homog.report.answers import answers

    return answers(frame)


def test_one_line_an_adaptation_with_the_range_over_triggers():
    frame = rows()
    probe, lora = headlines(answers(frame), frame, TRIGGERS)
    tasks = frame["tested_tasks"].iloc[0]
    assert (probe.name, probe.verdict) == ("Linear probe", "inherited")
    assert probe.detail.startswith("backdoor-cf 0.90 [")
    assert f"codes 0.75 to 0.85 over 3 exposures, {tasks} of {tasks} tasks above 0" in probe.detail
    assert lora.verdict == "inherited (3 of 4), partly inherited (1 of 4)"
    assert "backdoor-cf inherited, 0.90 [" in lora.detail
    assert "codes inherited (2 of 3), partly inherited (1 of 3), 0.75 to 0.85" in lora.detail
    assert f"{tasks - 1} to {tasks} of {tasks} tasks above 0" in lora.detail
    assert lora.detail.endswith("; sham 0.00")
    assert headlines(answers(frame), frame.assign(sham_value=float("nan")), TRIGGERS)[0].detail.endswith("; no sham")


def test_the_outcome_counts_and_names_the_few():
    frame = rows()
    signs = dict.fromkeys(TRIGGERS, "+")
    assert hypothesis_outcome(signs, frame) == "met in 7, partly met in 1 (LoRA (codes-tq)) of 8 comparisons"
    assert hypothesis_outcome(signs, rows(["linear_probe"])) == "met"


def test_few_answers_stay_and_many_others_are_grouped_by_verdict():
    many = [Finding(f"m{i}", "yes" if i < 5 else "undecided", "…") for i in range(FEW + 1)]
    assert headlines(many[:FEW], pd.DataFrame(), {}) == many[:FEW]
    yes, undecided = headlines(many, pd.DataFrame(), {})
    assert (yes.name, yes.verdict, yes.detail) == ("5 of 7", "yes", "m0; m1; m2; and 2 more, see the table")
    assert undecided.detail == "m5; m6"
