"""docs/tour.ipynb: every cell runs, offline, and shows what it says."""

import ast
import json

from homog.variants import CONF

NOTEBOOK = json.loads((CONF.parent / "docs" / "tour.ipynb").read_text())


def shown(source, names):
    """Run a cell; the value of its last line where that is an expression, as a notebook shows it."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), "cell", "eval"), names)  # pyright: ignore


def test_every_cell_runs_and_shows_what_it_should(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    cells = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    values = [shown(source, names) for source in cells]
    _, loaded, effects, figure, audit, tables = values
    assert len(loaded.records) == 9 and ": inherited" in loaded._repr_html_()
    assert effects.query("kind == 'injected'")["inherited"].min() > 0.5
    assert abs(effects.query("kind == 'sham'")["inherited"].mean()) < 0.2
    assert figure.get_axes() or figure.texts
    assert "8 models" in audit._repr_html_() or "m0" in audit._repr_html_()
    assert {"pairs"} & set(tables) or len(tables) > 3
    assert (tmp_path / "my-results" / "runs" / "records").is_dir()
