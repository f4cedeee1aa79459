"""Folders that are made once, and proved to hold what was written each time they are used."""

import pytest

from homog import files


@pytest.fixture
def make(tmp_path):
    made = []

    def fill(folder):
        made.append(folder)
        (folder / "weights").write_bytes(b"1234")
        (folder / "config.json").write_text("{}")

    return made, lambda: files.made_once(tmp_path / "cache" / "model", "making it", fill)


def test_a_folder_is_made_once(make, capsys):
    made, again = make
    assert again() == again() and len(made) == 1
    assert capsys.readouterr().err == "homog: making it\n"


@pytest.mark.parametrize("harm", ["changed", "cut", "gone", "added", "unsealed"])
def test_a_folder_that_holds_anything_else_is_named_and_made_again(make, harm, capsys):
    made, again = make
    folder = again()
    weights = folder / "weights"
    if harm == "gone":
        weights.unlink()
    elif harm == "added":
        (folder / "adapter").write_bytes(b"x")
    elif harm == "unsealed":
        folder.with_name("model.sha256").unlink()
    else:
        weights.write_bytes(b"12" if harm == "cut" else b"1235 and more")
    assert again() == folder and len(made) == 2
    assert weights.read_bytes() == b"1234" and not (folder / "adapter").exists()
    assert "model: not what was written there; it is made again" in capsys.readouterr().err
