"""`homog serve`: a causal backbone, clean or with a defect, behind the interface that OpenAI's API has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from homog import command, planted, variants
from homog.command import Command, Given, Setting
from homog.config import ConfigError

if TYPE_CHECKING:
    from homog.backbones.served import Served

COMMAND = Command(
    "serve",
    "Answer /v1/completions and /v1/chat/completions with a causal backbone, as it is or with a defect. With\n"
    "log-probabilities, also of the prompt (echo). Asked from elsewhere: homog run backbone=endpoint\n"
    "backbone.base_url=http://127.0.0.1:8000/v1 backbone.model=MODEL adaptation=zero_shot",
    (
        *planted.SETTINGS,
        Setting("results", "where the injection is kept", "results"),
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
    from homog.backbones.served import Served

    if len(given.names) != 1:
        raise ConfigError("name one backbone, e.g. homog serve smollm2")
    kind = variants.variant("backbone", given.names[0], **given.backbone)
    if kind.family != "causal":
        raise ConfigError(f"backbone {kind.name} is of family {kind.family}; only causal ones can be served: smollm2")
    backbone, label = planted.loaded(kind, given)
    return Served(label, backbone)


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
