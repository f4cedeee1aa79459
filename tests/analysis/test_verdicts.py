"""The rules by which numbers become verdicts, each by hand."""

import math

import numpy as np
import pytest

from homog.analysis import verdicts
from homog.metrics.binomial import beats_majority

NAN = float("nan")
ROW = {
    **{"value": 0.4, "low": 0.3, "high": 0.5, "reason": "", "mde": 0.1, "rms": 0.4, "defect_kind": "planted"},
    **{"unverified": 0, "arms": 3, "tested_tasks": 8, "inherited_tasks": 8, "benefited_tasks": 0},
    **{"sham_value": 0.0, "beyond_low": 0.25, "beyond_high": 0.55},
    **{"upstream_value": 0.9, "upstream_low": 0.85, "upstream_high": 0.95},
}
BELOW = {"value": -0.4, "low": -0.5, "high": -0.3, "inherited_tasks": 0, "benefited_tasks": 8}


@pytest.mark.parametrize(
    ("said", "changes"),
    [
        ("inherited", {}),
        ("partly inherited", {"inherited_tasks": 3}),
        ("inherited in the mean only", {"inherited_tasks": 0}),  # 0 of 8 tasks is no part
        ("above the control, no sham", {"sham_value": NAN, "beyond_low": NAN, "beyond_high": NAN}),
        ("undecided", {"beyond_low": -0.1}),
        ("as noise of the same size", {"beyond_low": -0.1, "defect_kind": "engineered"}),
        ("undecided", {"unverified": 1}),
        ("undecided", {"low": NAN, "high": NAN, "reason": "2 backbone seeds"}),
        ("undecided", {"low": -0.1}),
        ("undecided", {"value": NAN}),
        ("harm and benefit inherited", {"value": 0.0, "low": -0.02, "high": 0.02, "benefited_tasks": 5}),
        ("nothing to inherit", {"upstream_value": 0.0, "upstream_low": -0.04, "upstream_high": 0.03}),
        ("not inherited", {"value": 0.02, "low": -0.05, "high": 0.08, "inherited_tasks": 0}),  # of 0.9 upstream
        ("undecided", {"value": 0.02, "low": -0.05, "high": 0.08, "inherited_tasks": 0, "upstream_value": 0.2}),
        ("benefit inherited", BELOW | {"beyond_low": -0.6, "beyond_high": -0.2}),
        ("below the control, no sham", BELOW | {"sham_value": NAN, "beyond_low": NAN, "beyond_high": NAN}),
    ],
)
def test_the_rules_in_their_order(said, changes):
    row = ROW | changes
    if said == "undecided" and row["upstream_value"] == 0.2:
        row |= {"upstream_low": 0.1, "upstream_high": 0.3}
    assert verdicts.verdict(row)[0] == said


def test_the_margin_is_absolute_where_the_backbone_itself_was_not_measured():
    unknown = ROW | {f"upstream_{name}": NAN for name in ("value", "low", "high")} | {"inherited_tasks": 0}
    assert verdicts.verdict(unknown | {"value": 0.01, "low": -0.03, "high": 0.04})[0] == "not inherited"
    assert verdicts.verdict(unknown | {"value": 0.02, "low": -0.05, "high": 0.08})[0] == "undecided"


@pytest.mark.parametrize(
    ("sign", "changes", "outcome"),
    [
        ("+", {}, "met"),
        ("-", {}, "not met"),
        ("0", {}, "not met"),
        ("+", {"inherited_tasks": 3}, "partly met"),
        ("+", {"sham_value": NAN, "beyond_low": NAN, "beyond_high": NAN}, "undecided"),
        ("+", {"benefited_tasks": 3}, "partly met"),
        ("0", {"benefited_tasks": 3}, "not met"),
        ("+", {"upstream_value": 0.0, "upstream_low": -0.04, "upstream_high": 0.03}, "nothing to inherit"),
        ("", {}, "undecided"),
    ],
)
def test_a_hypothesis_is_borne_out_by_its_sign(sign, changes, outcome):
    assert verdicts.borne_out(sign, ROW | changes) == outcome


def test_chance_is_not_learning():
    assert beats_majority(0.62, 0.6, 120) > 0.3 and beats_majority(0.75, 0.6, 120) < 0.001
    assert beats_majority(0.6, 0.6, 120) > 0.5 and math.isnan(beats_majority(0.6, 0.6, 0))
    rng = np.random.default_rng(1)
    false = [beats_majority(rng.binomial(120, 0.6) / 120, 0.6, 120) < 0.05 for _ in range(2000)]
    assert np.mean(false) < 0.055
