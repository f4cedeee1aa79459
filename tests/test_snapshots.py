"""What must not change with the code: the ids of all cells, and the tables made from records kept from earlier code.

`python -m tests.test_snapshots` writes ids and tables anew. The records and tables under data/kept are those of two
studies at preset smoke; a difference in a table is a change of a published number, which needs a reason of its own.
"""

import hashlib
import json
import shutil
import tempfile
from pathlib import Path

import pandas as pd
import pytest

from homog import report, study

DATA = Path(__file__).parent / "data"
IDS = DATA / "cell_ids.json"
KEPT = sorted(path.name for path in (DATA / "kept").iterdir() if path.name != "runs")


def ids() -> dict[str, dict]:
    """Study and preset -> how many cells it has, and the digest of their ids and those of their arms."""
    found = {}
    for name in study.names():
        spec = study.load(name)
        for preset in spec.presets:
            cells = study.expand(spec, preset)
            every = sorted({cell.id for cell in cells}) + sorted({cell.arm.id for cell in cells})
            digest = hashlib.sha256("\n".join(every).encode()).hexdigest()
            found[f"{name} {preset}"] = {"cells": len(cells), "digest": digest}
    return found


def test_the_ids_of_all_cells_are_those_of_earlier_records():
    known = json.loads(IDS.read_text())
    assert {name: one for name, one in ids().items() if name in known} == known


@pytest.mark.parametrize("name", KEPT)
def test_tables_made_from_kept_records_stay_what_they_are(name, tmp_path):
    shutil.copytree(DATA / "kept" / "runs", tmp_path / "runs")
    assert report.main([name, "preset=smoke", f"results={tmp_path}"]) == 0
    expected = sorted((DATA / "kept" / name).rglob("*.csv"))
    assert expected
    for path in expected:
        made = pd.read_csv(tmp_path / name / path.relative_to(DATA / "kept" / name))
        pd.testing.assert_frame_equal(made, pd.read_csv(path), rtol=1e-4, atol=1e-6)


if __name__ == "__main__":
    IDS.write_text(json.dumps(ids(), indent=1) + "\n")
    for each in KEPT:
        with tempfile.TemporaryDirectory() as made:
            shutil.copytree(DATA / "kept" / "runs", Path(made) / "runs")
            report.main([each, "preset=smoke", f"results={made}"])
            shutil.rmtree(DATA / "kept" / each)
            for table in (Path(made) / each).rglob("*.csv"):
                target = DATA / "kept" / each / table.relative_to(Path(made) / each)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(table, target)
