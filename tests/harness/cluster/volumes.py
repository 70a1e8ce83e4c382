# SPDX-License-Identifier: Apache-2.0
"""Volumes of pods that have no root file system: Secrets and ConfigMaps as files in a folder of the
node. Where a container names a file of its volume, it is told where that lies instead.
"""
import base64
import os

# The collection, the member that names the object, and how its data is read.
KINDS = {"secret": ("secrets", "secretName", base64.b64decode),
         "configMap": ("configmaps", "name", str.encode)}


def fetch(api, namespace, volumes, directory):
    """Writes the files of all volumes; returns their folders by name, or None as long as an object
    is missing. Volumes of other kinds are passed over."""
    folders = {}
    for volume in volumes:
        for kind, (collection, member, decode) in KINDS.items():
            source = volume.get(kind)
            if source is None:
                continue
            path = f"/api/v1/namespaces/{namespace}/{collection}/{source[member]}"
            status, told = api.call("GET", path)
            if status != 200:
                return None
            data = {key: decode(text) for key, text in told.get("data", {}).items()}
            folders[volume["name"]] = f"{directory}/{volume['name']}"
            _write(folders[volume["name"]], data, source.get("items"))
    return folders


def _write(folder, data, items):
    for item in items or [{"key": key, "path": key} for key in data]:
        path = f"{folder}/{item['path']}"
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(path, "wb") as out:
            out.write(data[item["key"]])


def moved(text, mounts, folders):
    """A word of a command or variable with the path of a mount replaced."""
    for mount in mounts:
        path = mount["mountPath"].rstrip("/")
        if mount["name"] in folders and (text == path or text.startswith(f"{path}/")):
            return folders[mount["name"]] + text[len(path):]
    return text
