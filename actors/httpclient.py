"""An HTTP client: each request is an effect, so what was asked and what came back stand in the record.

It needs `pip install theater[http]`, and is imported by itself: `from actors.httpclient import HttpClient`.

```python
import anyio
import httpx

from actors.httpclient import HttpClient, HttpError
from theater import Theater


def weather(request: httpx.Request) -> httpx.Response:
    if request.url.path != "/v1/oslo":
        raise httpx.ConnectError("no route to the moon")
    return httpx.Response(200, json={"sky": "clear", "days": int(request.url.params["days"])})


class Weather(HttpClient):
    def transport(self) -> httpx.MockTransport:  # an answering machine, for this program
        return httpx.MockTransport(weather)


async def main() -> None:
    async with Theater() as theater:
        client = await theater.spawn(Weather(base="https://weather.example/v1/"))
        answer = await client.ask(HttpClient.get, "oslo", {"days": "2"})
        print(answer.status, answer.json())
        try:
            await client.ask(HttpClient.get, "moon")
        except HttpError as error:
            print(error)
        print([event.kind for event in theater.chain(client)].count("effect/ended"), "requests on record")


anyio.run(main)
```

It prints

```text
200 {'sky': 'clear', 'days': 2}
ConnectError: no route to the moon
2 requests on record
```

A client sends one request at a time; spawn several, or a pool of them, to send more. Every request has a
connection of its own, so that nothing is left open when the actor is cut off. What is given in a message
stands in the record in clear: keys and passwords belong into `secrets`, which does not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
import httpx

from theater import Actor, effect, handler


class HttpError(Exception):
    """No answer: not to be sent, not connected, cut off, too late, too large. `error` names the cause."""

    def __init__(self, error: str, text: str) -> None:
        super().__init__(f"{error}: {text}")
        self.error = error
        self.text = text


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked."""

    method: str
    url: str
    params: dict[str, str]
    headers: dict[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    headers: list[tuple[str, str]]  # names in lower case, in the order in which they came
    content: bytes  # decompressed
    url: str  # of the page that answered, after redirects

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300  # noqa: PLR2004  # RFC 9110, section 15.3

    @property
    def text(self) -> str:
        """The content in the charset that the headers name, else as UTF-8."""
        return httpx.Response(self.status, headers=self._type(), content=self.content).text

    def header(self, name: str) -> str | None:
        """The first header of that name."""
        return next((value for known, value in self.headers if known == name.lower()), None)

    def json(self) -> Any:
        """The content as JSON.

        Raises:
            ValueError: it is not JSON.
        """
        return json.loads(self.content)

    def _type(self) -> dict[str, str]:
        return {"content-type": self.header("content-type") or "text/plain; charset=utf-8"}


Connect = Callable[[], httpx.AsyncClient]


async def _send(connect: Connect, request: Request, within: float, most: int) -> Answer:
    try:
        with anyio.fail_after(within):
            async with connect() as client, _begin(client, request) as response:
                content = bytearray()
                async for block in response.aiter_bytes():
                    content += block
                    if len(content) > most:
                        raise HttpError("TooLarge", f"more than {most} bytes")
    except TimeoutError:
        raise HttpError("Timeout", f"no answer within {within:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise HttpError(type(error).__name__, str(error)) from error
    return Answer(response.status_code, response.headers.multi_items(), bytes(content), str(response.url))


def _begin(client: httpx.AsyncClient, request: Request) -> Any:
    return client.stream(
        request.method,
        request.url,
        params=request.params or None,
        headers=request.headers,
        content=request.content or None,
    )


@effect(idempotent=True, raises=(HttpError,))
async def fetch(connect: Connect, request: Request, within: float, most: int) -> Answer:
    """A request that may be sent twice (RFC 9110, section 9.2.2)."""
    return await _send(connect, request, within, most)


@effect(raises=(HttpError,))
async def send(connect: Connect, request: Request, within: float, most: int) -> Answer:
    """A request that must not be sent twice."""
    return await _send(connect, request, within, most)


_MAY_BE_SENT_TWICE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})


class HttpClient(Actor):
    """Sends requests to whatever is below `base`."""

    base: str = ""  # a URL; what is asked for is joined to it
    headers: dict[str, str] = {}  # sent with each request, and on record
    within: float = 30.0  # seconds for a whole request
    most_bytes: int = 10 * 2**20  # of an answer
    follow: bool = False  # redirects

    def secrets(self) -> Mapping[str, str]:
        """Headers that are not on record, for the host of `base` only; say, from the environment."""
        return {}

    def transport(self) -> httpx.AsyncBaseTransport | None:
        """How requests are sent; None: over the network. Tests return an `httpx.MockTransport`."""
        return None

    @handler(raises=(HttpError,))
    async def get(self, url: str, params: dict[str, str] | None = None) -> Answer:
        """Fetch a page.

        Raises:
            HttpError: there was no answer; one whose status tells of an error is an answer.
        """
        return await self._request("GET", url, params)

    @handler(raises=(HttpError,))
    async def post(self, url: str, body: object = None) -> Answer:
        """Send `body` as JSON. Raises as `get`."""
        headers = {"content-type": "application/json"}
        try:
            content = json.dumps(body, allow_nan=False).encode()
        except (TypeError, ValueError) as error:
            raise HttpError("NotJson", str(error)) from error
        return await self._request("POST", url, headers=headers, content=content)

    @handler(raises=(HttpError,))
    async def request(
        self,
        method: str,
        url: str,
        *,
        params: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        content: bytes = b"",
    ) -> Answer:
        """Send any request. Raises as `get`."""
        return await self._request(method.upper(), url, params, headers, content)

    async def _request(
        self,
        method: str,
        url: str,
        params: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        content: bytes = b"",
    ) -> Answer:
        if not method.isascii():
            raise HttpError("Method", f"{method!r} is no method: write a word such as GET")
        request = Request(method, url, params or {}, {**self.headers, **(headers or {})}, content)
        how = fetch if method in _MAY_BE_SENT_TWICE else send
        return await self.context.effect(partial(how, self._connect), request, self.within, self.most_bytes)

    def _connect(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self.base,
            event_hooks={"request": [self._add_secrets]},
            transport=self.transport(),
            follow_redirects=self.follow,
            timeout=None,  # noqa: S113  # `within` is for the whole of it
        )

    async def _add_secrets(self, request: httpx.Request) -> None:
        """Also of each request that follows a redirect, which may lead anywhere."""
        home = httpx.URL(self.base)
        is_home = [getattr(request.url, part) == getattr(home, part) for part in ("scheme", "host", "port")]
        for name, value in self.secrets().items():
            request.headers.pop(name, None)
            if all(is_home):
                request.headers[name] = _sendable(name, value)


def _sendable(name: str, value: str) -> str:
    """A secret that goes into a header as it is; whoever else refused it would show it (RFC 9110, 5.5)."""
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or value != value.strip():
        raise HttpError(
            "Secret",
            f"the secret {name!r} was not sent: it is to be printable ASCII text without a line break or a "
            "space at its ends; strip() what is read from a file",
        )
    return value
