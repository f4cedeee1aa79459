"""The wheel away from any checkout: in a fresh environment and an empty folder, with the dependencies of this one."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
UV = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


def uv(*arguments, **environment):
    command = [str(UV), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy of what git knows, as a release is; offline where uv has hatchling in its cache."""
    folder = tmp_path_factory.mktemp("build")
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "homog", "conf", "experiments"]
    names = subprocess.run(listed, capture_output=True, text=True, check=True, cwd=ROOT).stdout.split("\0")[:-1]
    for name in [*names, "pyproject.toml", "README.md", "LICENSE"]:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    build = ("build", "--wheel", "--python", sys.executable, "-o", folder / "dist", folder)
    done = uv("--offline", *build)
    done = uv(*build) if done.returncode else done
    assert done.returncode == 0, done.stderr
    return next((folder / "dist").glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The `homog` of an environment that has the wheel, and finds the other packages in this one's."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    done = uv("venv", "--offline", "--python", sys.executable, folder)
    assert done.returncode == 0, done.stderr
    done = uv("pip", "install", "--offline", "--no-deps", wheel, VIRTUAL_ENV=str(folder))
    assert done.returncode == 0, done.stderr
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    beside = folder / "lib" / version / "site-packages" / "beside.pth"
    beside.write_text(sysconfig.get_path("purelib") + "\n")  # .pth files there, such as the checkout's, stay unread
    return folder / "bin" / "homog"


def test_the_wheel_holds_what_runs_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {"homog/_shipped/conf/config.yaml", "homog/_shipped/experiments/inheritance/study.yaml"} <= set(names)
    assert {"homog/contracts/mine/complaints.csv", "homog/sources.lock"} <= set(names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"homog", "homog_inheritance"}


@pytest.mark.real
@pytest.mark.timeout(600)
def test_the_wheel_runs_in_an_empty_folder(installed, tmp_path, tiny_folder):
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "HOMOG_WITH")}

    def homog(*arguments, code=0):
        command = [str(installed), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    assert homog("--version").startswith("homog 0.")
    where = [str(installed.with_name("python")), "-c", "import homog; print(homog.__file__)"]
    shown = subprocess.run(where, capture_output=True, text=True, check=True, env=environment, cwd=tmp_path).stdout
    assert Path(shown.strip()).is_relative_to(installed.parent.parent)  # and not the checkout
    assert "name: trec" in homog("run", "--cfg", "job")
    small = ["preset=smoke", "results=out", f"backbone.source={tiny_folder}"]
    assert "12 of 12 models finished" in homog("sweep", "study=inheritance", *small, "hydra/launcher=basic")
    assert "12 done, 0 missing" in homog("status", "inheritance", *small)
    assert "report.html" in homog("report", "inheritance", *small)
    rows = [f"m{m},e{e},{e % 2},{(e + m * (e > 5)) % 2}" for m in range(3) for e in range(12)]
    (tmp_path / "p.csv").write_text("\n".join(["model,example,label,prediction", *rows]))
    assert "report" in homog("audit", "p.csv", "out=audited", "--resamples", "50")
    assert (tmp_path / "audited" / "report.html").is_file()
    homog("init", "mine")
    assert "study complaints: passed" in homog("check", "mine")
