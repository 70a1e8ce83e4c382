# SPDX-License-Identifier: Apache-2.0
"""Keys, certificates and kubeconfigs of one cluster, in a folder that goes with it.

One authority signs for everybody. Keys are of a curve, which costs milliseconds.
"""
import json
import os

from proc import run

DAYS = "30"


class Certs:
    """The folder, and what is in it: NAME.crt with NAME.key, NAME.kubeconfig."""

    def __init__(self, directory):
        self.directory = directory
        os.mkdir(directory, mode=0o700)
        self._key("ca")
        self._openssl("req", "-x509", "-new", "-key", self.path("ca.key"), "-subj", "/CN=ca",
                      "-days", DAYS, "-out", self.path("ca.crt"))
        self._key("accounts")
        self._openssl("ec", "-in", self.path("accounts.key"), "-pubout",
                      "-out", self.path("accounts.pub"))

    def path(self, name):
        """Where the file of that name lies."""
        return os.path.join(self.directory, name)

    def serving(self, name, addrs, names=()):
        """A certificate for a server at these addresses."""
        alternatives = [f"IP:{addr}" for addr in addrs] + [f"DNS:{name}" for name in names]
        self._sign(name, f"/CN={name}", "serverAuth", ",".join(alternatives))

    def user(self, name, url, user, *groups):
        """A client certificate for a user and a kubeconfig with it; returns the latter's path."""
        subject = "".join(f"/O={group}" for group in groups) + f"/CN={user}"
        self._sign(name, subject, "clientAuth")
        return self.kubeconfig(name, url, {"client-certificate": self.path(f"{name}.crt"),
                                           "client-key": self.path(f"{name}.key")})

    def kubeconfig(self, name, url, credentials, namespace="default"):
        """Writes a kubeconfig and returns its path."""
        path = self.path(f"{name}.kubeconfig")
        cluster = {"server": url, "certificate-authority": self.path("ca.crt")}
        with open(path, "w", encoding="ascii", opener=_private) as out:
            json.dump({"apiVersion": "v1", "kind": "Config", "current-context": "rig",
                       "clusters": [{"name": "rig", "cluster": cluster}],
                       "users": [{"name": "user", "user": credentials}],
                       "contexts": [{"name": "rig",
                                     "context": {"cluster": "rig", "user": "user",
                                                 "namespace": namespace}}]}, out)
        return path

    def _key(self, name):
        self._openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout",
                      "-out", self.path(f"{name}.key"))

    def _sign(self, name, subject, usage, alternatives=None):
        self._key(name)
        extensions = f"keyUsage=digitalSignature\nextendedKeyUsage={usage}\n"
        if alternatives:
            extensions += f"subjectAltName={alternatives}\n"
        with open(self.path(f"{name}.ext"), "w", encoding="ascii") as out:
            out.write(extensions)
        self._openssl("req", "-new", "-key", self.path(f"{name}.key"), "-subj", subject,
                      "-out", self.path(f"{name}.csr"))
        self._openssl("x509", "-req", "-in", self.path(f"{name}.csr"), "-days", DAYS,
                      "-CA", self.path("ca.crt"), "-CAkey", self.path("ca.key"),
                      "-CAcreateserial", "-extfile", self.path(f"{name}.ext"),
                      "-out", self.path(f"{name}.crt"))

    @staticmethod
    def _openssl(*args):
        run(["openssl", *args])


def _private(path, flags):
    return os.open(path, flags, 0o600)
