#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A misbehaving HTTP server on loopback, for tests.

    faulty.py [--ports N] [--tls FILE]    prints "port P1 [P2 ...]" and serves until its standard input is closed

--tls adds one more port that speaks TLS, with the certificate and key of FILE.

Every port serves the same thing; a second port stands for another host. What a URL does is said by its path; numbers and faults in
the query may be combined where it makes sense. `key=NAME` names a counter (default: the whole path and query).

    /bytes/N            N bytes made from seed= (the same for the same seed), with ETag, Last-Modified, ranges, If-Range
        seed=S etag=E   other content, another ETag (etag=none: no ETag; etag=weak: a weak one; lm=none: no Last-Modified)
        norange=1       ranges are ignored: 200
        wrongrange=1    206 with a Content-Range of other bytes
        anyversion=1    does not heed If-Range
        cut=B times=K   the first K answers end after B bytes (connection closed)
        drip=MS piece=B B bytes at a time, MS milliseconds between
        stall=B         nothing more after B bytes (until the client goes)
        declare=N       a Content-Length of N
        chunked=1       chunked, without a length
        corrupt=1       one byte is wrong
        wall=B          403 for a range of more than B bytes, or none
        expire=K        403 after K answers for each sig= (none: for all)
    /sha256/N           hex digest of /bytes/N with the same seed=
    /status/CODE        that status; times=K: K times, then 200 "ok"; header=Name:value may repeat; body=TEXT
    /ratelimit/R/T      200 with RateLimit: "api";r=R;t=T and policy=...
    /redirect?to=URL    code=302; to is sent as it is
    /loop               redirects to itself
    /headers/N          N headers of 1,000 bytes
    /endless            a body without an end
    /bomb/N             N MiB of zeros, gzip
    /gzip               JSON, gzip
    /html               an HTML page as 200
    /echo               method, path, headers and body of the request, as JSON
    /link?next=URL      [] with a Link header
    /kept/PATH          what was PUT there, for GET and POST; 404 where nothing was. ?code=N in the PUT: the status of the answers
    /drop               closes the connection without an answer
    /slow/MS            waits, then "ok"
    /fail/CODE/PATH...  that status; times=K (1): so often, then as PATH
    /__log              JSON list of all requests so far (this one excluded); /__reset empties log and counters
    /__stats            {"open": connections now, "most": most at once, "connections": in all}
