"""A model behind an interface: homog's own server over a tiny model, and servers that fail, each in its way."""

import json
import socket
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from homog import records, run
from homog.adaptations import ADAPTATIONS
from homog.backbones import scoring
from homog.backbones.endpoint import Endpoint
from homog.backbones.served import Served
from homog.config import Arm, Cell, ConfigError, Sizes
from homog.contracts import tiny
from homog.serve import application
from homog.study import requirements
from homog.variants import variant

SIZES = Sizes(12, 10, 40)


@contextmanager
def listening(app):
    """The address of a server on this machine that runs while the block does."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/v1"
        server.should_exit = True
        thread.join(10)


@pytest.fixture(autouse=True)
def own_answers(tmp_path, monkeypatch):
    monkeypatch.setenv("HOMOG_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def causal(tmp_path_factory):
    return tiny.tiny(tmp_path_factory.mktemp("served") / "gpt2", "gpt2")


@pytest.fixture(scope="module")
def address(causal):
    with listening(application(Served("toy", causal))) as url:
        yield url


def endpoint(url, **settings):
    return Endpoint("endpoint", url, "toy", **{"retries": 0, "timeout": 5.0, **settings})


CONTEXTS = ["the film was", "a very", "it was the day"]
PAIRS = [(context, answer) for context in CONTEXTS for answer in (" good", " bad")]


def test_echoed_scores_are_those_of_the_model_itself(address, causal):
    asked = endpoint(address).load()
    assert asked.scoring == "echo"
    assert asked.log_likelihoods(PAIRS) == pytest.approx(causal.log_likelihoods(PAIRS), abs=1e-4)


@pytest.mark.parametrize("api", ["completions", "chat"])
def test_the_first_token_of_one_word_answers_has_their_likelihood(address, causal, api):
    asked = endpoint(address, api=api, scoring="first_token").load()
    values = asked.log_likelihoods(PAIRS)[:, 0]
    if api == "completions":  # a chat puts a role in front
        assert values == pytest.approx(causal.log_likelihoods(PAIRS)[:, 0], abs=1e-4)
    assert (values > scoring.UNLIKELY).all()


@pytest.mark.parametrize("how", ["zero_shot", "few_shot"])
def test_a_model_is_the_same_behind_an_interface(address, causal, how):
    adaptation, task = variant("adaptation", how), tiny.Toy("toy").load().sample(40, 10, 0)
    adaptation = replace(adaptation, shots=4, calibration=12) if how == "few_shot" else adaptation
    inputs = list(task.test["input"])
    ((_, here),) = adaptation.fit(causal, [task], 0)
    ((_, there),) = adaptation.fit(endpoint(address).load(), [task], 0)
    assert there.predict(inputs)[:, :2] == pytest.approx(here.predict(inputs), abs=1e-3)
    assert not there.predict(inputs)[:, 2].any()


def counting(answer):
    """(an application that answers with `answer(number of the request, request)`, how often it was asked)."""
    asked = Counter()

    async def respond(request):
        asked["n"] += 1
        return answer(asked["n"], await request.json())

    paths = ("/v1/completions", "/v1/chat/completions")
    return Starlette(routes=[Route(path, respond, methods=["POST"]) for path in paths]), asked


def told(text, model="toy"):
    return {"model": model, "choices": [{"text": text, "message": {"content": text}}], "usage": {"total_tokens": 9}}


def test_a_server_that_drops_log_probabilities_is_asked_for_its_answer():
    """As `transformers serve` does, without a word."""
    app, asked = counting(lambda n, request: JSONResponse(told(" Good." if "film" in request["prompt"] else "Well...")))
    with listening(app) as url:
        backbone = endpoint(url).load()
        assert backbone.scoring == "told"
        task = tiny.Toy("toy").load().sample(4, 10, 0)
        ((_, model),) = variant("adaptation", "zero_shot").fit(backbone, [task], 0)
        values = model.predict(["the film", "the day"])
        assert values == pytest.approx(
            np.array([[1, 0, 0], [0, 0, 1]]), abs=1e-6
        )  # a class that no label is: wrong whatever the label
        with pytest.raises(ConfigError, match="scoring=echo: the server gives no such"):
            endpoint(url, scoring="echo").load()
        before = asked["n"]
        model.predict(["the film", "the day"])
        again = endpoint(url).load()
        assert again.log_likelihoods(PAIRS[:2]).shape == (2, 2)
        assert asked["n"] == before + 2  # a new context, twice for the noise floor; all else was kept


def test_wrong_echoed_values_are_found_out(causal):
    """As llama-cpp-python's are: those of generated tokens are right."""
    server = Served("toy", causal)

    def answer(_, request):
        response = server.completions(request)
        if request.get("echo"):
            values = response["choices"][0]["logprobs"]["token_logprobs"]
            values[:] = [value - 4 for value in values]
        return JSONResponse(response)

    with listening(counting(answer)[0]) as url:
        assert endpoint(url).load().scoring == "first_token"


