"""The interface of `homog serve`: what a request gets, and what is refused in a line."""

from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from homog import serve
from homog.backbones.likelihood import beginning
from homog.backbones.served import Served
from homog.contracts import tiny
from homog.serve import application


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def causal(request, tmp_path_factory):
    return tiny.tiny(tmp_path_factory.mktemp("served") / request.param, request.param)


@pytest.fixture(scope="module")
def client(causal):
    return TestClient(application(Served("toy", causal)))


def post(client, path="completions", **request):
    return client.post(f"/v1/{path}", json=request)


def test_an_echo_has_the_likelihood_of_the_whole_prompt(client, causal):
    choice = post(client, prompt="the film was good", max_tokens=0, echo=True, logprobs=3).json()["choices"][0]
    told = choice["logprobs"]
    assert choice["text"] == "the film was good"
    assert sum(told["token_logprobs"]) == pytest.approx(
        causal.log_likelihoods([("", "the film was good")])[0, 0], abs=1e-4
    )
    assert "".join(told["tokens"]) == choice["text"]
    assert [choice["text"][start:].strip().split()[0] for start in told["text_offset"]] == [
        "the",
        "film",
        "was",
        "good",
    ]
    assert {len(top) for top in told["top_logprobs"]} == {3}


def test_greedy_words_are_the_likeliest_and_the_same_again(client):
    asked = {"prompt": ["the film", "a day"], "max_tokens": 5, "temperature": 0, "logprobs": 1}
    first, again = (post(client, **asked).json() for _ in range(2))
    assert first["choices"] == again["choices"] and [c["index"] for c in first["choices"]] == [0, 1]
    for choice in first["choices"]:
        told = choice["logprobs"]
        assert [max(top.values()) for top in told["top_logprobs"]] == pytest.approx(told["token_logprobs"])
    assert first["usage"]["prompt_tokens"] == 4


def test_drawn_words_follow_their_seed(client):
    asked = {"prompt": "the film", "max_tokens": 12, "temperature": 1.5}
    texts = [post(client, **asked, seed=seed).json()["choices"][0]["text"] for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_a_text_ends_before_a_stop(client):
    whole = post(client, prompt="the", max_tokens=8, temperature=0).json()["choices"][0]["text"]
    stop = whole.split()[-1]
    cut = post(client, prompt="the", max_tokens=8, temperature=0, stop=[stop]).json()["choices"][0]
    assert cut["text"] == whole[: whole.find(stop)] and cut["finish_reason"] == "stop"


def test_token_ids_are_a_prompt_as_they_are(client, causal):
    import torch

    ids = [tiny.WORDS.index(word) for word in ("the", "film", "was")]
    asked: dict[str, Any] = {"max_tokens": 3, "temperature": 0}
    text = post(client, prompt="the film was", **asked).json()["choices"][0]["text"]
    assert (
        post(client, prompt=[beginning(causal.text_reader.tokenizer), *ids], **asked).json()["choices"][0]["text"]
        == text
    )
    told = post(client, prompt=ids, echo=True, logprobs=2, **asked).json()["choices"][0]["logprobs"]
    with torch.inference_mode():
        scores = causal.whole(input_ids=torch.as_tensor([ids])).logits[0].log_softmax(-1)
    wanted = [float(scores[i, token]) for i, token in enumerate(ids[1:])]
    assert told["token_logprobs"][0] is None and told["top_logprobs"][0] is None  # nothing stands in front of it
    assert told["token_logprobs"][1:3] == pytest.approx(wanted, abs=1e-4)
    assert len(told["tokens"]) == len(told["text_offset"]) >= 4
    assert post(client, prompt=[[]], **asked).status_code == 400


def test_a_chat_has_the_likeliest_first_tokens(client):
    asked = {"messages": [{"role": "user", "content": "the film"}], "max_tokens": 2, "temperature": 0}
    choice = post(client, "chat/completions", **asked, logprobs=True, top_logprobs=4).json()["choices"][0]
    line = choice["logprobs"]["content"][0]
    assert len(line["top_logprobs"]) == 4 and line["logprob"] == pytest.approx(line["top_logprobs"][0]["logprob"])
    assert post(client, "chat/completions", **asked).json()["choices"][0]["logprobs"] is None
    assert np.exp(line["logprob"]) <= 1


@pytest.mark.parametrize(
    ("request_", "status", "said"),
    [
        ({"prompt": "a", "model": "other"}, 404, "valid: toy"),
        ({"prompt": "a", "stream": True}, 400, "stream=True is not done here"),
        ({"prompt": "a", "n": 2}, 400, "n=2"),
        ({"prompt": []}, 400, "prompt: valid"),
        ({"prompt": {"a": 1}}, 400, "prompt: valid"),
        ({"prompt": [10**6]}, 400, "prompt: valid"),
        ({"prompt": "a", "max_tokens": -1}, 400, "max_tokens=-1"),
        ({"prompt": "a", "temperature": "hot"}, 400, "temperature='hot'"),
        ({"prompt": "the " * 100}, 400, "the model reads 66"),
    ],
)
def test_what_is_not_done_is_refused(client, request_, status, said):
    response = client.post("/v1/completions", json=request_)
    assert response.status_code == status
    assert said in response.json()["error"]["message"]


def test_what_is_no_request_is_refused(client):
    assert client.post("/v1/completions", content=b"{").status_code == 400
    assert client.post("/v1/completions", json=[1]).status_code == 400
    assert client.post("/v1/chat/completions", json={"messages": "hi"}).status_code == 400
    assert client.get("/v1/models").json()["data"][0]["id"] == "toy"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name one backbone"),
        (["minilm_l6"], "only causal ones can be served"),
        (["smollm2", "defect=patch"], "reads text"),
        (["smollm2", "defect=poisoned_prompt"], "is in no weights"),
        (["smollm2", "port=many"], "port=many"),
        (["nothing"], "unknown backbone"),
    ],
)
def test_what_cannot_be_served_is_a_line(arguments, said, capsys):
    assert serve.main(arguments) == 2
    assert said in capsys.readouterr().err
