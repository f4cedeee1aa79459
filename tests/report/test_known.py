"""Published claims: their numbers are those of the tables, and the verdicts follow from sign and interval."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from homog import report
from homog.report import known, pages
from homog.report.known import Claim, Tables, change, paired, verdict
from homog.variants import EXPERIMENTS


@pytest.fixture
def results(tmp_path):
    summary = pd.DataFrame(
        {
            "adaptation": ["linear_probe", "lora"],
            "size": [1, 2],
            "value": [0.5, 0.2],
            "low": [0.4, 0.1],
            "high": [0.6, 0.3],
            "cost_value": [-0.01, 0.0],
            "cost_low": [-0.02, -0.01],
            "cost_high": [0.0, 0.01],
            "examples": [120, 240],
        }
    )
    effects = pd.DataFrame(
        {
            "kind": "injected",
            "adaptation": np.repeat(["linear_probe", "lora"], 6),
            "task": np.tile(["a", "b"], 6),
            "arm_seed": np.tile(np.repeat([0, 1, 2], 2), 2),
            "inherited": [0.9, 0.7, 0.8, 0.6, 1.0, 0.6, 0.5, 0.3, 0.3, 0.1, 0.4, 0.2],
        }
    )
    pages.write(tmp_path / "s" / "tables" / "summary.csv", pages.csv(summary))
    pages.write(tmp_path / "s" / "effects.csv", pages.csv(effects))
    return tmp_path


def test_a_row_of_a_table_is_found_by_its_values(results):
    tables = Tables(results)
    assert tables.row("s", "summary", adaptation="lora") == {
        "value": 0.2,
        "low": 0.1,
        "high": 0.3,
        "n": 240,
        "study": "s",
    }
    cost = tables.row("s", "summary", "cost_", adaptation="linear_probe")
    assert cost is not None and (cost["value"], cost["low"]) == (-0.01, -0.02)
    assert tables.row("s", "summary", adaptation="ia3") is None
    assert tables.row("s", "summary", no_such_column=1) is None
    assert tables.row("nowhere", "summary", adaptation="lora") is None


def test_a_change_adds_the_variances_of_both_ends(results):
    told = change(Tables(results), "s", "summary", "size", (1, 2))
    assert told is not None and told["value"] == pytest.approx(-0.3)
    assert told["high"] - told["value"] == pytest.approx(np.hypot(0.1, 0.1))
    assert told["detail"] == "0.50 [0.40, 0.60] to 0.20 [0.10, 0.30]"
    assert change(Tables(results), "s", "summary", "size", (1, 3)) is None


def test_models_are_compared_by_backbone_seed(results):
    told = paired(Tables(results), "s", "inherited", {"adaptation": "linear_probe"}, {"adaptation": "lora"})
    assert told is not None
    differences = np.array([0.8, 0.7, 0.8]) - np.array([0.4, 0.2, 0.3])
    expected = stats.ttest_1samp(differences, 0).confidence_interval()
    assert told["value"] == pytest.approx(differences.mean())
    assert (told["low"], told["high"]) == pytest.approx((expected.low, expected.high))
    two = paired(
        Tables(results), "s", "inherited", {"adaptation": "linear_probe", "arm_seed": [0, 1]}, {"adaptation": "lora"}
    )
    assert two is not None and np.isnan(two["low"]) and two["value"] == pytest.approx(0.45)
    assert paired(Tables(results), "s", "gone", {"adaptation": "lora"}, {"adaptation": "lora"}) is None


@pytest.mark.parametrize(
    ("sign", "value", "low", "high", "word"),
    [
        ("+", 0.3, 0.1, 0.5, known.MET),
        ("+", -0.3, -0.5, -0.1, known.AGAINST),
        ("+", 0.01, -0.02, 0.03, known.AGAINST),
        ("+", 0.3, -0.1, 0.6, known.OPEN),
        ("+", 0.3, np.nan, np.nan, known.OPEN),
        ("-", -0.3, -0.5, -0.1, known.MET),
        ("0", 0.01, -0.02, 0.03, known.MET),
        ("0", 0.3, 0.1, 0.5, known.AGAINST),
        ("+", np.nan, np.nan, np.nan, known.ABSENT),
    ],
)
def test_verdicts(sign, value, low, high, word):
    assert verdict(Claim("", "", sign, ""), {"value": value, "low": low, "high": high}) == word


def test_every_claim_of_the_house_has_a_row_with_or_without_results(results, capsys):
    every = known.claims()
    assert len({claim.claim for claim in every}) == len(every) >= 20
    assert {claim.sign for claim in every} <= {"+", "-", "0"} and all(claim.source for claim in every)
    assert set(known.table(Tables(results), every)["verdict"]) == {known.ABSENT}
    assert report.main(["known", f"results={results}"]) == 0
    assert f"{len(every)} published claims: {len(every)} not measured" in capsys.readouterr().out
    assert (results / "known" / "tables" / "known.csv").is_file()


def test_the_committed_table_is_that_of_the_committed_reports():
    folder = EXPERIMENTS.parent / "results"
    made = known.table(Tables(folder), known.claims())
    kept = pd.read_csv(folder / "known" / "tables" / "known.csv")
    assert made["claim"].tolist() == kept["claim"].tolist() and made["verdict"].tolist() == kept["verdict"].tolist()
    assert made["value"].tolist() == pytest.approx(kept["value"].tolist(), rel=1e-4, nan_ok=True)
    assert (made["verdict"] != known.ABSENT).sum() >= 12
