# SPDX-License-Identifier: Apache-2.0
"""Images without a registry: an archive of one layer that `ctr images import` takes.

A program comes with the libraries that it is linked with, at their own paths.
"""
import gzip
import hashlib
import io
import json
import os
import re
import tarfile

from proc import run

MEDIA = "application/vnd.oci.image."


def libraries(program):
    """Paths of what a program is linked with, its loader among them: nothing for a static one."""
    return re.findall(r"(/\S+) \(0x", run(["ldd", program], check=False).stdout)


def _layer(files):
    """A tar archive with files: path in the image to path here."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for folder in ("tmp", "etc", "proc", "sys", "dev", "run"):
            entry = tarfile.TarInfo(folder)
            entry.type = tarfile.DIRTYPE
            entry.mode = 0o1777 if folder == "tmp" else 0o755
            tar.addfile(entry)
        for inside, outside in files.items():
            entry = tarfile.TarInfo(inside.lstrip("/"))
            entry.mode = 0o755
            entry.size = os.path.getsize(outside)
            with open(outside, "rb") as file:
                tar.addfile(entry, file)
    return packed.getvalue()


class Archive:
    """The blobs of one image, named by their digests."""

    def __init__(self):
        self.blobs = {}

    def put(self, kind, data):
        """Takes a blob and returns its descriptor."""
        digest = hashlib.sha256(data).hexdigest()
        self.blobs[digest] = data
        return {"mediaType": MEDIA + kind, "digest": f"sha256:{digest}", "size": len(data)}

    def save(self, path, index):
        """Writes the archive."""
        files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
                 "index.json": json.dumps(index).encode()}
        files.update((f"blobs/sha256/{digest}", data) for digest, data in self.blobs.items())
        with tarfile.open(path, "w") as tar:
            for name, data in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))


def write(path, name, program, *args):
    """Writes an image whose command is a program, at the root of its files, with arguments."""
    inside = f"/{os.path.basename(program)}"
    write_programs(path, [name], {inside: program}, [inside, *args])


def write_programs(path, names, programs, command):
    """Writes an image of several names with programs: paths in the image to paths here."""
    files = dict(programs)
    for program in programs.values():
        files.update({lib: lib for lib in libraries(program)})
    layer = _layer(files)
    archive = Archive()
    packed = archive.put("layer.v1.tar+gzip", gzip.compress(layer, 1))
    config = archive.put("config.v1+json", json.dumps({
        "architecture": "amd64", "os": "linux", "config": {"Entrypoint": command},
        "rootfs": {"type": "layers",
                   "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]}}).encode())
    manifest = archive.put("manifest.v1+json", json.dumps({
        "schemaVersion": 2, "mediaType": MEDIA + "manifest.v1+json", "config": config,
        "layers": [packed]}).encode())
    manifest["platform"] = {"architecture": "amd64", "os": "linux"}
    named = [{**manifest, "annotations": {"io.containerd.image.name": name}} for name in names]
    archive.save(path, {"schemaVersion": 2, "manifests": named})
