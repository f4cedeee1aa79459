import sys

from homog import sweep

CHILD = """
import sys, time
from pathlib import Path
print("homog: training it, once", file=sys.stderr, flush=True)
print("of a library", flush=True)
end = time.monotonic() + 30
while not Path(sys.argv[1]).exists() and time.monotonic() < end:
    time.sleep(0.1)
print("homog: trained", end="", flush=True)
"""


def test_what_jobs_say_is_said_while_they_run(tmp_path, monkeypatch, capsys):
    seen, told = tmp_path / "seen", []

    def wait(child, look, stop):
        while child.poll() is None:
            look()
            told.append(capsys.readouterr().err)
            if "training it, once" in "".join(told):
                seen.touch()

    script = tmp_path / "child.py"
    script.write_text(CHILD)
    popen = sweep.subprocess.Popen
    monkeypatch.setattr(
        sweep.subprocess, "Popen", lambda _, **options: popen([sys.executable, str(script), str(seen)], **options)
    )
    monkeypatch.setattr(sweep, "_wait", wait)
    assert sweep._multirun([], [], tmp_path) == 0
    said = "".join(told) + capsys.readouterr().err
    assert seen.exists() and "of a library" not in said
    assert [said.count(f"homog: {line}") for line in ("training it, once", "trained")] == [1, 1]


def test_a_line_that_is_still_being_written_waits_for_its_end(tmp_path):
    path = tmp_path / "log"
    with path.open("w") as log, path.open(errors="replace") as reader:
        log.write("one\ntwö, ha")
        log.flush()
        assert sweep._whole_lines(reader) == ["one"] and sweep._whole_lines(reader) == []
        log.write("lf\n")
        log.flush()
        assert sweep._whole_lines(reader) == ["twö, half"] and sweep._whole_lines(reader) == []
