"""One grammar for every command: key=value, --flags, names."""

import re
import shutil
import subprocess
import sys
import time
from importlib import import_module

import pytest

import homog
from homog import __main__, command, overrides, records, status, variants
from homog.command import Command, Setting
from homog.config import ConfigError
from homog.contracts.example import MINE
from tests.records.test_records import fake

TOY = Command(
    "toy",
    "Do nothing.",
    (
        Setting("out", "where", "there"),
        Setting("count", "how many", 3, int),
        Setting("level", "of what", 0.5, float),
        Setting("pairwise_complete", "whether", False, bool),
        Setting("select", "which", (), tuple),
    ),
    names="FILE",
    passes=("backbone.", "hydra/", "hydra."),
)


def test_settings_are_written_as_pairs_or_as_flags():
    plain = command.parsed(TOY, ["out=a=b, c", "count=4", "level=1"])
    assert plain.settings == {"out": "a=b, c", "count": 4, "level": 1.0, "pairwise_complete": False, "select": ()}
    flags = ["--out", "a=b, c", "--count=4", "--level", "1", "--pairwise-complete"]
    assert command.parsed(TOY, flags).settings == {**plain.settings, "pairwise_complete": True}
    given = command.parsed(TOY, ["--select", "task=a,b", "kind=clean", "--out", "x", "file.csv"])
    assert (given["select"], given["out"], given.names) == (("task=a,b", "kind=clean"), "x", ["file.csv"])


