"""Endpoints in clouds, by targets of their own: where each is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from tfsclient.errors import InvalidInput

_REGION = r"[a-z]{2,}(?:-[a-z]+)+-\d+"
_IN_GOOGLE = (
    r"(?P<project>[a-z0-9][a-z0-9:.-]*)/(?P<location>[a-z]+(?:-[a-z]+)+\d+)/"
    r"(?P<endpoint>[A-Za-z0-9][A-Za-z0-9_-]*)"
)


class Place(NamedTuple):
    """Where an endpoint is.

    Attributes:
        profile: the name of the profile that speaks to it.
        address: the base URL, or over gRPC host and port.
        endpoint: what it is called in messages over gRPC; None over HTTP.
    """

    profile: str
    address: str
    endpoint: str | None = None


class _Cloud(NamedTuple):
    form: str
    pattern: str
    place: Callable[[re.Match[str]], Place]


def _sagemaker(found: re.Match[str]) -> Place:
    region, endpoint = found.groups()
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return Place("sagemaker", f"https://runtime.sagemaker.{region}.{domain}/endpoints/{endpoint}")


def _vertex(found: re.Match[str]) -> Place:
    return Place("vertex", f"https://{_google(found)}/v1/{_endpoint(found)}")


def _vertex_grpc(found: re.Match[str]) -> Place:
    return Place("vertex", f"{_google(found)}:443", _endpoint(found))


def _google(found: re.Match[str]) -> str:
    return f"{found['location']}-aiplatform.googleapis.com"


def _endpoint(found: re.Match[str]) -> str:
    project, location, endpoint = found.groups()
    return f"projects/{project}/locations/{location}/endpoints/{endpoint}"


CLOUDS: Final[Mapping[str, _Cloud]] = {
    "sagemaker": _Cloud(
        "sagemaker://REGION/ENDPOINT",
        rf"({_REGION})/([A-Za-z0-9](?:-*[A-Za-z0-9])*)",
        _sagemaker,
    ),
    "vertex": _Cloud("vertex://PROJECT/LOCATION/ENDPOINT", _IN_GOOGLE, _vertex),
    "vertex+grpc": _Cloud("vertex+grpc://PROJECT/LOCATION/ENDPOINT", _IN_GOOGLE, _vertex_grpc),
}


def place_of(scheme: str, rest: str) -> Place:
    """Where the endpoint ``scheme://rest`` is.

    Raises:
        InvalidInput: it is not written as one.
    """
    cloud = CLOUDS[scheme]
    found = re.fullmatch(cloud.pattern, rest)
    if found is None:
        raise InvalidInput(f"target '{scheme}://{rest}' is not of the form {cloud.form}")
    return cloud.place(found)
