"""AWS' signatures, made by botocore, which also finds and renews the credentials."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from tfsclient._calls.profiles.profile import Outgoing
from tfsclient.errors import InvalidInput, MissingExtra, Unauthenticated, of_type

_SERVICE = "sagemaker"
_REGION = re.compile(r"//(?:[^/]*\.)?sagemaker\.([a-z0-9-]+)\.")
_OURS = re.compile(
    r"https://[^/@]*\.(?:amazonaws\.com(?:\.cn)?|api\.aws|api\.amazonwebservices\.com\.cn)(?::\d+)?/"
)
_HINT = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give auth="


def authenticate(address: str, given: Any) -> SigV4 | None:
    """What signs the requests to an address; None where nobody asks for it.

    Args:
        address: where they go.
        given: a session or credentials of botocore's or boto3's; None for what botocore finds by
            AWS' own rules (the environment, files, the role of a machine), which signs what goes to
            AWS alone: a container may run elsewhere.

    Raises:
        MissingExtra: botocore is not installed.
        InvalidInput: what was given is neither.
    """
    if given is None and not _OURS.match(address):
        return None
    try:
        import botocore.session
    except ImportError as error:
        raise MissingExtra(
            f"SageMaker's signatures need botocore ({error}): pip install 'tfsclient[sagemaker]'"
        ) from error
    if hasattr(given, "get_frozen_credentials"):
        return SigV4(None, given)
    session = botocore.session.get_session() if given is None else given
    if not hasattr(session, "get_credentials"):
        raise InvalidInput(
            f"auth must be a session or credentials of botocore's, not {of_type(given)}"
        )
    return SigV4(session, None)


class SigV4:
    """Signs requests to SageMaker's endpoints.

    Args:
        session: what finds credentials; None if they are given.
        credentials: these.
    """

    def __init__(self, session: Any, credentials: Any) -> None:
        self._session = session
        self._given = credentials

    def __call__(self, outgoing: Outgoing) -> Mapping[str, str]:
        """The headers that sign a request.

        Raises:
            Unauthenticated: there are no credentials.
        """
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        # Frozen, for they may be renewed while this is signed.
        credentials = self._credentials().get_frozen_credentials()
        headers = {k: v for k, v in outgoing.headers.items() if isinstance(v, str)}
        request = AWSRequest(outgoing.method, outgoing.url, headers=headers, data=outgoing.body)
        SigV4Auth(credentials, _SERVICE, self._region(outgoing.url)).add_auth(request)
        return {
            name.lower(): value
            for name, value in request.headers.items()
            if name.lower() not in outgoing.headers
        }

    def _credentials(self) -> Any:
        if self._session is None:
            return self._given
        credentials = self._session.get_credentials()  # which keeps what it found
        if credentials is None:
            raise Unauthenticated("no AWS credentials were found", hint=_HINT)
        return credentials

    def _region(self, url: str) -> str:
        found = _REGION.search(url)
        region = found[1] if found else None
        if region is None and self._session is not None:
            region = getattr(self._session, "region_name", None)  # boto3's
            if region is None and hasattr(self._session, "get_config_variable"):
                region = self._session.get_config_variable("region")
        region = region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        if not region:
            raise InvalidInput("the AWS region is not known", hint="set AWS_REGION")
        return region
