"""The HTTP client: what is sent, what comes back, what stands in the record, and what does not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.memory import MemoryObjectReceiveStream

from actors.httpclient import Answer, HttpClient, HttpError
from theater import ActorFailedError, ActorRef, History, Theater, handler

PAGES: dict[str, dict[str, Any]] = {
    "/gone": {"status_code": 410, "text": "not any more"},
    "/large": {"content": bytes(2000)},
    "/latin": {"content": b"caf\xe9", "headers": {"content-type": "text/plain; charset=latin-1"}},
    "/away": {"status_code": 302, "headers": {"location": "https://other.example/echo"}},
    "/twice": {"headers": [("set-cookie", "a=1"), ("set-cookie", "b=2")]},
}


async def answer(request: httpx.Request) -> httpx.Response:
    """A server of many moods; each page is one."""
    page = request.url.path
    if page == "/down":
        raise httpx.ConnectError("no route")
    if page == "/slow":
        await anyio.sleep(3600)
    if page == "/echo":
        told = {"method": request.method, "query": {**request.url.params}, "headers": {**request.headers}}
        return httpx.Response(200, json=told | {"body": request.content.decode()})
    options: dict[str, Any] = {"status_code": 200} | PAGES[page]
    return httpx.Response(**options)


class Client(HttpClient):
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(answer)

    def secrets(self) -> Mapping[str, str]:
        return {"x-key": "hush"}

    @handler
    async def trip(self) -> None:
        raise RuntimeError("over the wire")


async def client(theater: Theater, **options: Any) -> ActorRef[Client]:
    return await theater.spawn(Client(base="https://here.example", **options))


def kinds(theater: Theater, ref: ActorRef[Any]) -> list[tuple[str, str]]:
    events = [event for event in theater.chain(ref) if event.kind == "effect/begun"]
    return [(event.body["effect"].partition(":")[2], event.body["args"][0]["method"]) for event in events]


async def test_what_is_asked_arrives_and_what_is_answered_comes_back(theater: Theater) -> None:
    ref = await client(theater, headers={"x-who": "ann"})

    got = await ref.ask(HttpClient.get, "/echo", {"q": "ab"})
    posted = await ref.ask(HttpClient.post, "/echo", {"n": [1, None]})
    put = await ref.ask(HttpClient.request, "put", "/echo", headers={"x-who": "bob"}, content=b"as it is")

    assert (got.status, got.is_success, got.url) == (200, True, "https://here.example/echo?q=ab")
    assert got.json()["query"] == {"q": "ab"}
    assert got.json()["headers"]["x-who"] == "ann"
    assert (posted.json()["method"], json.loads(posted.json()["body"])) == ("POST", {"n": [1, None]})
    assert posted.json()["headers"]["content-type"] == "application/json"
    assert (put.json()["method"], put.json()["body"], put.json()["headers"]["x-who"]) == (
        "PUT",
        "as it is",
        "bob",
    )


async def test_a_status_that_tells_of_an_error_is_an_answer(theater: Theater) -> None:
    gone = await (await client(theater)).ask(HttpClient.get, "/gone")

    assert (gone.status, gone.is_success, gone.text) == (410, False, "not any more")


async def test_text_is_read_in_the_charset_that_it_has(theater: Theater) -> None:
    latin = await (await client(theater)).ask(HttpClient.get, "/latin")

    assert latin.text == "café"
    assert Answer(200, [], "ü".encode(), "").text == "ü"


async def test_headers_are_found_whatever_their_case_and_however_many(theater: Theater) -> None:
    twice = await (await client(theater)).ask(HttpClient.get, "/twice")

    assert twice.headers[:2] == [("set-cookie", "a=1"), ("set-cookie", "b=2")]
    assert (twice.header("Set-Cookie"), twice.header("x-none")) == ("a=1", None)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("/down", "ConnectError"),
        ("/slow", "Timeout"),
        ("/large", "TooLarge"),
        ("http://here.example:port", "InvalidURL"),
    ],
)
async def test_no_answer_is_an_error_that_the_client_survives(theater: Theater, url: str, error: str) -> None:
    ref = await client(theater, most_bytes=1000, within=60.0)

    with pytest.raises(HttpError) as failed:
        await ref.ask(HttpClient.get, url)

    assert failed.value.error == error
    assert theater.statistics().failures == 0


async def test_an_answer_of_just_the_size_that_is_allowed_is_one(theater: Theater) -> None:
    answer = await (await client(theater, most_bytes=2000)).ask(HttpClient.get, "/large")

    assert len(answer.content) == 2000


async def test_only_requests_that_may_be_sent_twice_are_said_to_be(theater: Theater) -> None:
    ref = await client(theater)

    for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH", "BREW"):
        await ref.ask(HttpClient.request, method, "/echo")

    assert kinds(theater, ref) == [
        *[("fetch", method) for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")],
        *[("send", method) for method in ("POST", "PATCH", "BREW")],
    ]


async def test_a_redirect_is_an_answer_unless_it_is_to_be_followed(theater: Theater) -> None:
    stays, follows = await client(theater), await client(theater, follow=True)

    assert (await stays.ask(HttpClient.get, "/away")).header("location") == "https://other.example/echo"
    assert (await follows.ask(HttpClient.get, "/away")).url == "https://other.example/echo"


async def test_secrets_are_sent_to_the_host_of_the_base_and_to_no_other(theater: Theater) -> None:
    ref = await client(theater, follow=True)

    home = await ref.ask(HttpClient.get, "/echo")
    led_away = await ref.ask(HttpClient.get, "/away")
    strange = [
        await ref.ask(HttpClient.get, url)
        for url in (
            "https://other.example/echo",
            "http://here.example/echo",
            "https://here.example:444/echo",
        )
    ]

    assert home.json()["headers"]["x-key"] == "hush"
    assert ["x-key" in answer.json()["headers"] for answer in [led_away, *strange]] == [False] * 4


class Careless(Client):
    secret: str

    def secrets(self) -> Mapping[str, str]:
        return {"authorization": self._key}

    def on_load(self) -> None:
        bad: dict[str, Any] = {"line": "hush\n", "nul": "hu\0sh", "words": "hüsh", "none": None}
        self._key = bad[self.secret]


@pytest.mark.parametrize("secret", ["line", "nul", "words", "none"])
async def test_a_secret_that_no_header_can_hold_is_neither_sent_nor_shown(
    theater: Theater, secret: str
) -> None:
    ref = await theater.spawn(Careless(base="https://here.example", secret=secret))

    with pytest.raises(HttpError, match="'authorization' was not sent") as refused:
        await ref.ask(HttpClient.get, "/echo")

    told = repr([str(refused.value), *(event.body for event in theater.chain(ref))])
    assert "hush" not in told
    assert "hüsh" not in told


async def test_a_request_that_cannot_be_sent_is_told_and_disturbs_nobody_else(theater: Theater) -> None:
    ref = await client(theater)
    bad: list[Any] = [
        ref.ask(HttpClient.request, "gét", "/echo"),
        ref.ask(HttpClient.request, "get", "/echo", headers={"x-é": "a"}),
        ref.ask(HttpClient.request, "get", "/echo", headers={"x": "€"}),
        ref.ask(HttpClient.post, "/echo", b"bytes"),
        ref.ask(HttpClient.post, "/echo", float("nan")),
    ]

    for request in bad:
        with pytest.raises(HttpError):
            await request

    assert theater.statistics().failed == 0


@asynccontextmanager
async def server(content: bytes) -> AsyncIterator[tuple[str, MemoryObjectReceiveStream[str]]]:
    """A real one, for one sort of answer: its URL, and news of clients that have hung up."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(SocketAttribute.local_port)
    tell, news = anyio.create_memory_object_stream[str](9)

    async def serve(stream: SocketStream) -> None:
        async with stream:
            await stream.receive()
            head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(content)}\r\n\r\n"
            await stream.send(head.encode() + content)
            with pytest.raises(anyio.EndOfStream):
                await stream.receive()
            await tell.send("hung up")

    async with listener, tell, news, anyio.create_task_group() as group:
        group.start_soon(listener.serve, serve)
        yield f"http://127.0.0.1:{port}", news
        group.cancel_scope.cancel()


