# SPDX-License-Identifier: Apache-2.0
"""Calls to the API server from where a test runs: what kubelets and waiting need, and no more.

A call enters the network namespace it is given for as long as it takes to connect.
"""
import http.client
import json
import ssl

from proc import entered

JSON = "application/json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"


class Api:
    """The API server as one user sees it from one namespace."""

    def __init__(self, netns, addr, port, certs, user):
        self.netns = netns
        self.addr = addr
        self.port = port
        self.context = ssl.create_default_context(cafile=certs.path("ca.crt"))
        self.context.load_cert_chain(certs.path(f"{user}.crt"), certs.path(f"{user}.key"))

    def _connect(self, timeout):
        connection = http.client.HTTPSConnection(self.addr, self.port, timeout=timeout,
                                                 context=self.context)
        with entered(self.netns):
            connection.connect()
        return connection

    def call(self, method, path, body=None, kind=JSON, timeout=20):
        """One call; returns status and decoded answer. OSError: there was none."""
        try:
            connection = self._connect(timeout)
            try:
                connection.request(method, path, body and json.dumps(body),
                                   {"Content-Type": kind})
                answer = connection.getresponse()
                text = answer.read()
            finally:
                connection.close()
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        is_json = answer.headers.get_content_type() == JSON
        return answer.status, json.loads(text) if is_json else text.decode()

    def is_ready(self):
        """True when the server says so of itself."""
        try:
            return self.call("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def events(self, path, version, timeout):
        """The objects of a watch as (type, object), until it ends or nothing comes in time."""
        connection = self._connect(timeout)
        try:
            connection.request("GET", f"{path}&watch=1&allowWatchBookmarks=true"
                                      f"&resourceVersion={version}")
            for line in connection.getresponse():
                event = json.loads(line)
                yield event["type"], event["object"]
        except (http.client.HTTPException, ValueError) as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()
