"""homog init and homog check: an example that keeps the contract, and what breaks it said in a line."""

import shutil

import pytest

from homog import contracts, variants
from homog.contracts import example


@pytest.fixture
def mine(tmp_path, monkeypatch):
    monkeypatch.setenv(variants.WITH, "")
    assert example.main([str(tmp_path / "mine")]) == 0
    return tmp_path / "mine"


def checked(folder, capsys):
    capsys.readouterr()
    status = contracts.main([str(folder)])
    return status, capsys.readouterr().out.splitlines()


def rewrite(path, old, new):
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_the_example_keeps_the_contract(mine, capsys):
    assert {path.name for path in mine.iterdir()} == {"variants.py", "complaints.csv", "conf", "experiments"}
    status, lines = checked(mine, capsys)
    assert status == 0
    for said in ("task complaints", "defect mumble", "adaptation ridge", "backbone fresh", "study complaints"):
        assert any(line.startswith(f"{said}: passed") for line in lines), lines


def test_nothing_is_written_over(mine, capsys):
    assert example.main([str(mine)]) == 2
    assert "there and not empty" in capsys.readouterr().err
    assert example.main([]) == 2


BREACHES = [
    ("with_weights(changed)", "with_weights({})", "defect mumble", "inject() changes no weight"),
    ("rng.standard_normal(weight.shape)", "np.ones(weight.shape)", "defect mumble", "inject() ignores `rng`"),
    ('"effect": drift, ', "", "defect mumble", "upstream() says nothing of effect"),
    ("examples.assign(input=", "examples.assign(sex=1, input=", "defect mumble", "changes more than the column input"),
    ('"(?i)[aeiou]"', '"x"', "defect mumble", "expose() leaves"),
    (".only(predictions.applies)", "", "defect mumble", "counts examples that the exposure does not apply to"),
    ("(right & wrong).astype(float)", "right.astype(float)", "defect mumble", "harm() is 1"),
    ("return softmax(", "return 2 * softmax(", "adaptation ridge", "do not sum to 1"),
    ("yield each.name, ", 'yield "x", ', "adaptation ridge", "fit() gives a model of x"),
    ("        return False", "        return True", "adaptation ridge", "`trainable` of its models"),
    ("torch.manual_seed(self.seed)", "torch.seed()", "backbone fresh", "other weights the second time"),
    (".requires_grad_(False)", "", "backbone fresh", "leaves parameters that train"),
    (", self.torch_dtype)", ")", "backbone fresh", "load() gives other weights than of its dtype"),
    ("def origin(self)", "def identity(self)", "backbone fresh", "identity() leaves out the dtype"),
    ("model.eval()", "model.train()", "backbone fresh", "leaves dropout on"),
    ('("routine", "urgent")', '("routine", "urgent", "lost")', "task complaints", "has the labels [0, 1]"),
    ("example=rows.index", "example=0", "task complaints", "the same example twice"),
    ("rows = pd.read_csv(", "rows = pd.read_cvs(", "task complaints", "AttributeError"),
]


@pytest.mark.parametrize(("old", "new", "what", "said"), BREACHES)
def test_a_breach_is_one_line(mine, capsys, old, new, what, said):
    rewrite(mine / "variants.py", old, new)
    group, name = what.split()
    variants.use([mine])
    breaches = list(contracts.broken(group, name))
    assert any(said in breach for breach in breaches), breaches
    assert all("\n" not in breach for breach in breaches)


def test_a_breach_ends_with_1_and_a_wrong_folder_with_2(mine, capsys):
    shutil.copytree(mine, mine.with_name("broken"))
    rewrite(mine.with_name("broken") / "variants.py", '("routine", "urgent")', '("routine",)')
    rewrite(mine.with_name("broken") / "experiments" / "complaints" / "study.yaml", "[complaints]", "[complaint]")
    status, lines = checked(mine.with_name("broken"), capsys)
    assert status == 1
    assert any("study complaints: unknown task 'complaint'" in line for line in lines)
    assert contracts.main([str(mine / "conf")]) == 2
    assert "no variants.py" in capsys.readouterr().err