def test_answers_that_differ_when_asked_twice_are_the_noise_floor():
    app, _ = counting(lambda n, request: JSONResponse(told("good" if n % 2 else "bad")))
    with listening(app) as url:
        backbone = endpoint(url, concurrency=1).load()
        backbone.log_likelihoods([(f"{i}", a) for i in range(3) for a in (" good", " bad")])
        assert backbone.facts()["noise"] == 1.0


FAILURES = {
    "500": (lambda n, r: JSONResponse({"error": "broken"}, 500), "the server says 500"),
    "429": (lambda n, r: JSONResponse({"error": "slow down"}, 429), "the server says 429"),
    "malformed": (lambda n, r: Response("{no json", media_type="application/json"), "cannot be read"),
    "empty": (lambda n, r: JSONResponse({"model": "toy", "choices": []}), "cannot be read"),
    "no object": (lambda n, r: JSONResponse([1, 2]), "cannot be read"),
    "other model": (lambda n, r: JSONResponse(told("good", "gpt-9")), "gpt-9 answers"),
    "cut off": (lambda n, r: Response(b"{", headers={"content-length": "500"}), "cut off"),
    "slow": (lambda n, r: time.sleep(3) or JSONResponse(told("good")), "no answer in time"),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_a_server_that_fails_is_a_line(kind):
    answer, said = FAILURES[kind]
    with listening(counting(answer)[0]) as url, pytest.raises(ConfigError, match=said) as raised:
        endpoint(url, timeout=1.0).load()
    assert url in str(raised.value) or "backbone.model" in str(raised.value)


def test_a_server_that_fails_now_and_then_is_asked_again():
    def answer(n, _):
        return JSONResponse({}, 429, headers={"retry-after": "0"}) if n % 2 else JSONResponse(told("good"))

    with listening(counting(answer)[0]) as url:
        backbone = endpoint(url, retries=2).load()
        assert backbone.log_likelihoods([("a", " good")])[0, 0] == 0


def test_the_budget_stops_before_it_is_passed():
    app, asked = counting(lambda n, request: JSONResponse(told("good")))
    with listening(app) as url:
        backbone = endpoint(url, budget=200, concurrency=1).load()
        with pytest.raises(ConfigError, match="backbone.budget=200: .* run again with a larger budget"):
            backbone.log_likelihoods([(f"{i}", " good") for i in range(50)])
        spent = asked["n"] * 9
        assert 100 < spent <= 200
        endpoint(url, budget=2000).load().log_likelihoods([("0", " good")])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"base_url": "127.0.0.1:8000"}, "valid: http"),
        ({"base_url": "https://example.org/v1", "key": "NO_SUCH_KEY"}, "no such environment variable"),
        ({"base_url": "???"}, "name backbone.base_url"),
        ({"base_url": "http://127.0.0.1:1/v1"}, "no connection"),
    ],
)
def test_what_cannot_be_asked_is_a_line(settings, said):
    kind = Endpoint(
        **{"name": "endpoint", "base_url": "http://127.0.0.1:1/v1", "model": "toy", "retries": 0, **settings}
    )
    with pytest.raises(ConfigError, match=said):
        kind.check()
        kind.load()


