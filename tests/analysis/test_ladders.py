"""The ladder of an ensemble, and what the agreement of pairs varies with."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from homog.analysis import ladders
from homog.analysis.ensembles import DEPLOYERS, Ensemble

N = 400


def ensemble(backbones=4, deployers=3, seed=0, **attributes: Any) -> Ensemble:
    """Models of which those on one backbone fail the same tenth of the examples, beside a tenth of their own."""
    rng = np.random.default_rng(seed)
    hard = rng.random((backbones, N)) < 0.1
    failures = np.concatenate([[each ^ (rng.random(N) < 0.1) for _ in range(deployers)] for each in hard])
    names = {"backbone": np.repeat([f"b{i}" for i in range(backbones)], deployers)}
    names |= {"seed": np.tile([f"s{i}" for i in range(deployers)], backbones)} | attributes
    labels = np.zeros(N, dtype=int)
    models = tuple(f"m{i}" for i in range(len(failures)))
    return Ensemble(
        DEPLOYERS,
        "t",
        failures[None],
        models,
        ("t",),
        labels=labels,
        predictions=failures[None].astype(int),
        attributes={name: np.asarray(values, dtype=object) for name, values in names.items()},
    )


def test_every_attribute_that_some_models_share_has_a_ladder():
    constant: Any = {"family": ["x"] * 12, "model": list("abcdefghijkl")}
    found = ladders.ladders(ensemble(**constant))
    assert found["shared"].unique().tolist() == ["backbone", "seed"]  # one that all, or none, share has none
    by_place = found.set_index(["shared", "null"])
    assert (by_place.loc["backbone", "difference_low"] > 0.2).all()
    assert (by_place.loc["seed", "difference_low"] < 0.05).all()
    row = by_place.loc[("backbone", "independent")]
    assert (row["sharing_pairs"], row["other_pairs"], row["models"], row["examples"]) == (12, 54, 12, N)
    assert row["sharing_value"] - row["others_value"] == pytest.approx(row["difference_value"])


def test_examples_that_a_model_lacks_are_left_out():
    whole = ensemble()
    present = np.ones((12, N), dtype=bool)
    present[0, :100] = False
    lacking = Ensemble(**{**vars(whole), "present": present})
    assert set(ladders.ladder_table(lacking, "backbone")["examples"]) == {N - 100}


def test_agreement_goes_with_what_pairs_share():
    pairs = ladders.pairs_of({"t": ensemble(), "u": ensemble(seed=1)})
    assert len(pairs) == 2 * 66 and pairs["same_backbone"].sum() == 2 * 12
    table = ladders.variance(pairs).set_index("term")
    assert table.loc["same_backbone", "value"] == pytest.approx(0.5, abs=0.15)
    assert table.loc["same_backbone", "last"] > 0.7 and table.loc["rest", "last"] < 0.25
    assert abs(table.loc["same_seed", "value"]) < 0.05 and table.loc["same_seed", "alone"] < 0.1
    explained = np.corrcoef(pairs["error_consistency"], pairs["same_backbone"])[0, 1] ** 2
    assert table.loc["same_backbone", "alone"] == pytest.approx(explained)
    measures = ladders.agreement_of_measures(pairs).set_index("measure")
    assert measures.loc["error_consistency", "error_consistency"] == pytest.approx(1)
    assert measures.loc["error_consistency", "disagreement"] < -0.5


def test_models_that_answer_alike_everywhere_count_once():
    whole = ensemble()
    assert whole.predictions is not None
    twice = whole.predictions.copy()
    twice[0, 1] = twice[0, 0]
    pairs = ladders.pairs_of({"t": Ensemble(**{**vars(whole), "predictions": twice})})
    assert len(pairs) == 55


def test_nothing_to_compare():
    assert ladders.pairs_of({}).empty and ladders.agreement_of_measures(ladders.pairs_of({})).empty
    alone = ensemble(backbones=1)
    assert isinstance(ladders.ladders(alone), pd.DataFrame)
