"""A little of the API over TLS, by an HTTP/2 server that misbehaves on demand.

    http2_peer.py CERTIFICATE KEY

Prints "listening on 127.0.0.1:PORT", then obeys lines of JSON from its input,
each with a line of JSON, and ends when its input ends:

    {"reset": {"accounts": N, "streams": S, "fault": {...}}}
        N accounts from 1 on, each in the projects 1001 and 1002; at most S
        streams at once on a connection (100)
    {"report": {}}
        requests {"METHOD PATH": n} that were read, carried_out likewise,
        connections, protocols {name: requests}, most_streams (open at once on
        a connection), struck (times the fault did), accounts

A fault has a kind, "method" and "path" (regular expressions; whatever a
request has, if not given) and "count", how often it strikes (1; 0: always).

    refuse      RST_STREAM REFUSED_STREAM
    reset       RST_STREAM with "code"; "where": "start" (before any answer),
                "headers" (after the headers) or "body" (after half the body);
                "lengthless": without Content-Length
    goaway      once "streams" are open: GOAWAY that lets only the oldest of
                them be answered, and nothing more is read
    drop        once "streams" are open: the connection is reset; "where" as
                for "reset"
    silent      no answer to this request
    endless     a body of spaces ("text": of a string) without end
    pings       "number" of PING frames before the answer; "deaf": while what
                comes is not read
    garbage     bytes that are no frame, instead of an answer; "deaf": nor is
                the connection closed when the client objects
    hints       answers of status 103 before the real one
    trailers    a header after the body

Over HTTP/1.1, which is how creates come: "drop" and "silent", before the
request is carried out, or with "done" after it.
"""

import json
import re
import select
import socket
import ssl
import struct
import sys
import threading

import h2.config
import h2.connection
import h2.events
import h2.settings
import hyperframe.frame

ORGANIZATION = "/api/app/organizations/123/service-accounts"
SECONDS = 60  # after which a connection on which nothing happens is given up
HOLD_SECONDS = 2  # for which streams wait for more to be open
PIECE = 65536


class Model:
    """What the API has stored, what was asked, and how to fail."""

    def __init__(self):
        self.lock = threading.Lock()
        self.reset({})

    def reset(self, wanted):
        with self.lock:
            self.accounts = {
                i + 1: "bot-%d" % (i + 1)
                for i in range(wanted.get("accounts", 10))}
            self.streams = wanted.get("streams", 100)
            self.fault = wanted.get("fault") or {}
            self.left = self.fault.get("count", 1) or float("inf")
            self.requests, self.carried_out, self.protocols = {}, {}, {}
            self.connections = self.most_streams = self.struck = 0

    def report(self):
        with self.lock:
            return {
                "requests": self.requests, "carried_out": self.carried_out,
                "connections": self.connections, "protocols": self.protocols,
                "most_streams": self.most_streams, "struck": self.struck,
                "accounts": sorted(self.accounts)}

    def connected(self):
        with self.lock:
            self.connections += 1

    def note(self, method, path, protocol, streams=1):
        """A request has been read; the fault that strikes it, or {}."""
        with self.lock:
            call = method + " " + path
            self.requests[call] = self.requests.get(call, 0) + 1
            self.protocols[protocol] = self.protocols.get(protocol, 0) + 1
            self.most_streams = max(self.most_streams, streams)
            fault = self.fault
            if (not fault or self.left <= 0
                    or streams < fault.get("streams", 1)
                    or not re.search(fault.get("method", ""), method)
                    or not re.search(fault.get("path", ""), path)):
                return {}
            self.left -= 1
            self.struck += 1
            return fault

    def holds(self):
        """Does an answer wait until a fault of the connection strikes?"""
        with self.lock:
            return self.left > 0 and self.fault.get("streams", 1) > 1

    def carry_out(self, method, path, body):
        """Status and body of the answer."""
        with self.lock:
            call = method + " " + path
            self.carried_out[call] = self.carried_out.get(call, 0) + 1
            status, value = self._answer(method, path, body)
        return status, json.dumps(value).encode()

    def _answer(self, method, path, body):
        match = re.fullmatch(ORGANIZATION + r"(?:/(\d+)(/projects)?)?", path)
        if not match:
            return 404, {"status": "error", "error": "no such path"}
        account = int(match[1] or 0)
        if account == 0 and method == "POST":
            account = max(self.accounts, default=0) + 1
            self.accounts[account] = json.loads(body)["username"]
            return 201, dict(self._record(account), secret="new-" + "x" * 28)
        if account == 0:
            return 200, {"results": [self._record(i) for i in self.accounts]}
        if account not in self.accounts:
            return 404, {"status": "error", "error": "no such account"}
        if method == "DELETE":
            del self.accounts[account]
            return 200, {"status": "ok"}
        if match[2]:
            return 200, {"results": [
                {"projectId": project, "role": "admin"}
                for project in (1001, 1002)]}
        return 200, self._record(account)

    def _record(self, account):
        return {"id": account, "username": self.accounts[account]}


