# SPDX-License-Identifier: Apache-2.0
"""A small HTTP/2 server over TLS: each connection a thread, each request a call of a handler that
answers at once or keeps the stream and writes to it later, from any thread.
"""
import contextlib
import os
import select
import socket
import ssl
import threading

import h2.config
import h2.connection
import h2.events
import h2.exceptions


class Stream:
    """One request and its answer."""

    def __init__(self, connection, number, fields):
        self.connection = connection
        self.number = number
        self.fields = {name.decode(): value.decode() for name, value in fields}
        self.body = b""
        self.head = None     # status and fields, until they are sent
        self.waiting = bytearray()  # of the answer, not sent yet
        self.ended = False   # nothing comes behind them
        self.gone = False    # the client does not want any more
        self.on_gone = None

    def start(self, status, **fields):
        """Sends a head; '_' stands for '-' in names."""
        self.head = [(":status", str(status)),
                     *((name.replace("_", "-"), str(value)) for name, value in fields.items())]
        self.connection.wake()

    def write(self, data):
        """Adds to the body."""
        with self.connection.lock:
            self.waiting += data
        self.connection.wake()

    def end(self):
        """The body is complete."""
        self.ended = True
        self.connection.wake()

    def answer(self, status, body, **fields):
        """Head and body at once."""
        self.waiting += body
        self.ended = True
        self.start(status, **fields)


class Connection(threading.Thread):
    """Talks to one client. All calls of h2 are made by this thread."""

    def __init__(self, server, sock):
        super().__init__(daemon=True)
        self.server = server
        self.sock = sock
        self.lock = threading.Lock()
        self.streams = {}
        self.wakes = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.closing = False
        self.going_away = False
        self.silent = False  # takes what comes and says nothing, as a dead peer's network does

    def wake(self):
        """Lets the thread look at what there is to send."""
        with contextlib.suppress(OSError):
            os.write(self.wakes[1], b"x")

    def close(self):
        """Without a word."""
        self.closing = True
        self.wake()

    def go_away(self):
        """Takes no new streams; those under way may end."""
        self.going_away = True
        self.wake()

    def run(self):
        try:
            self.sock = self.server.context.wrap_socket(self.sock, server_side=True)
            self._serve()
        except (OSError, h2.exceptions.ProtocolError):
            pass
        finally:
            for stream in list(self.streams.values()):
                self._forget(stream.number)
            self.sock.close()
            self.server.connections.discard(self)
            with self.lock:
                os.close(self.wakes[0])
                os.close(self.wakes[1])

    def _serve(self):
        self.sock.setblocking(False)
        wire = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        wire.initiate_connection()
        while not self.closing:
            self._send(wire)
            if not self.sock.pending():
                select.select([self.sock, self.wakes[0]], [], [])
            with contextlib.suppress(BlockingIOError):
                os.read(self.wakes[0], 4096)
            with contextlib.suppress(ssl.SSLWantReadError):
                data = self.sock.recv(65536)
                if not data:
                    return
                for event in wire.receive_data(data):
                    self._take(wire, event)

    def _take(self, wire, event):
        if isinstance(event, h2.events.RequestReceived):
            stream = Stream(self, event.stream_id, event.headers)
            self.streams[event.stream_id] = stream
            if event.stream_ended:
                self.server.handle(stream)
        elif isinstance(event, h2.events.DataReceived):
            wire.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if event.stream_id in self.streams:
                self.streams[event.stream_id].body += event.data
        elif isinstance(event, h2.events.StreamEnded):
            stream = self.streams.get(event.stream_id)
            if stream and stream.body:
                self.server.handle(stream)
        elif isinstance(event, h2.events.StreamReset):
            self._forget(event.stream_id)

    def _forget(self, number):
        stream = self.streams.pop(number, None)
        if stream:
            stream.gone = True
            if stream.on_gone:
                stream.on_gone()

    def _send(self, wire):
        for stream in list(self.streams.values()):
            if stream.head:
                wire.send_headers(stream.number, stream.head)
                stream.head, stream.started = None, True
            if getattr(stream, "started", False):
                self._send_body(wire, stream)
        if self.going_away:
            wire.close_connection(last_stream_id=max(self.streams, default=0))
            self.going_away = False
            self.closing = not self.streams
        data = wire.data_to_send()
        if data and not self.silent:
            self.sock.setblocking(True)
            self.sock.sendall(data)
            self.sock.setblocking(False)

    def _send_body(self, wire, stream):
        with self.lock:
            while stream.waiting:
                room = min(wire.local_flow_control_window(stream.number),
                           wire.max_outbound_frame_size)
                if room <= 0:
                    return
                wire.send_data(stream.number, bytes(stream.waiting[:room]))
                del stream.waiting[:room]
        if stream.ended:
            wire.end_stream(stream.number)
            self._forget(stream.number)


class Server:
    """Listens at an address, with a certificate; handle(stream) is called for each request."""

    def __init__(self, handle, chain, key):
        self.handle = handle
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(chain, key)
        self.context.set_alpn_protocols(["h2"])
        self.connections = set()
        self.socket = None
        self.port = 0

    def listen(self, address):
        """Begins to accept, at the port of the last time if there was one."""
        self.socket = socket.create_server((address, self.port), backlog=64)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, args=(self.socket,), daemon=True).start()

    def _accept(self, listening):
        while True:
            try:
                sock, _ = listening.accept()
            except OSError:
                return
            connection = Connection(self, sock)
            self.connections.add(connection)
            connection.start()

    def close(self):
        """Refuses connections and cuts those that there are."""
        if self.socket:
            self.socket.shutdown(socket.SHUT_RDWR)
            self.socket.close()
        self.socket = None
        self.cut()

    def cut(self):
        """Ends all connections."""
        for connection in list(self.connections):
            connection.close()
