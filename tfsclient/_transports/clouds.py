"""Endpoints in clouds, by targets of their own: where each is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from tfsclient.errors import InvalidInput

_REGION = r"[a-z]{2,}(?:-[a-z]+)+-\d+"


class Place(NamedTuple):
    """Where an endpoint is.

    Attributes:
        profile: the name of the profile that speaks to it.
        address: the base URL.
    """

    profile: str
    address: str


class _Cloud(NamedTuple):
    form: str
    pattern: str
    place: Callable[[re.Match[str]], Place]


def _sagemaker(found: re.Match[str]) -> Place:
    region, endpoint = found.groups()
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return Place("sagemaker", f"https://runtime.sagemaker.{region}.{domain}/endpoints/{endpoint}")


CLOUDS: Final[Mapping[str, _Cloud]] = {
    "sagemaker": _Cloud(
        "sagemaker://REGION/ENDPOINT",
        rf"({_REGION})/([A-Za-z0-9](?:-*[A-Za-z0-9])*)",
        _sagemaker,
    ),
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
