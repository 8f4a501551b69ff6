"""A small shop on the web, its visitors, and neighbours who take the machine for a while.

Server, visitors and neighbours are one program, so that there is nothing to set up. Visitors come
at a steady rate; whenever the neighbours, reports of the night, count on every core, the same pages
take several times as long. A search asks a database; the bank fails one checkout in three.

    perfkit record -o web.parquet -- python examples/web.py [SECONDS [SEED]]
    perfkit events web.parquet
"""

from __future__ import annotations

import gc
import http.client
import json
import multiprocessing
import os
import random
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import perfkit

PRODUCTS = 20_000
OFFERS = 12_000
VISITORS = 6
PAUSE_S = 0.15
PATHS = ("/", "/", "/search", "/search", "/cart", "/cart", "/checkout", "/favicon.ico")
NEIGHBOURS = 3 * (os.cpu_count() or 1)
THEY_COME, THEY_STAY = (0.25, 0.5, 0.75), 0.1  # shares of the time
DECLINED = 0.33

chance = random.Random()
local = threading.local()


def home() -> object:
    """Offers, in a new order for everyone."""
    return [name for _, name in sorted((chance.random(), n) for n in range(OFFERS))[:20]]


def search() -> object:
    """A query that no index helps with; every thread has a database of its own."""
    if not hasattr(local, "database"):
        local.database = sqlite3.connect(":memory:")
        local.database.execute("CREATE TABLE products (name TEXT, price REAL)")
        rows = ((f"thing {n * 7919 % 10_007}", n * 31 % 997) for n in range(PRODUCTS))
        local.database.executemany("INSERT INTO products VALUES (?, ?)", rows)
    sql = "SELECT name FROM products WHERE name LIKE ? ORDER BY price LIMIT 20"
    with perfkit.span("query", table="products") as span:
        found = local.database.execute(sql, (f"%{chance.randrange(100)}%",)).fetchall()
        span.set(rows=len(found))
    return found


def cart() -> object:
    """Next to nothing."""
    return {"items": chance.randrange(9)}


def checkout() -> object:
    """Asks the bank, which does not always answer."""
    time.sleep(chance.uniform(0.005, 0.015))
    if chance.random() < DECLINED:
        raise ConnectionError("the bank did not answer")
    return {"paid": True}


PAGES: dict[str, Callable[[], object]] = {
    "/": home, "/search": search, "/cart": cart, "/checkout": checkout,
}  # fmt: skip


class Handler(BaseHTTPRequestHandler):
    """Answers, and says of every answer how long it took."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """One request."""
        began_s = time.monotonic()
        page = PAGES.get(self.path)
        status, answer, failure = (200 if page else 404), b"{}", {}
        try:
            answer = json.dumps(page() if page else None).encode()
        except ConnectionError as error:
            status, failure = 502, {"error": type(error).__name__}
            perfkit.event("log", level="error", message=str(error), route=self.path)
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        perfkit.event(
            "request",
            route=self.path if page else "(none)",
            status_code=status,
            duration_ms=(time.monotonic() - began_s) * 1e3,
            success=not failure,
            **failure,
        )

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what there is to say is said by events."""


def tell_of_collections(phase: str, facts: dict[str, int]) -> None:
    """The interpreter's own pauses, the long ones."""
    if facts["generation"] == 2 and phase == "start":
        local.collecting_since_s = time.monotonic()
    elif facts["generation"] == 2:
        perfkit.event("gc", duration_ms=(time.monotonic() - local.collecting_since_s) * 1e3)


def visit(port: int, until_s: float, seed: int) -> None:
    """One visitor: page after page over one connection, with a pause between them."""
    own_chance = random.Random(seed)
    connection = http.client.HTTPConnection("127.0.0.1", port)
    while time.monotonic() < until_s:
        connection.request("GET", own_chance.choice(PATHS))
        connection.getresponse().read()
        time.sleep(own_chance.expovariate(1 / PAUSE_S))
    connection.close()


def admit_visitors(port: int, until_s: float, seed: int) -> None:
    """All visitors, in a process of their own."""
    for number in range(VISITORS):
        threading.Thread(target=visit, args=(port, until_s, seed + number)).start()


def be_a_neighbour(until_s: float) -> None:
    """Count as fast as it goes."""
    while time.monotonic() < until_s:
        sum(range(10_000))


def run(seconds: float, seed: int) -> None:
    """Open the shop, and close it when the last visitor has left."""
    chance.seed(seed)
    began_s = time.monotonic()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        visitors = multiprocessing.Process(
            target=admit_visitors, args=(server.server_port, began_s + seconds, seed)
        )
        visitors.start()
        threading.Thread(target=server.serve_forever).start()
        gc.callbacks.append(tell_of_collections)
        for share in THEY_COME:
            time.sleep(max(0.0, began_s + share * seconds - time.monotonic()))
            until_s = time.monotonic() + THEY_STAY * seconds
            neighbours = [
                multiprocessing.Process(target=be_a_neighbour, args=(until_s,))
                for _ in range(NEIGHBOURS)
            ]
            for neighbour in neighbours:
                neighbour.start()
            for neighbour in neighbours:
                neighbour.join()
        visitors.join()
        server.shutdown()


if __name__ == "__main__":
    run(
        float(sys.argv[1]) if len(sys.argv) > 1 else 30.0,
        int(sys.argv[2]) if len(sys.argv) > 2 else 1,
    )