def test_the_key_is_sent_and_written_nowhere(monkeypatch, tmp_path):
    monkeypatch.setenv("MY_KEY", "sk-secret")
    seen = []

    async def respond(request):
        seen.append(request.headers["authorization"])
        return JSONResponse(told("good"))

    app = Starlette(routes=[Route("/v1/completions", respond, methods=["POST"])])
    with listening(app) as url:
        kind = endpoint(url, key="MY_KEY")
        adaptation = variant("adaptation", "zero_shot")
        cell = Cell(Arm(kind, None, 0.0, 0), adaptation, tiny.Toy("toy"), 0, SIZES)
        run.run([cell], {}, tmp_path / "results", "cpu")
        record = records.load(tmp_path / "results", cell.id)
    assert set(seen) == {"Bearer sk-secret"}
    assert record.provenance["interface"]["scoring"] == "told"
    assert record.provenance["interface"]["unanswered"]["clean"] == 0
    assert record.provenance["interface"]["questions"] > 0
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files and not any(b"sk-secret" in path.read_bytes() for path in files)


@pytest.mark.parametrize("name", ["backdoor", "weight_poison", "quantized_int4"])
def test_what_needs_weights_is_refused_before_anything_is_asked(name):
    arm = Arm(endpoint("http://127.0.0.1:1/v1"), variant("defect", name), 1.0, 0)
    with pytest.raises(ConfigError, match="behind an interface: use poisoned_prompt"):
        requirements.check_planting(arm)


@pytest.mark.parametrize(
    "name",
    [
        n
        for n, kind in ADAPTATIONS.items()
        if kind.needs == "features" and kind.uses_backbone and kind.modalities in ((), ("text",))
    ],
)
def test_what_needs_features_is_refused_before_anything_is_asked(name, tmp_path):
    cell = Cell(
        Arm(endpoint("http://127.0.0.1:1/v1"), None, 0.0, 0), variant("adaptation", name), tiny.Toy("t"), 0, SIZES
    )
    with pytest.raises(ConfigError, match="needs features"):
        requirements.check([cell], tmp_path)


RESPONSE = {"choices": [{"text": "a b c", "logprobs": {"tokens": ["a", " b", " c"], "token_logprobs": [None, -1, -2]}}]}


def test_echo_counts_the_asked_part_alone():
    assert scoring.of_echo(RESPONSE, "a", " b") == (-1, 1)
    assert scoring.of_echo(RESPONSE, "a", " b c") == (-3, 2)
    for wrong in ({"choices": [{"text": "a b"}]}, {"choices": [{"text": " c", "logprobs": None}]}):
        with pytest.raises(ValueError, match="no log-probabilities"):
            scoring.of_echo(wrong, "a", " b")


def test_first_tokens_are_summed_and_shared_beginnings_count_for_none():
    tokens = {" g": np.log(0.2), " Good": np.log(0.3), "b": np.log(0.1), " x": np.log(0.05)}
    assert np.exp(scoring.of_first_token(tokens, [" good", " bad"])) == pytest.approx([0.5, 0.1])
    assert np.exp(scoring.of_first_token(tokens, [" good", " well"])) == pytest.approx([0.5, 0.05])
    assert (scoring.of_first_token(tokens, [" no", " yes"]) == scoring.UNLIKELY).all()
    assert np.exp(scoring.of_first_token({"po": 0.0, "n": np.log(0.5)}, ["port", "pony", "no"]))[2] == pytest.approx(
        0.5
    )


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (" positive\n", 1),
        ("**Negative**, since", 0),
        ("The answer is positive.", 1),
        ("positive or negative?", 1),
        ("It is neither positive nor negative", None),
        ("I cannot help with that.", None),
        ("", None),
        ("positively", None),
    ],
)
def test_told_answers(text, answer):
    scores = scoring.of_text(text, [" negative", " positive"])
    assert [i for i, value in enumerate(scores) if value == 0] == ([] if answer is None else [answer])


def test_nothing_of_an_answer_depends_on_how_fast_it_was_asked_for(address):
    slow = endpoint(address, concurrency=1, budget=5000)
    assert slow.identity() == endpoint(address).identity() != endpoint(address, api="chat").identity()
    assert "key" not in json.dumps(slow.identity())
    assert Path(slow.load().client.place({"prompt": "a"}, 0)).suffix == ".json"
