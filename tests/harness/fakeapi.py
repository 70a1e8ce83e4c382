# SPDX-License-Identifier: Apache-2.0
"""An API server that does what a real one does with objects that only tests write, and what a real
one does when it is ill. It stands in the place of a rig's folder of manifests: what put() is given
under a name replaces what was there under that name.
"""
import base64
import copy
import json
import os
import re
import threading
import urllib.parse

from gateway import make_certificate
from h2server import Server
from projected import Projected

GATEWAY = "gateway.networking.k8s.io"
CRDS = "customresourcedefinitions"

# Kind: group, version, resource.
KINDS = {
    "Service": ("", "v1", "services"),
    "Node": ("", "v1", "nodes"),
    "Namespace": ("", "v1", "namespaces"),
    "Pod": ("", "v1", "pods"),
    "Secret": ("", "v1", "secrets"),
    "EndpointSlice": ("discovery.k8s.io", "v1", "endpointslices"),
    "CustomResourceDefinition": ("apiextensions.k8s.io", "v1", CRDS),
    "GatewayClass": (GATEWAY, "v1", "gatewayclasses"),
    "Gateway": (GATEWAY, "v1", "gateways"),
    "HTTPRoute": (GATEWAY, "v1", "httproutes"),
    "ReferenceGrant": (GATEWAY, "v1", "referencegrants"),
    "DestinationRule": ("networking.istio.io", "v1", "destinationrules"),
    "AddressPool": ("naru.io", "v1alpha1", "addresspools"),
    "NodeState": ("naru.io", "v1alpha1", "nodestates"),
    "Lease": ("coordination.k8s.io", "v1", "leases"),
    "Event": ("events.k8s.io", "v1", "events"),
}
DEFINED = ("GatewayClass", "Gateway", "HTTPRoute", "ReferenceGrant", "DestinationRule",
           "AddressPool", "NodeState")
CLUSTER_WIDE = ("Node", "Namespace", "CustomResourceDefinition", "GatewayClass", "AddressPool",
                "NodeState")

PATH = re.compile(r"/(?:api|apis/(?P<group>[^/]+))/(?P<version>[^/]+)"
                  r"(?:/namespaces/(?P<namespace>[^/]+))?/(?P<resource>[a-z]+)"
                  r"(?:/(?P<name>[^/]+)(?P<part>/status)?)?$")


def definition(kind, bundle="v1.6.3"):
    """The CustomResourceDefinition of a kind, as far as anybody looks at it."""
    group, _, resource = KINDS[kind]
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{resource}.{group}", "annotations": {
                "gateway.networking.k8s.io/bundle-version": bundle}}}


def key_of(obj):
    """What names an object."""
    return obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def status(code, reason, message=""):
    """The body of an error."""
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "code": code, "reason": reason, "message": message or reason}


def value_at(obj, path):
    """The member at a path such as spec.nodeName, as a text."""
    for name in path.split("."):
        obj = obj.get(name, "") if isinstance(obj, dict) else ""
    return str(obj)


def selected(obj, query):
    """Do the request's selectors take the object? Labels that must be absent, fields that equal."""
    labels = obj["metadata"].get("labels") or {}
    for term in filter(None, query.get("labelSelector", "").split(",")):
        if not term.startswith("!"):
            raise NotImplementedError(term)
        if term[1:] in labels:
            return False
    for term in filter(None, query.get("fieldSelector", "").split(",")):
        path, _, wanted = term.partition("=")
        if value_at(obj, path) != wanted:
            return False
    return True


def merged(target, patch):
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    target = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = merged(target.get(name), value)
    return target


class Watch:
    """A stream of events."""

    def __init__(self, stream, kind, namespace, query):
        self.stream = stream
        self.kind = kind
        self.namespace = namespace
        self.query = query
        self.known = set()  # which objects the client has seen

    def send(self, name, obj):
        """One event."""
        self.stream.write(json.dumps({"type": name, "object": obj}).encode() + b"\n")