def test_backbones_and_hydra_are_kept_apart_from_names():
    words = ["backbone.source=/a b", "hydra/launcher=joblib", "+hydra.x=1", "dir/a=1.csv", "b.csv"]
    given = command.parsed(TOY, words)
    assert given.backbone == {"source": "/a b"}
    assert given.passed == ["hydra/launcher=joblib", "+hydra.x=1"]
    assert given.names == ["dir/a=1.csv", "b.csv"]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("outt=1", "unknown key 'outt': did you mean out"),
        ("backbon.source=x", "did you mean backbone.source"),
        ("--counts=1", "unknown flag 'counts': did you mean count"),
        ("count=many", "count=many: valid: a whole number"),
        ("level=high", "level=high: valid: a number"),
        ("--out", "--out needs a value"),
        ("--with", "--with: name your folder"),
        ("--with=/no/such", "no such folder"),
    ],
)
def test_bad_input_is_one_line_and_2(word, said, capsys, monkeypatch):
    monkeypatch.setenv(variants.WITH, "")
    assert command.main(TOY, lambda given: None, [word]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and error.startswith("homog: error: ")


def test_the_exit_code_is_that_of_the_command(capsys):
    assert command.main(TOY, lambda given: 1, []) == 1
    assert command.main(TOY, lambda given: None, ["--help"]) == 0
    page = capsys.readouterr().out
    assert page.startswith("usage: homog toy [FILE ...]") and "--pairwise-complete" in page and "count=3" in page


@pytest.mark.parametrize("text", ["/tmp/a=b", "/tmp/a, b", "it's", 'say "so"', "a\\", "[1]", "${x", "", "1e5"])
def test_values_reach_hydra_as_they_are(text):
    from hydra.core.override_parser.overrides_parser import OverridesParser

    (parsed,) = OverridesParser.create().parse_overrides(overrides.overrides({"results": text}))
    assert (parsed.key_or_group, parsed.value()) == ("results", text)


def test_every_verb_has_a_module_with_a_main_and_a_page(capsys):
    for verb, (module, _) in __main__.VERBS.items():
        assert import_module(module).COMMAND.verb == verb
        assert __main__.main([verb, "--help"]) == 0
        assert f"usage: homog {verb}" in capsys.readouterr().out


def test_help_version_and_a_wrong_verb(capsys):
    assert __main__.main([]) == __main__.main(["--help"]) == 0
    assert all(verb in capsys.readouterr().out for verb in ("sweep",))
    assert __main__.main(["--version"]) == 0
    assert capsys.readouterr().out == f"homog {homog.__version__}\n"
    assert __main__.main(["swep"]) == 2
    assert "unknown verb 'swep': did you mean sweep" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--cfg", "job"], ["sweep", "--help"]])
def test_a_look_at_the_settings_imports_nothing_heavy(arguments):
    heavy = "{'torch', 'transformers', 'pandas', 'sklearn', 'matplotlib', 'scipy'}"
    code = f"import sys\nfrom homog.__main__ import main\ntry:\n    main({arguments})\nfinally:\n"
    code += f"    print([name for name in sys.modules if name in {heavy}], file=sys.stderr)"
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert time.perf_counter() - began < 10  # a second on an idle core; this one may be busy


def test_status_counts_what_is_done_missing_and_torn(tmp_path, capsys):
    from homog import study

    spec = study.load("inheritance")
    cells = study.expand(spec, "smoke")
    conditions = ("clean", *study.exposed_by(spec, "smoke"))
    for cell in cells[:4]:
        records.save(tmp_path, fake(cell.id, conditions=conditions))
    records.save(tmp_path, fake(cells[4].id, conditions=("clean",)))
    records.record_path(tmp_path, cells[0].id).write_bytes(b"torn")
    assert status.main(["inheritance", "preset=smoke", f"results={tmp_path}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    head, _, time_left = lines[0].partition("; about")
    assert head == "inheritance, preset smoke: 3 done, 8 missing, 1 unreadable" and "of the last 3" in time_left
    assert f"{cells[0].arm.id}  injected backdoor" in lines[1] and "3 done, 1 unreadable" in lines[1]
    assert len(lines) == 4
    assert records.record_path(tmp_path, cells[0].id).read_bytes() == b"torn"  # it is only looked at


def test_status_is_said_again_until_all_is_done(tmp_path, capsys, monkeypatch):
    from homog import study

    spec = study.load("inheritance")
    cells = study.expand(spec, "smoke")
    conditions = ("clean", *study.exposed_by(spec, "smoke"))
    asleep = []

    def sleep(seconds):  # meanwhile somebody computes half of the rest, then all
        for cell in cells[: 6 * (len(asleep) + 1)]:
            records.save(tmp_path, fake(cell.id, conditions=conditions))
        asleep.append(seconds)

    monkeypatch.setattr(status.time, "sleep", sleep)
    where = ["inheritance", "preset=smoke", f"results={tmp_path}"]
    assert status.main([*where, "--watch", "seconds=5"]) == 0
    heads = [line for line in capsys.readouterr().out.splitlines() if line.startswith("inheritance")]
    assert asleep == [5.0, 5.0] and re.findall(r"(\d+) done", " ".join(heads)) == ["0", "6", "12"]
    assert "left at the pace of the last 6" in heads[1] and "left" not in heads[0] + heads[2]
    assert status.main([*where, "--watch", "seconds=0"]) == 2


def test_the_time_left_follows_the_pace_of_the_last_models():
    assert status.left([100.0 * i for i in range(30)], 60, 2900.0) == "; about 2 h left at the pace of the last 20"
    assert status.left([0.0, 10.0], 5, 20.0) == ""  # too few
    assert status.left([0.0, 10.0, 20.0], 5, 20.0 + status.ASLEEP + 1) == ""  # nobody computes
    assert status.left([0.0, 10.0, 20.0], 0, 20.0) == ""
    slower = [status.left([0.0, 10.0, 20.0], 30, now) for now in (20.0, 2000.0)]
    assert slower == ["; about 3 min left at the pace of the last 3", "; about 6 h left at the pace of the last 3"]


def test_only_a_study_takes_another_backbone_by_its_name():
    assert command.parsed(Command("toy", "", passes=("backbone=", "backbone.")), ["backbone=x"]).backbone == {
        "name": "x"
    }
    with pytest.raises(ConfigError, match="unknown key 'backbone': did you mean backbone.source"):
        command.parsed(Command("toy", "", passes=("backbone.",)), ["backbone=x"])


def test_a_setting_that_is_none_is_a_config_error():
    with pytest.raises(ConfigError, match="not key=value"):
        command.parsed(Command("toy", ""), ["word"])


def test_hydra_is_handed_quoted_paths_and_the_users_folders(tmp_path, monkeypatch):
    monkeypatch.setenv(variants.WITH, "")
    here = str(tmp_path)
    words = ["results=a,b", "results='a,b'", f"backbone.source={here}", "backbone.source=a,b", "task=trec,sms_spam"]
    handed = [
        "results='a,b'",
        "results='a,b'",
        f"++backbone.source='{here}'",
        "++backbone.source=a,b",
        "task=trec,sms_spam",
    ]
    assert overrides.for_hydra(words) == handed
    shutil.copytree(MINE, tmp_path / "my own")
    assert overrides.for_hydra(["--with", f"{here}/my own", "dose=1"]) == [
        "dose=1",
        f"hydra.searchpath=['file://{here}/my own/conf']",
        f"++hydra.job.env_set.HOMOG_WITH='{here}/my own'",
    ]


def test_a_page_says_more_where_there_is_more():
    page = command.page(Command("toy", "Do nothing.", (Setting("count", "how many", 3, int),), notes="And so on."))
    assert page.endswith("\n\nAnd so on.") and "backbone.source" not in page
    assert page.splitlines()[4].split() == ["count=3", "how", "many"]
