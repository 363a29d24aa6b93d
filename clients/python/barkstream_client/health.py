"""grpc.health.v1 without its package, whose protobuf pin would become our users' problem."""

from __future__ import annotations

import asyncio

import grpc
import grpc.aio
from google.protobuf.wrappers_pb2 import Int32Value, StringValue

from barkstream_client.calls import typed_errors
from barkstream_client.errors import NotFoundError, UnavailableError

_CHECK = "/grpc.health.v1.Health/Check"
_SERVING = 1
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 1.0


async def wait_until_serving(
    channel: grpc.aio.Channel, service: str, timeout_s: float, metadata: grpc.aio.Metadata
) -> None:
    """Ask until the service is SERVING.

    Raises:
        UnavailableError: It was not in time; the message says what it answered last.
        SpeechError: The server does not answer health checks.
    """
    answer, pause_s = "no answer", _FIRST_PAUSE_S
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                try:
                    status = await _check(channel, service, metadata)
                    if status == _SERVING:
                        return
                    answer = f"status {status}"
                except (UnavailableError, NotFoundError) as error:
                    answer = error.message
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
    except TimeoutError:
        raise UnavailableError(
            f"{service} was not serving within {timeout_s} s; its last answer: {answer}",
            code=grpc.StatusCode.UNAVAILABLE,
        ) from None


async def _check(channel: grpc.aio.Channel, service: str, metadata: grpc.aio.Metadata) -> int:
    # HealthCheckRequest is a string in field 1, HealthCheckResponse an enum in field 1: on the
    # wire they are the same as these wrappers.
    check = channel.unary_unary(
        _CHECK,
        request_serializer=StringValue.SerializeToString,
        response_deserializer=Int32Value.FromString,
    )
    with typed_errors():
        answer: Int32Value = await check(StringValue(value=service), metadata=metadata)
    return answer.value
