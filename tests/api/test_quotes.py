"""Quotes over the API: files that verify, and why an invoice has no price."""

from __future__ import annotations

import json
from typing import Any

import pytest
import story
from api_client import ApiClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from local_node import LocalNetwork

from contracts.finance.quote import ProvedQuote, verify_quote
from contracts.finance.quote_book import MAX_PAGE_INVOICES, ProvedRefusal, verify_book
from ledger import codec
from ledger.blocks.genesis import read_genesis
from node.api import bodies, create_app, quotes

ASKED = {"programme": story.PROGRAMME, "supplier": "acme", "invoice": story.INVOICE}


@pytest.fixture(scope="module", autouse=True)
def _trade(network: LocalNetwork) -> None:
    story.play(network)


def test_quote_file_recomputes_offline(client: ApiClient, network: LocalNetwork, channel: str) -> None:
    answer = client.post(f"{channel}/quotes", json=ASKED, headers={"accept": bodies.MSGPACK_FILE})
    assert answer.headers["content-type"] == bodies.MSGPACK_FILE
    proved = verify_quote(answer.content, read_genesis(network.genesis_block.data))
    assert (proved.programme, proved.inputs.invoice) == (story.PROGRAMME, story.INVOICE)


def test_json_shows_the_same_terms(client: ApiClient, network: LocalNetwork, channel: str) -> None:
    data = client.post(f"{channel}/quotes", json=ASKED, headers={"accept": bodies.MSGPACK_FILE}).content
    terms = verify_quote(data, read_genesis(network.genesis_block.data)).terms
    shown = client.post(f"{channel}/quotes", json=ASKED).json()
    quotes.QuoteView.model_validate(shown)
    assert shown["terms"]["paid_out"] == terms.paid_out
    assert shown["terms"]["advance"] == terms.advance


def test_question_may_come_as_msgpack(client: ApiClient, channel: str) -> None:
    answer = client.post(
        f"{channel}/quotes", content=codec.encode(ASKED), headers={"content-type": bodies.MSGPACK}
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"programme": "none"}, 404, "unknown_programme"),
        ({"invoice": "none"}, 404, "unknown_invoice"),
        ({"supplier": "nobody"}, 404, "unknown_invoice"),
        ({"supplier": "No Body"}, 400, "malformed"),
        ({"invoice": ""}, 400, "malformed"),
        ({"invoice": 5}, 400, "malformed"),
        ({"colour": "red"}, 400, "malformed"),
    ],
)
def test_what_has_no_price_is_a_problem_with_its_own_code(
    client: ApiClient, channel: str, changed: dict[str, Any], status: int, code: str
) -> None:
    answer = client.post(f"{channel}/quotes", json={**ASKED, **changed})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"", bodies.JSON, 400, "invalid_json"),
        (b"{}", bodies.JSON, 400, "malformed"),
        (b'{"programme": "p", "supplier": "s", "invoice": "\\ud800"}', bodies.JSON, 400, "malformed"),
        (b"{}", "text/plain", 415, "unsupported_media_type"),
        (b"{" + b" " * quotes.MAX_BODY_BYTES + b"}", bodies.JSON, 413, "body_too_large"),
        (b"\xc1", bodies.MSGPACK, 400, "malformed"),
        (b"\x81\xa1a\xcc\x01", bodies.MSGPACK, 400, "non_canonical"),
    ],
)
def test_body_that_is_no_question_is_refused(
    client: ApiClient, channel: str, content: bytes, kind: str, status: int, code: str
) -> None:
    answer = client.post(f"{channel}/quotes", content=content, headers={"content-type": kind})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    "path", ["/quotes", "/quotes/book", "/quotes?level=linearizable", "/quotes?level=no"]
)
@pytest.mark.parametrize("accept", [bodies.JSON, bodies.MSGPACK_FILE])
@pytest.mark.parametrize(
    "body", [{}, ASKED, {**ASKED, "invoice": "none"}, {**ASKED, "model": "0" * 64}, "BOOK"]
)
def test_a_quote_that_goes_straight_is_answered_as_by_the_framework(
    client: ApiClient, network: LocalNetwork, channel: str, path: str, accept: str, body: object
) -> None:
    framework = ApiClient(create_app(network.nodes["n1"]))
    answers = [
        one.post(channel + path, json=BOOK if body == "BOOK" else body, headers={"accept": accept})
        for one in (client, framework)
    ]
    assert len({(one.status_code, tuple(one.headers.items()), one.content) for one in answers}) == 1
    framework.close()


def test_a_quote_that_goes_straight_is_counted_under_its_operation(client: ApiClient, channel: str) -> None:
    def counted() -> str:
        lines = client.get("/metrics").text.splitlines()
        return "".join([line for line in lines if 'operation="post_quote",status="200"' in line])

    before = counted()
    assert client.post(f"{channel}/quotes", json=ASKED).status_code == 200
    assert counted() != before


BOOK = {"programme": story.PROGRAMME, "invoices": [["acme", story.INVOICE], ["acme", "none"]]}


def test_a_page_of_prices_recomputes_offline(client: ApiClient, network: LocalNetwork, channel: str) -> None:
    for content, kind in ((json.dumps(BOOK).encode(), bodies.JSON), (codec.encode(BOOK), bodies.MSGPACK)):
        answer = client.post(f"{channel}/quotes/book", content=content, headers={"content-type": kind})
        assert answer.headers["content-type"] == bodies.MSGPACK_FILE
        book, (priced, refused) = verify_book(answer.content, read_genesis(network.genesis_block.data))
        assert book.programme == story.PROGRAMME
        assert isinstance(priced, ProvedQuote)
        assert isinstance(refused, ProvedRefusal)
        assert refused.refusal.code == "unknown_invoice"


@pytest.mark.parametrize(
    "changed",
    [
        {"invoices": []},
        {"invoices": [["acme", str(number)] for number in range(MAX_PAGE_INVOICES + 1)]},
        {"invoices": [["acme"]]},
        {"invoices": [["No Body", "1"]]},
        {"invoices": "acme"},
        {"invoices": [["acme", "A-1"], ["acme", "A-1"]]},
        {"model": "00"},
        {"colour": "red"},
    ],
)
def test_what_is_no_page_is_refused(client: ApiClient, channel: str, changed: dict[str, Any]) -> None:
    answer = client.post(f"{channel}/quotes/book", json={**BOOK, **changed})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200), kind=st.sampled_from([bodies.JSON, bodies.MSGPACK]))
def test_no_question_is_answered_with_a_server_error(
    client: ApiClient, channel: str, content: bytes, kind: str
) -> None:
    answer = client.post(f"{channel}/quotes", content=content, headers={"content-type": kind})
    assert 400 <= answer.status_code < 500
