"""docs/tour.ipynb: every cell runs, offline, and shows what it says."""

import ast
import json
from typing import Any

from homog.variants import CONF

NOTEBOOK = json.loads((CONF.parent / "docs" / "tour.ipynb").read_text())


def shown(source, names) -> Any:
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
    assert any(axes.texts for axes in figure.axes)
    assert len(audit.tables["error_rates"]) == 8 and "<table" in audit._repr_html_()
    assert {"error_rates", "pairs", "regression"} <= set(tables)
    assert (tmp_path / "my-results" / "runs" / "records").is_dir()