class FakeAPI:
    """Objects, their history, and who watches."""

    def __init__(self, directory, address="127.0.0.1"):
        self.directory = directory
        self.address = address
        self.lock = threading.RLock()
        self.version = 1000
        self.objects = {}
        self.files = {}
        self.watches = []
        self.changes = []       # version, event, object
        self.forgotten = 0      # changes up to this version are not known any more
        self.token = "t0ken"
        self.believed = {self.token}
        self.refused = 0        # requests with another token
        self.volume = None      # has what is needed for access, once there is one
        self.faults = []        # part of the path, function of the stream
        self.requests = []      # paths that were asked for
        self.writes = []        # method, path and body of what clients wrote
        self.initial = True     # knows watches that begin with all objects
        self.chain, self.key = make_certificate(directory, "api", address)
        self.server = self.another()
        for kind in DEFINED:
            self.put(f"crd-{kind}", definition(kind))

    # ---- for tests: life -------------------------------------------------------------------------

    def start(self):
        """Listens, in the network namespace of the calling thread."""
        self.server.listen(self.address)
        return self

    def stop(self):
        """As if it had been killed. Objects and versions stay, as etcd would keep them."""
        self.server.close()

    def another(self):
        """Another server of the same cluster, which does not listen yet; its life is the caller's
        matter."""
        return Server(self._handle, self.chain, self.key)

    def project(self):
        """Writes what is needed for access into a volume as the kubelet makes them, which
        kubeconfig files name from here on."""
        self.volume = self.volume or Projected(os.path.join(self.directory, "access"))
        with open(self.chain, "rb") as chain:
            self.volume.write({"ca.crt": chain.read(), "token": self.token.encode()})

    def renew(self):
        """A certificate of another authority for connections that are made from here on, and
        another token; the old one is believed on."""
        self.chain, self.key = make_certificate(self.directory, f"api{self.version}", self.address)
        self.server.context.load_cert_chain(self.chain, self.key)
        self.token = f"t0ken{self.version}"
        self.believed.add(self.token)

    def kubeconfig(self, name="kubeconfig"):
        """Writes one and returns its path."""
        with open(self.chain, "rb") as chain:
            cluster = {"certificate-authority-data": base64.b64encode(chain.read()).decode()}
        user = {"token": self.token}
        if self.volume:
            cluster = {"certificate-authority": self.volume.path("ca.crt")}
            user = {"tokenFile": self.volume.path("token")}
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": "rig",
            "contexts": [{"name": "rig", "context": {"cluster": "rig", "user": "naru"}}],
            "clusters": [{"name": "rig", "cluster": {
                "server": f"https://{self.address}:{self.server.port}", **cluster}}],
            "users": [{"name": "naru", "user": user}],
        }
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as out:
            json.dump(config, out)
        os.chmod(path, 0o600)
        return path

    def compact(self):
        """Forgets all changes so far."""
        with self.lock:
            self.changes.clear()
            self.forgotten = self.version

    def fail(self, part, answer):
        """Requests whose path has this part are for this function of the stream. Watches that are
        open end."""
        self.faults.append((part, answer))
        self.server.cut()

    def refuse(self, stream, code):
        """Answers with an error."""
        self._send(stream, code, status(code, "Fault"))

    def heal(self):
        """No faults any more."""
        self.faults.clear()

    def asked(self, part):
        """How often something of the kind was asked for."""
        return len(self.asked_for(part))

    def asked_for(self, part):
        """The requests for something of the kind."""
        with self.lock:
            return [path for path in self.requests if part in path]

    # ---- for tests: objects ----------------------------------------------------------------------

    def put(self, name, *objects):
        """Replaces the objects of that name."""
        with self.lock:
            before = self.files.get(name, set())
            self.files[name] = {key_of(self._apply(obj)) for obj in objects}
            for key in before - self.files[name]:
                self._delete(key)

    def burst(self, count, *objects):
        """So many versions of an object, these by turns, told in one piece. Returns how many bytes
        of all that was told nobody has taken yet."""
        with self.lock:
            lines = []
            for i in range(count):
                obj = objects[i % len(objects)]
                self.version += 1
                obj["metadata"]["resourceVersion"] = str(self.version)
                lines.append(json.dumps({"type": "MODIFIED", "object": obj}).encode())
            self.objects[key_of(obj)] = obj = copy.deepcopy(obj)
            self.changes.append((self.version, "MODIFIED", obj))
            streams = [watch.stream for watch in self.watches
                       if watch.kind == obj["kind"] and key_of(obj) in watch.known]
        for stream in streams:
            stream.write(b"\n".join(lines) + b"\n")
        return max((len(stream.waiting) for stream in streams), default=0)

    def remove(self, name):
        """Deletes the objects of that name."""
        self.put(name)
        del self.files[name]

    def has(self, name):
        """Were objects put under that name?"""
        return name in self.files

    def object(self, kind, name, namespace=""):
        """A copy of the object as it is, None if there is none."""
        with self.lock:
            return copy.deepcopy(self.objects.get((kind, namespace, name)))

    def all(self, kind):
        """Copies of all objects of a kind."""
        with self.lock:
            return [copy.deepcopy(obj) for key, obj in self.objects.items() if key[0] == kind]

    def written(self, part=""):
        """How many writes of clients went to a path with this part."""
        with self.lock:
            return sum(part in path for _, path, _ in self.writes)

    # Statuses are not those who write objects'; generations are the server's own.
    def _keep(self, obj, former):
        if former:
            obj["metadata"].setdefault("uid", former["metadata"]["uid"])
            if "status" in former:
                obj.setdefault("status", former["status"])
        if obj["kind"] in DEFINED:
            before = former["metadata"].get("generation", 1) if former else 0
            changed = not former or former.get("spec") != obj.get("spec")
            obj["metadata"].setdefault("generation", before + changed)

    def _apply(self, obj):
        obj = copy.deepcopy(obj)
        if obj["kind"] not in CLUSTER_WIDE:
            obj["metadata"].setdefault("namespace", "default")
        key = key_of(obj)
        self.version += 1
        self._keep(obj, self.objects.get(key))
        obj["metadata"].setdefault("uid", f"uid-{self.version}")
        obj["metadata"]["resourceVersion"] = str(self.version)
        self._tell("MODIFIED" if key in self.objects else "ADDED", obj)
        self.objects[key] = obj
        return obj

    def _delete(self, key):
        obj = copy.deepcopy(self.objects.pop(key))
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        self._tell("DELETED", obj)

    def _tell(self, name, obj):
        self.changes.append((self.version, name, obj))
        for watch in self.watches:
            self._pass_on(watch, name, obj)

    # An object that the selectors do not take any more is gone for who watches.
    def _pass_on(self, watch, name, obj):
        kind, namespace, _ = key = key_of(obj)
        if kind != watch.kind or watch.namespace not in (None, namespace):
            return
        if name == "DELETED" or not selected(obj, watch.query):
            if key in watch.known:
                watch.known.discard(key)
                watch.send("DELETED", self._shape(watch.stream, obj))
            return
        watch.send("MODIFIED" if key in watch.known else "ADDED", self._shape(watch.stream, obj))
        watch.known.add(key)

    # ---- answers ---------------------------------------------------------------------------------

    @staticmethod
    def _shape(stream, obj):
        if "as=PartialObjectMetadata" not in stream.fields.get("accept", ""):
            return obj
        return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
                "metadata": obj["metadata"]}

    @staticmethod
    def _send(stream, code, body):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        stream.answer(code, data, content_type="application/json")

    def _handle(self, stream):
        with self.lock:
            path, _, query = stream.fields[":path"].partition("?")
            self.requests.append(stream.fields[":path"])
            for part, answer in self.faults:
                if part in stream.fields[":path"]:
                    answer(stream)
                    return
            _, _, token = stream.fields.get("authorization", "").partition("Bearer ")
            if token not in self.believed:
                self.refused += 1
                self._send(stream, 401, status(401, "Unauthorized"))
            elif path == "/apis":
                self._send(stream, 200, self.discovery())
            else:
                self._serve(stream, path, dict(urllib.parse.parse_qsl(query)))

    def discovery(self):
        """The aggregated document."""
        groups = {}
        for kind, (group, version, resource) in KINDS.items():
            name = f"{resource}.{group}"
            if group and (kind not in DEFINED or
                          ("CustomResourceDefinition", "", name) in self.objects):
                groups.setdefault((group, version), []).append(
                    {"resource": resource, "responseKind": {"kind": kind}, "scope": "Namespaced",
                     "verbs": ["get", "list", "watch"]})
        return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2",
                "metadata": {}, "items": [
                    {"metadata": {"name": group}, "versions": [
                        {"version": version, "freshness": "Current", "resources": resources}]}
                    for (group, version), resources in groups.items()]}

    def _serve(self, stream, path, query):
        found = PATH.match(path)
        wanted = found and (found["group"] or "", found["version"], found["resource"])
        kind = next((k for k, row in KINDS.items() if row == wanted), None)
        if not kind or (kind in DEFINED and key_of(definition(kind)) not in self.objects):
            stream.answer(404, b"404 page not found\n", content_type="text/plain")
        elif stream.fields[":method"] != "GET":
            self._write(stream, kind, found)
        elif found["name"]:
            self._get(stream, (kind, found["namespace"] or "", found["name"]))
        elif query.get("watch") == "true":
            self._watch(stream, kind, found["namespace"], query)
        else:
            self._list(stream, kind, found["namespace"], query)

    def _get(self, stream, key):
        if key in self.objects:
            self._send(stream, 200, self.objects[key])
        else:
            self._send(stream, 404, status(404, "NotFound"))

    def _write(self, stream, kind, found):
        method, body = stream.fields[":method"], json.loads(stream.body)
        self.writes.append((method, stream.fields[":path"], body))
        key = kind, found["namespace"] or "", found["name"] or body["metadata"]["name"]
        former = self.objects.get(key)
        if method == "POST" and former:
            self._send(stream, 409, status(409, "AlreadyExists"))
        elif method == "POST":
            self._send(stream, 201, self._apply({**body, "kind": kind}))
        elif not former:
            self._send(stream, 404, status(404, "NotFound"))
        elif body.get("metadata", {}).get("resourceVersion",
                                          former["metadata"]["resourceVersion"]
                                          ) != former["metadata"]["resourceVersion"]:
            self._send(stream, 409, status(409, "Conflict"))
        else:
            self._send(stream, 200, self._apply(self._changed(former, body, method, found)))

    @staticmethod
    def _changed(former, body, method, found):
        if method == "PATCH":
            if found["part"]:
                body = {"status": body["status"]}
            return merged(former, body)
        if found["part"]:
            return {**former, "status": body.get("status", {})}
        return {**body, "kind": former["kind"]}

    def _select(self, kind, namespace, query):
        return [obj for key, obj in sorted(self.objects.items())
                if key[0] == kind and namespace in (None, key[1]) and selected(obj, query)]

    def _list(self, stream, kind, namespace, query):
        asked = query.get("resourceVersion", "")
        if asked.isdigit() and int(asked) > self.version:
            self._send(stream, 504, status(504, "Timeout", "Too large resource version"))
            return
        found = self._select(kind, namespace, query)
        begin = int(query.get("continue", 0))
        end = begin + int(query["limit"]) if query.get("limit") and asked != "0" else len(found)
        metadata = {"resourceVersion": str(self.version)}
        if end < len(found):
            metadata["continue"] = str(end)
        partial = "as=PartialObjectMetadata" in stream.fields.get("accept", "")
        self._send(stream, 200, {
            "kind": "PartialObjectMetadataList" if partial else f"{kind}List",
            "apiVersion": "v1", "metadata": metadata,
            "items": [self._shape(stream, obj) for obj in found[begin:end]]})

    def _watch(self, stream, kind, namespace, query):
        asked = query.get("resourceVersion", "")
        initial = query.get("sendInitialEvents") == "true"
        if initial and not self.initial:
            self._send(stream, 422, status(422, "Invalid", "sendInitialEvents is forbidden"))
            return
        if not initial and asked.isdigit() and 0 < int(asked) < self.forgotten:
            self._send(stream, 410, status(410, "Expired", "too old resource version"))
            return
        watch = Watch(stream, kind, namespace, query)
        stream.on_gone = lambda: self._forget(watch)
        stream.start(200, content_type="application/json")
        if initial or asked in ("", "0"):
            for obj in self._select(kind, namespace, query):
                self._pass_on(watch, "ADDED", obj)
        else:
            self._replay(watch, int(asked))
        if initial:
            watch.send("BOOKMARK", {"kind": kind, "metadata": {
                "resourceVersion": str(self.version),
                "annotations": {"k8s.io/initial-events-end": "true"}}})
        self.watches.append(watch)

    # What the client has seen is what there was then.
    def _replay(self, watch, since):
        later = [change for change in self.changes if change[0] > since]
        born = {key_of(obj) for _, name, obj in later if name == "ADDED"}
        watch.known = {key_of(obj) for obj in self._select(watch.kind, watch.namespace,
                                                           watch.query)} - born
        watch.known |= {key_of(obj) for _, name, obj in later if name == "DELETED"}
        for _, name, obj in later:
            self._pass_on(watch, name, obj)

    def _forget(self, watch):
        with self.lock:
            if watch in self.watches:
                self.watches.remove(watch)

    def bookmark(self):
        """Tells all who watch how far they are."""
        with self.lock:
            for watch in self.watches:
                watch.send("BOOKMARK", {"kind": watch.kind, "metadata": {
                    "resourceVersion": str(self.version)}})