def close_with_reset(connection):
    connection.setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # The descriptor itself, without TLS's good-bye.
    connection.close()


class Http2:
    """One connection."""

    def __init__(self, model, connection):
        self.model, self.socket = model, connection
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=False, header_encoding="utf-8"))
        self.waiting = {}  # stream: (method, path), in order
        self.endless = {}  # stream: byte of its body
        self.fed = False  # there may be room for more of such bodies
        self.over = False

    def run(self):
        self.h2.local_settings = h2.settings.Settings(
            client=False, initial_values={
                h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS:
                    self.model.streams})
        self.h2.initiate_connection()
        self.send()
        while True:
            if self.has_input():
                data = self.socket.recv(PIECE)
                if not data:
                    return
                # Once it is over, what still comes is read, as closing the
                # socket would otherwise reset it.
                for event in [] if self.over else self.h2.receive_data(data):
                    self.take(event)
            elif self.waiting:
                        self.finish_all()
            self.feed()
            self.send()

    def has_input(self):
        """Waits for input, but for no longer than something is to be sent."""
        if self.socket.pending():
            return True
        seconds = SECONDS
        if self.fed:
            seconds = 0
        elif self.waiting and not self.over:
            seconds = HOLD_SECONDS
        if select.select([self.socket], [], [], seconds)[0]:
            return True
        if seconds == SECONDS:
            raise OSError("nothing happens")
        return False

    def take(self, event):
        if self.over:
            return
        if isinstance(event, h2.events.RequestReceived):
            headers = dict(event.headers)
            request = headers[":method"], headers[":path"].split("?")[0]
            self.waiting[event.stream_id] = request
            self.answer(event.stream_id, self.model.note(
                *request, "HTTP/2", len(self.waiting)))
        elif isinstance(event, h2.events.StreamReset):
            self.waiting.pop(event.stream_id, None)
            self.endless.pop(event.stream_id, None)
        elif isinstance(event, h2.events.ConnectionTerminated):
            raise ConnectionAbortedError

    def answer(self, stream, fault):
        kind = fault.get("kind")
        if kind is not None:
            getattr(self, "do_" + kind)(stream, fault)
        elif not self.model.holds():
            self.finish_all()

    def finish_all(self):
        for waiting in list(self.waiting):
            self.finish(waiting)

    def carry_out(self, stream):
        status, body = self.model.carry_out(*self.waiting[stream], b"")
        return [(":status", str(status)),
            ("content-type", "application/json"),
            ("content-length", str(len(body)))], body

    def finish(self, stream, trailers=None):
        headers, body = self.carry_out(stream)
        self.h2.send_headers(stream, headers)
        self.h2.send_data(stream, body, end_stream=trailers is None)
        if trailers is not None:
            self.h2.send_headers(stream, trailers, end_stream=True)
        del self.waiting[stream]

    def begin(self, stream, fault):
        """As much of the answer as comes before the fault."""
        where = fault.get("where", "start")
        if where == "start":
            return
        headers, body = self.carry_out(stream)
        if "lengthless" in fault:
            headers.pop()
        self.h2.send_headers(stream, headers)
        if where == "body":
            self.h2.send_data(stream, body[:len(body) // 2])

    def do_refuse(self, stream, fault):
        del self.waiting[stream]
        self.h2.reset_stream(stream, 7)

    def do_reset(self, stream, fault):
        self.begin(stream, fault)
        del self.waiting[stream]
        self.h2.reset_stream(stream, fault["code"])

    def do_goaway(self, stream, fault):
        oldest = next(iter(self.waiting))
        self.send()
        # h2 itself would say nothing more after it.
        frame = hyperframe.frame.GoAwayFrame(
            last_stream_id=oldest, error_code=fault.get("code", 0))
        self.socket.sendall(frame.serialize())
        self.finish(oldest)
        self.end()

    def end(self):
        """Nothing more is said, and what is heard does not matter."""
        self.send()
        self.over = True
        self.waiting, self.endless = {}, {}

    def do_drop(self, stream, fault):
        for waiting in list(self.waiting):
            self.begin(waiting, fault)
        self.send()
        close_with_reset(self.socket)
        raise ConnectionResetError

    def do_silent(self, stream, fault):
        del self.waiting[stream]

    def do_endless(self, stream, fault):
        del self.waiting[stream]
        self.h2.send_headers(stream, [
            (":status", "200"), ("content-type", "application/json")])
        if "text" in fault:
            self.h2.send_data(stream, b'{"id":2,"username":"')
        self.endless[stream] = b"x" if "text" in fault else b" "

    def feed(self):
        self.fed = False
        for stream, byte in self.endless.items():
            size = min(self.h2.local_flow_control_window(stream),
                self.h2.max_outbound_frame_size)
            if size > 0:
                self.h2.send_data(stream, byte * size)
                self.fed = True

    def do_pings(self, stream, fault):
        self.send()
        pings = hyperframe.frame.PingFrame(opaque_data=b"12345678").serialize()
        for _ in range(fault["number"] // 100):
            self.socket.sendall(pings * 100)
            # Not read, the answers would stop both sides.
            while "deaf" not in fault and (self.socket.pending()
                    or select.select([self.socket], [], [], 0)[0]):
                for event in self.h2.receive_data(self.socket.recv(PIECE)):
                    self.take(event)
        if stream in self.waiting:
            self.finish(stream)

    def do_garbage(self, stream, fault):
        self.send()
        self.socket.sendall(b"\xff" * 100)
        if "deaf" in fault:
            self.end()
        else:
            self.waiting = {}

    def do_hints(self, stream, fault):
        for _ in range(3):
            self.h2.send_headers(stream, [(":status", "103"), ("link", "<x>")])
        self.finish(stream)

    def do_trailers(self, stream, fault):
        self.finish(stream, [("x-checksum", "1")])

    def send(self):
        data = self.h2.data_to_send()
        if data and not self.over:
            self.socket.sendall(data)


def serve_http1(model, connection):
    data = b""
    while True:
        while b"\r\n\r\n" not in data:
            more = connection.recv(PIECE)
            if not more:
                return
            data += more
        head, data = data.split(b"\r\n\r\n", 1)
        method, path = head.decode().split(" ", 2)[:2]
        path = path.split("?")[0]
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        length = int(length[1]) if length else 0
        while len(data) < length:
            more = connection.recv(PIECE)
            if not more:
                return
            data += more
        body, data = data[:length], data[length:]
        fault = model.note(method, path, "HTTP/1.1")
        if not fault or "done" in fault:
            status, answer = model.carry_out(method, path, body)
        if fault.get("kind") == "drop":
            close_with_reset(connection)
            return
        if fault.get("kind") == "silent":
            continue
        connection.sendall(
            b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (status, len(answer), answer))


def serve(model, context, plain):
    try:
        plain.settimeout(SECONDS)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with context.wrap_socket(plain, server_side=True) as connection:
            model.connected()
            if connection.selected_alpn_protocol() == "h2":
                Http2(model, connection).run()
            else:
                serve_http1(model, connection)
    except (OSError, h2.exceptions.ProtocolError):
        pass  # the client has gone, as it may at any time


def listen(model, certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["h2", "http/1.1"])
    listener = socket.create_server(("127.0.0.1", 0), backlog=50)
    print("listening on 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
    while True:
        plain, _ = listener.accept()
        threading.Thread(
            target=serve, args=(model, context, plain), daemon=True).start()


def main():
    model = Model()
    threading.Thread(
        target=listen, args=(model, *sys.argv[1:3]), daemon=True).start()
    for line in sys.stdin:
        command = json.loads(line)
        if "reset" in command:
            model.reset(command["reset"])
            print("{}", flush=True)
        else:
            print(json.dumps(model.report()), flush=True)


main()
