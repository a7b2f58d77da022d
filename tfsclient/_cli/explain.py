"""``tfsclient explain``: what an error or a hint means, without asking any server."""

from __future__ import annotations

import difflib

import click
import orjson

from tfsclient._cli.explanations import EXPLANATIONS, Explanation
from tfsclient._cli.main import exit_codes, print_wrapped
from tfsclient.errors import Code, InvalidInput, from_http_status


def _plain(key: str) -> str:
    """A key as it is compared: DEADLINE_EXCEEDED, deadline-exceeded and DeadlineExceeded."""
    return key.lower().replace("_", "").replace("-", "").replace(" ", "")


_BY_KEY = {_plain(one.key): one for one in EXPLANATIONS}


@click.command()
@click.argument("key", metavar="[CODE|HINT]", required=False)
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def explain(key: str | None, as_json: bool) -> None:
    """Explain an error: what it means, what usually causes it, and what to do.

    CODE is a status code (UNAVAILABLE, or gRPC's number for it, 14), an HTTP status (503), or the
    class of an error (InvalidInput); HINT is the key that an error names.  Without either, all are
    listed.

    Example: tfsclient explain UNAVAILABLE
    """
    with exit_codes():
        found = EXPLANATIONS if key is None else (_find(key),)
    if as_json:
        shown = found if key is None else found[0]
        click.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2))
    elif key is None:
        width = max(len(one.key) for one in EXPLANATIONS)
        for one in EXPLANATIONS:
            print_wrapped(f"{one.key:<{width}}  ", one.title)
    else:
        click.echo(f"{found[0].key}: {found[0].title}\n\n{found[0].text}", nl=False)


def _find(key: str) -> Explanation:
    if len(key) == 3 and key.isdecimal() and 400 <= int(key) < 600:
        code = from_http_status(int(key), "").code
        return _BY_KEY[_plain(code.value if code else key)]
    if key.isdecimal() and len(key) <= 2 and 0 < int(key) < len(Code):
        return _BY_KEY[_plain(Code.of_number(int(key)).value)]
    found = _BY_KEY.get(_plain(key))
    if found is None:
        near = difflib.get_close_matches(_plain(key), _BY_KEY, 1)
        raise InvalidInput(
            f"there is no explanation of {key!r}",
            hint=f"did you mean {_BY_KEY[near[0]].key}?" if near else "tfsclient explain lists all",
        )
    return found
