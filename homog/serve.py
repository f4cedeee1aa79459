"""`homog serve`: a causal backbone, clean or with a defect, behind the interface that OpenAI's API has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homog import command, variants
from homog.command import Command, Given, Setting
from homog.config import ConfigError, arm

if TYPE_CHECKING:
    from homog.backbones.served import Served

COMMAND = Command(
    "serve",
    "Answer /v1/completions and /v1/chat/completions with a causal backbone, as it is or with a defect. With\n"
    "log-probabilities, also of the prompt (echo). Asked from elsewhere: homog run backbone=endpoint\n"
    "backbone.base_url=http://127.0.0.1:8000/v1 backbone.model=MODEL adaptation=zero_shot",
    (
        Setting("defect", "what is planted in it; none by default"),
        Setting("dose", "the share of it", 1.0, float),
        Setting("injection_seed", "of the injection", 0, int),
        Setting("results", "where the injection is kept", "results"),
        Setting("device", "auto, cpu, cuda, cuda:1 ..., all", "auto"),
        Setting("host", "the address to listen at; only this machine by default", "127.0.0.1"),
        Setting("port", "the port", 8000, int),
    ),
    names="BACKBONE",
    passes=("backbone.",),
)


def application(served: Served) -> Any:
    """The ASGI application."""
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    from homog.backbones.served import Refused

    def refused(said: str, status: int) -> JSONResponse:
        return JSONResponse({"error": {"message": said, "type": "invalid_request_error", "code": status}}, status)

    def answering(act: Any) -> Any:
        async def respond(request: Request) -> JSONResponse:
            try:
                asked = await request.json()
            except ValueError:
                return refused("the body is no JSON", 400)
            try:
                if not isinstance(asked, dict):
                    raise Refused("the body: valid: an object")
                return JSONResponse(await run_in_threadpool(act, asked))
            except Refused as error:
                return refused(str(error), error.status)

        return respond

    async def models(_: Request) -> JSONResponse:
        listed = [{"id": served.name, "object": "model", "owned_by": "homog", "created": 0}]
        return JSONResponse({"object": "list", "data": listed})

    paths = {"/v1/completions": served.completions, "/v1/chat/completions": served.chat}
    routes = [Route(path, answering(act), methods=["POST"]) for path, act in paths.items()]
    return Starlette(routes=[*routes, Route("/v1/models", models), Route("/health", models)])


def loaded(given: Given) -> Served:
    """The backbone that the command names, with its defect at its dose. Raises ConfigError for what cannot be had."""
    from homog import run, sources
    from homog.backbones.served import Served
    from homog.inputs import corpora

    if len(given.names) != 1:
        raise ConfigError("name one backbone, e.g. homog serve smollm2")
    kind = variants.variant("backbone", given.names[0], **given.backbone)
    if kind.family != "causal":
        raise ConfigError(f"backbone {kind.name} is of family {kind.family}; only causal ones can be served: smollm2")
    kind.check()
    defect = variants.variant("defect", given["defect"]) if given["defect"] else None
    if defect and not defect.fits("text"):
        raise ConfigError(f"defect {defect.name} is of {', '.join(defect.modalities)}; backbone {kind.name} reads text")
    if defect and defect.kind != "natural" and defect.needs != "weights":
        raise ConfigError(f"defect {defect.name} is in no weights: put its prompt in front of what you ask the server")
    chosen = arm(kind, defect, given["dose"], given["injection_seed"])
    sources.fetch([*kind.sources, *(defect.sources if defect else ()), *(corpora.SOURCES if chosen.defect else ())])
    backbone, upstream, _ = run.shared_backbone(chosen, Path(given["results"]), run.prepare(given["device"]))
    if chosen.defect and not upstream["verified"]:
        print(f"homog: the injection was not verified: effect {upstream['effect']:.2f}, drift {upstream['drift']:.2f}")
    planted = f"-{chosen.defect.name}-{chosen.dose:g}-{chosen.seed}" if chosen.defect else ""
    return Served(kind.label + planted, backbone)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry of `homog serve`; ends by Ctrl-C."""
    return command.main(COMMAND, _act, argv)


def _act(given: Given) -> None:
    try:
        import starlette  # noqa: F401
        import uvicorn
    except ImportError:
        raise ConfigError("homog serve needs a server: pip install 'homog-inheritance[serve]'") from None
    served = loaded(given)
    print(f"homog: serving {served.name} at http://{given['host']}:{given['port']}/v1", flush=True)
    uvicorn.run(application(served), host=given["host"], port=given["port"], log_level="warning")
