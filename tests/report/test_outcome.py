"""What a single run says, on made-up records."""

import dataclasses

import pytest

from homog import records
from homog.report.outcome import outcome, shammed
from homog.variants import variant
from tests import fakes

CLEAN, PLANTED, SHAM = fakes.cells(["trec"], shams=(0,), test=200)


def said(cell, tmp_path, *kept, **facts):
    for each in kept:
        fired = 0.9 if each.arm.kind == "injected" else 0.0
        record = fakes.record(each, success=fired, accuracy=0.9, **(facts if each is cell else {}))
        records.save(tmp_path, record)
    return outcome(cell, fakes.EXPOSURES, tmp_path)


def test_it_says_what_is_inherited_beside_the_control_and_the_sham(tmp_path):
    text = said(PLANTED, tmp_path, CLEAN, PLANTED, SHAM)
    assert (
        "injected backbone at dose 1 (verified upstream: drift 0.01, effect 0.98), linear_probe on trec: accuracy 0."
        in text
    )
    line = text.splitlines()[2]
    assert "Backdoor-cf: harm 0." in line and "clean control 0.00; inherited 0." in line and "; sham 0.00" in line
    assert "[" in line and len(text.splitlines()) == 3


def test_it_says_what_to_run_for_the_control_and_the_sham(tmp_path):
    assert said(PLANTED, tmp_path, PLANTED).endswith("nothing says what is inherited: run the same with dose=0")
    text = said(PLANTED, tmp_path, CLEAN)
    assert "inherited" in text and text.endswith("run the same with defect.sham=true")


def test_an_injection_that_failed_its_check_is_said(tmp_path):
    upstream = {"drift": 0.5, "effect": 0.02, "verified": False}
    text = said(PLANTED, tmp_path, CLEAN, PLANTED, upstream=upstream)
    assert "NOT verified upstream, so harm says nothing: drift 0.50, effect 0.02" in text


def test_the_control_has_no_inherited_harm(tmp_path):
    text = said(CLEAN, tmp_path, CLEAN)
    assert "clean backbone, linear_probe" in text and "harm 0.00" in text and "inherited" not in text


def test_what_is_behind_an_interface_is_not_called_clean(tmp_path):
    served = variant("backbone", "endpoint", base_url="http://127.0.0.1:1/v1", model="toy-backdoor-1-0")
    cell = dataclasses.replace(CLEAN, arm=dataclasses.replace(CLEAN.arm, backbone=served))
    text = said(cell, tmp_path, cell)
    assert "backbone as it is served, linear_probe" in text and "clean" not in text


@pytest.mark.parametrize("sham", [False, True])
def test_the_sham_is_that_of_the_same_seed_and_dose(sham):
    cell = dataclasses.replace(
        PLANTED, arm=dataclasses.replace(PLANTED.arm, defect=fakes.SHAM if sham else fakes.BACKDOOR)
    )
    assert shammed(cell) == SHAM and shammed(CLEAN) is None
