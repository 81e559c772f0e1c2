#!/usr/bin/env python3
"""A web server that says what happens to the calls of a shop: rings Ann, then Ben and Carl together.

Needs nothing but Python. Usage: endpoint.py PORT SECRET; port 0 takes a free one, which is printed.
"""

import hashlib
import hmac
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = sys.argv[2].encode()
MOST_BYTES = 1 << 20


def decide(question):
    """The actions for what has happened."""
    event, request = question["event"], question["request"]
    result = question.get("result", {})
    if event == "ended":
        return []
    if request["type"] == "MESSAGE":
        return [{"answer": {}}, {"message": {"to": "ann@example.com", "from": request["from"]}}]
    if event == "incoming":
        return [{"dial": {"to": "ann@example.com", "ring": 20}}, {"bridge": {}}]
    if event == "failed" and result.get("action") == "dial":
        both = ["ben@example.com", "carl@example.com"]
        return [{"hunt": {"to": both, "ring": 20, "together": True}}, {"bridge": {}}]
    return [{"reject": {"code": 480, "reason": "nobody is in the shop"}}]


class Endpoint(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        if length > MOST_BYTES:
            self.close_connection = True
            return self.answer(413, {})
        body = self.rfile.read(length)
        signature = "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(signature, self.headers.get("Strowger-Signature", "")):
            return self.answer(401, {"error": "bad signature"})
        self.answer(200, {"actions": decide(json.loads(body))})

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Endpoint)
print(server.server_port, flush=True)
server.serve_forever()
