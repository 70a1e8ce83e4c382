# SPDX-License-Identifier: Apache-2.0
"""A volume as the kubelet projects it into a container: files are links through "..data" into a
folder that is replaced as a whole, by a rename of that one link."""
import os
import shutil


class Projected:
    """The volume; what is in it is changed by write()."""

    def __init__(self, directory):
        self.directory = directory
        self.turn = 0
        os.makedirs(directory)

    def path(self, name):
        """Where a file of it is found."""
        return os.path.join(self.directory, name)

    def write(self, files):
        """Puts these, bytes by name, in the place of all that was there, at once."""
        former = self.path(f"..turn_{self.turn}")
        self.turn += 1
        folder = f"..turn_{self.turn}"
        os.mkdir(self.path(folder), 0o755)
        for name, content in files.items():
            with open(os.path.join(self.path(folder), name), "wb") as out:
                out.write(content)
            if not os.path.islink(self.path(name)):
                os.symlink(os.path.join("..data", name), self.path(name))
        os.symlink(folder, self.path("..data_tmp"))
        os.rename(self.path("..data_tmp"), self.path("..data"))
        shutil.rmtree(former, ignore_errors=True)
        return self
