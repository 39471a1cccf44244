#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""canned.py - an HTTP server on loopback that answers as a JSON file of rules says, for tests of what speaks HTTP.

    canned.py RULES LOG        prints its port on the first line of standard output; ends when standard input is closed

RULES is a list, read again whenever the file changes; the first rule that fits answers:
    path     prefix of the request target, query included        has, lacks   texts the target must, must not contain
    skip     requests of this rule to pass over first            times        requests it answers (default: all)
    status, headers, body, file                                  the answer; in headers and body {port} is this server's port
    cut      close the connection after so many body bytes, although the header promised all of them
    delay    seconds to wait first
LOG gets a line a request: the target, a tab, its headers as JSON.
"""
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Rules:
    def __init__(self, path, log):
        self.path, self.log, self.stamp, self.rules = path, log, None, []
        self.lock = threading.Lock()

    def load(self):
        stat = os.stat(self.path)
        stamp = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if stamp != self.stamp:
            with open(self.path, encoding="utf-8") as file:
                self.rules = json.load(file)
            self.stamp = stamp

    def find(self, target, headers):
        with self.lock:
            self.load()
            with open(self.log, "a", encoding="utf-8") as file:
                file.write(target + "\t" + json.dumps(dict(headers.items())) + "\n")
            for rule in self.rules:
                if self.fits(rule, target):
                    return dict(rule)
        return {"status": 404, "body": "no rule"}

    @staticmethod
    def fits(rule, target):
        if not target.startswith(rule.get("path", "/")):
            return False
        if not all(text in target for text in rule.get("has", [])) or any(text in target for text in rule.get("lacks", [])):
            return False
        rule["seen"] = rule.get("seen", 0) + 1
        skip = rule.get("skip", 0)
        return skip < rule["seen"] <= skip + rule.get("times", 1 << 62)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # the body is a packet of its own: it would wait 40 ms for the client's delayed acknowledgement
    rules = None

    def do_GET(self):
        rule = self.rules.find(self.path, self.headers)
        port = str(self.server.server_address[1])
        if "file" in rule:
            with open(rule["file"], "rb") as file:
                body = file.read()
        else:
            body = rule.get("body", "").replace("{port}", port).encode("utf-8", "surrogateescape")
        time.sleep(rule.get("delay", 0))
        self.send_response(rule.get("status", 200))
        for name, value in rule.get("headers", {}).items():
            self.send_header(name, value.replace("{port}", port))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: rule.get("cut", len(body))])
        if "cut" in rule:
            self.close_connection = True

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that hangs up in the middle is what many tests do."""


def main():
    Handler.rules = Rules(sys.argv[1], sys.argv[2])
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