"""

import gzip
import hashlib
import json
import socket
import ssl
import sys
import threading
import time
import zlib
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PIECE = 1 << 16
LAST_MODIFIED = formatdate(1_600_000_000, usegmt=True)


class State:
    def __init__(self):
        self.lock = threading.Lock()
        self.log = []
        self.counts = {}
        self.kept = {}
        self.open = 0
        self.most = 0
        self.connections = 0
        self.busy = 0
        self.most_busy = 0

    def count(self, key):
        with self.lock:
            self.counts[key] = self.counts.get(key, 0) + 1
            return self.counts[key]


STATE = State()
_blocks = {}


def block(seed):
    """One MiB of bytes for a seed; content repeats it, each copy marked with its number."""
    if seed not in _blocks:
        out, state = bytearray(), hashlib.sha256(seed.encode()).digest()
        while len(out) < 1 << 20:
            state = hashlib.sha256(state).digest()
            out += state * 16
        _blocks[seed] = bytes(out[: 1 << 20])
    return _blocks[seed]


def content(seed, start, end):
    """Bytes [start, end) as pieces of at most PIECE."""
    base = block(seed)
    at = start
    while at < end:
        number, offset = divmod(at, 1 << 20)
        n = min(PIECE, end - at, (1 << 20) - offset)
        piece = base[offset : offset + n]
        if offset < 8:
            mark = number.to_bytes(8, "little")[offset : offset + n]
            piece = mark + piece[len(mark) :]
        yield piece
        at += n


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "faulty"
    wbufsize = 1 << 16

    def log_message(self, *args):
        pass

    def setup(self):
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with STATE.lock:
            STATE.open += 1
            STATE.connections += 1
            STATE.most = max(STATE.most, STATE.open)

    def finish(self):
        with STATE.lock:
            STATE.open -= 1
        try:
            super().finish()
        except OSError:
            pass

    def handle(self):
        try:
            super().handle()
        except (ConnectionError, BrokenPipeError, TimeoutError):
            self.close_connection = True

    # ---- helpers ----

    def param(self, name, default=None):
        return self.query.get(name, [default])[0]

    def number(self, name, default=0):
        return int(self.param(name, default))

    def turn(self):
        """How often this has been asked for, counting from 1."""
        return STATE.count(self.param("key", self.path))

    def begin(self, status, headers=(), length=None):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        for line in self.query.get("header", []):
            name, _, value = line.partition(":")
            self.send_header(name, value.strip())
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def answer(self, status, body=b"", headers=()):
        if isinstance(body, str):
            body = body.encode()
        self.begin(status, headers, len(body))
        if self.command != "HEAD":
            self.wfile.write(body)

    def gone(self):
        self.close_connection = True
        try:
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    # ---- entry ----

    def do_GET(self):
        parts = urlsplit(self.path)
        self.query = parse_qs(parts.query, keep_blank_values=True)
        self.where = parts.path
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length) if length else b""
        name = parts.path.strip("/").split("/")[0]
        if not name.startswith("__"):
            with STATE.lock:
                STATE.log.append(
                    {
                        "method": self.command,
                        "path": self.path,
                        "port": self.server.server_address[1],
                        "headers": {k.lower(): v for k, v in self.headers.items()},
                        "body": self.body.decode("latin-1"),
                    }
                )
                STATE.busy += 1
                STATE.most_busy = max(STATE.most_busy, STATE.busy)
        try:
            self.route(parts.path)
        finally:
            if not name.startswith("__"):
                with STATE.lock:
                    STATE.busy -= 1

    do_HEAD = do_POST = do_PUT = do_GET

    def route(self, path):
        words = path.strip("/").split("/")
        routine = getattr(self, "on_" + words[0].strip("_").replace("-", "_"), None)
        if routine is None:
            self.answer(404, "no such behaviour")
        else:
            routine(words[1:])

    # ---- behaviours ----

    def on_log(self, words):
        with STATE.lock:
            body = json.dumps(STATE.log)
        self.answer(200, body, [("Content-Type", "application/json")])

    def on_reset(self, words):
        with STATE.lock:
            STATE.log.clear()
            STATE.counts.clear()
            STATE.kept.clear()
            STATE.most = STATE.open
            STATE.connections = 0
            STATE.most_busy = STATE.busy
        self.answer(200, "reset")

    def on_stats(self, words):
        with STATE.lock:
            body = {"open": STATE.open, "most": STATE.most, "connections": STATE.connections,
                    "most_busy": STATE.most_busy}
        self.answer(200, json.dumps(body))

    def on_bytes(self, words):
        size = int(words[0])
        start, end, status = 0, size, 200
        wanted = self.headers.get("Range")
        etag = self.etag(size)
        turn = self.turn()
        if self.param("expire") is not None and self.expired():
            return self.answer(403, "expired")
        if wanted and self.fresh(etag) and not self.number("norange"):
            first, _, last = wanted.partition("=")[2].partition("-")
            start = int(first)
            end = min(size, int(last) + 1) if last else size
            status = 206
            if start >= size:
                return self.answer(416, "", [("Content-Range", "bytes */%d" % size)])
        wall = self.number("wall")
        if wall and end - start > wall:
            return self.answer(403, "too large")
        headers = [("Accept-Ranges", "none" if self.number("norange") else "bytes")]
        if etag:
            headers.append(("ETag", etag))
        if self.param("lm") != "none":
            headers.append(("Last-Modified", LAST_MODIFIED))
        if status == 206:
            shift = 7 if self.number("wrongrange") else 0
            headers.append(("Content-Range", "bytes %d-%d/%d" % (start + shift, end - 1, size)))
        self.send_content(status, headers, start, end, turn)

    def etag(self, size):
        etag = self.param("etag", self.param("seed", "0") + "-%d" % size)
        if etag == "none":
            return None
        return 'W/"x"' if etag == "weak" else '"%s"' % etag

    def fresh(self, etag):
        condition = self.headers.get("If-Range")
        return bool(self.number("anyversion")) or condition is None or condition in (etag, LAST_MODIFIED)

    def expired(self):
        key = "expire " + self.where + " " + self.param("sig", "")
        return STATE.count(key) > self.number("expire")

    def send_content(self, status, headers, start, end, turn):
        declared = self.number("declare", end - start)
        chunked = self.number("chunked")
        if chunked:
            self.begin(status, headers + [("Transfer-Encoding", "chunked")])
        else:
            self.begin(status, headers, declared)
        if self.command == "HEAD":
            return
        stop = None
        if self.param("cut") is not None and turn <= self.number("times", 1 << 30):
            stop = start + self.number("cut")
        stall = self.number("stall", -1)
        for at, piece in self.pieces(start, end):
            if stop is not None and at + len(piece) >= stop:
                self.write(piece[: stop - at], chunked)
                return self.gone()
            if 0 <= stall <= at + len(piece) - start:
                self.write(piece[: max(0, stall - (at - start))], chunked)
                return self.wait_for_client()
            self.write(piece, chunked)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
        if declared != end - start:
            self.gone()

    def pieces(self, start, end):
        size = self.number("piece")
        pause = self.number("drip") / 1000
        at = start
        for piece in content(self.param("seed", "0"), start, end):
            if self.number("corrupt") and at == start:
                piece = bytes([piece[0] ^ 1]) + piece[1:]
            for i in range(0, len(piece), size or len(piece)):
                part = piece[i : i + (size or len(piece))]
                yield at, part
                at += len(part)
                if pause:
                    self.wfile.flush()
                    time.sleep(pause)

    def write(self, piece, chunked):
        if chunked and piece:
            self.wfile.write(b"%x\r\n" % len(piece) + piece + b"\r\n")
        else:
            self.wfile.write(piece)

    def wait_for_client(self):
        self.wfile.flush()
        self.connection.settimeout(60)
        try:
            self.connection.recv(1)
        except OSError:
            pass
        self.gone()

    def on_sha256(self, words):
        digest = hashlib.sha256()
        for piece in content(self.param("seed", "0"), 0, int(words[0])):
            digest.update(piece)
        self.answer(200, digest.hexdigest())

    def on_status(self, words):
        status = int(words[0])
        if self.param("times") is not None and self.turn() > self.number("times"):
            self.query.pop("header", None)
            return self.answer(200, "ok")
        self.answer(status, self.param("body", ""))

    def on_fail(self, words):
        if STATE.count("fail " + self.path) <= self.number("times", 1):
            return self.answer(int(words[0]), "")
        self.query.pop("header", None)
        self.where = "/" + "/".join(words[1:])
        self.route(self.where)

    def on_ratelimit(self, words):
        headers = [("RateLimit", '"%s";r=%s;t=%s' % (self.param("bucket", "api"), words[0], words[1]))]
        if self.param("q"):
            headers.append(("RateLimit-Policy", '"fixed window";"%s";q=%s;w=300'
                            % (self.param("bucket", "api"), self.param("q"))))
        self.answer(int(self.param("code", 200)), "ok", headers)

    on_api = on_ratelimit

    def on_redirect(self, words):
        self.answer(int(self.param("code", 302)), "moved", [("Location", self.param("to", ""))])

    def on_loop(self, words):
        self.answer(302, "", [("Location", self.path)])

    def on_headers(self, words):
        self.answer(200, "ok", [("X-Filler-%d" % i, "a" * 1000) for i in range(int(words[0]))])

    def on_endless(self, words):
        self.begin(200, [("Connection", "close")])
        self.close_connection = True
        while True:
            self.wfile.write(b"x" * PIECE)

    def on_bomb(self, words):
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        body = b"".join(packer.compress(bytes(1 << 20)) for _ in range(int(words[0])))
        self.answer(200, body + packer.flush(), [("Content-Encoding", "gzip")])

    def on_gzip(self, words):
        body = json.dumps({"packed": "yes" * 1000}).encode()
        headers = [("Content-Type", "application/json")]
        if "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body)
            headers.append(("Content-Encoding", "gzip"))
        self.answer(200, body, headers)

    def on_html(self, words):
        self.answer(200, "<!doctype html><title>Sorry</title>", [("Content-Type", "text/html")])

    def on_echo(self, words):
        body = {"method": self.command, "path": self.path, "body": self.body.decode("latin-1"),
                "headers": {k.lower(): v for k, v in self.headers.items()}}
        self.answer(200, json.dumps(body))

    def on_link(self, words):
        self.answer(200, "[]", [("Link", '<%s>; rel="next"' % self.param("next"))])

    def on_kept(self, words):
        if self.command == "PUT":
            STATE.kept[self.where] = (self.number("code", 200), self.body)
            return self.answer(200)
        status, body = STATE.kept.get(self.where, (404, b"nothing was put there"))
        self.answer(status, body)

    def on_drop(self, words):
        if self.turn() > self.number("times", 1 << 30):
            return self.answer(200, "ok")
        self.gone()

    def on_slow(self, words):
        time.sleep(int(words[0]) / 1000)
        self.answer(200, "ok")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, request, client_address):
        pass


def main():
    count = int(sys.argv[sys.argv.index("--ports") + 1]) if "--ports" in sys.argv else 1
    servers = [Server(("127.0.0.1", 0), Handler) for _ in range(count)]
    if "--tls" in sys.argv:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[sys.argv.index("--tls") + 1])
        secure = Server(("127.0.0.1", 0), Handler)
        secure.socket = context.wrap_socket(secure.socket, server_side=True)
        servers.append(secure)
    for server in servers:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    print("port", *(s.server_address[1] for s in servers), flush=True)
    sys.stdin.buffer.read()  # the parent is gone, or has had enough


if __name__ == "__main__":
    main()
