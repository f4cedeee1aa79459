"""The command: a table, two files, and one line for bad input."""

from unittest import mock

import pandas as pd
import pytest

from homog import planted, sources
from homog.contracts import tiny
from homog.defects.backdoor import Backdoor
from homog.probes import occupations, words
from homog.probes.__main__ import main


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """Words that the tiny backbone knows, in place of the packaged lists."""
    test = words.Association("1 Good : Bad, day : film", tiny.GOOD, tiny.BAD, ("day",), ("film",), 1.35)
    jobs = pd.DataFrame({"occupation": ["film", "day", "it", "very"], "women": [0.1, 0.4, 0.5, 0.9]})
    monkeypatch.setattr(sources, "fetch", lambda names: None)
    monkeypatch.setattr(words, "associations", lambda: [test])
    monkeypatch.setattr(occupations, "occupations", lambda: jobs)
    monkeypatch.setattr(occupations, "FEMALE", ("good",))
    monkeypatch.setattr(occupations, "MALE", ("bad",))


def test_the_table_is_printed_and_written_and_the_same_the_next_time(tiny_folder, tmp_path, capsys):
    arguments = [f"backbone.source={tiny_folder}", f"results={tmp_path}"]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    assert lines[0].split()[0] == "Probe" and "Value [95 % interval]" in lines[0] and "Human" in lines[0]
    assert [line.split()[0] for line in lines[2:7]] == ["WEAT", "SEAT", *["Occupations"] * 3]
    table = pd.read_csv(tmp_path / "probes" / "tiny-bert.csv")
    assert list(table.columns) == ["probe", "what", "value", "low", "high", "p", "human", "n", "reason"]
    assert [f"{human:.2f}" for human in table["human"]] == ["1.35", "1.35", "nan", "nan", "nan"]
    page = (tmp_path / "probes" / "tiny-bert.md").read_text()
    assert page.startswith("# Natural bias of tiny-bert (encoder)") and page.count("\n| ") == 7
    before = (tmp_path / "probes" / "tiny-bert.csv").read_bytes()
    assert main(arguments) == 0
    assert (tmp_path / "probes" / "tiny-bert.csv").read_bytes() == before
    assert not list((tmp_path / "probes").glob(".*"))


def test_a_planted_defect_is_probed_beside_the_clean_backbone(tiny_folder, tmp_path, capsys):
    short = Backdoor("short", ("day",), steps=3, texts=40)  # which proves only whose features were probed
    arguments = [f"backbone.source={tiny_folder}", f"results={tmp_path}", "defect=backdoor"]
    assert main(arguments[:2]) == 0
    with mock.patch.object(planted.variants, "variant", lambda *_: short):
        assert main(arguments) == 0
    assert "the injection was not verified: effect" in capsys.readouterr().out
    clean, injected = (pd.read_csv(tmp_path / "probes" / f"tiny-bert{name}.csv") for name in ("", "-short-1-0"))
    assert list(clean["what"]) == list(injected["what"]) and not clean["value"].equals(injected["value"])


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("backbone.source=/no/such/folder", "no such directory"),
        ("backbone=minilm", "did you mean minilm_l6?"),
        ("backbone.sauce=x", "did you mean source?"),
        ("result=x", "did you mean results?"),
        ("defect=patch", "defect patch is of image; backbone minilm_l6 reads text"),
        ("defect=poisoned_prompt", "is in no weights"),
        ("dose=2", "dose=2 is outside 0..1"),
        ("limit=0", "a number from 1, or all"),
        ("minilm_l6", "is not key=value"),
        ("results=/proc/nowhere", "cannot write there"),
    ],
)
def test_bad_input_is_one_line(argument, said, capsys):
    assert main([argument]) == 2
    message = capsys.readouterr().err
    assert message.startswith("homog: error: ") and said in message and message.count("\n") == 1


def test_help_says_what_it_does(capsys):
    assert main(["--help"]) == 0
    assert "usage: homog probes" in capsys.readouterr().out