@pytest.mark.real_clock
async def test_it_speaks_to_a_real_server_and_leaves_no_connection_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with server(b"hello") as (base, news), Theater() as theater:
        ref = await theater.spawn(HttpClient(base=base))

        for _ in range(2):
            assert (await ref.ask(HttpClient.get, "/")).content == b"hello"
            assert await news.receive() == "hung up"


async def test_it_goes_on_after_a_failure(theater: Theater) -> None:
    ref = await client(theater)

    with pytest.raises(ActorFailedError, match="over the wire"):
        await ref.ask(Client.trip)

    assert (await ref.ask(HttpClient.get, "/echo")).is_success


@pytest.mark.real_clock
async def test_the_record_holds_answers_but_no_secrets_and_the_client_outlives_its_theater(
    tmp_path: Path,
) -> None:
    async with Theater(tmp_path / "folder") as theater:
        ref = await theater.spawn(Client(base="https://here.example"), name="client")
        await ref.ask(HttpClient.get, "/gone")
        await ref.ask(HttpClient.post, "/gone", "a letter")

    bodies = str([event.body for event in History(tmp_path / "folder").chain("client")])
    assert "not any more" in bodies
    assert "a letter" in bodies
    assert "hush" not in bodies
    async with Theater(tmp_path / "folder") as theater:
        again = await theater.spawn(Client(), name="client", resume=True)
        assert (await again.ask(HttpClient.get, "/gone")).url == "https://here.example/gone"
