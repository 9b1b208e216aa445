"""Files on HDFS, or on whatever file system Hadoop knows, through Spark's own client."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession


class Files:
    """The files below one folder; paths are relative to it."""

    def __init__(self, spark: SparkSession, root: str) -> None:
        """Open the file system of `root`, such as `hdfs://127.0.0.1:8020/eventmill/clicks`."""
        self.root = root
        context: Any = spark.sparkContext
        self._hadoop = context._jvm.org.apache.hadoop
        self._gateway = context._gateway
        conf = context._jsc.hadoopConfiguration()
        uri = self._path("").toUri()
        self._fs = self._hadoop.fs.FileSystem.get(uri, conf)
        self._context = self._hadoop.fs.FileContext.getFileContext(uri, conf)

    def url(self, path: str) -> str:
        """The full address of a path, as Spark's readers and writers take it."""
        return f"{self.root}/{path}"

    def _path(self, path: str) -> Any:
        return self._hadoop.fs.Path(f"{self.root}/{path}")

    def exists(self, path: str) -> bool:
        """True if there is such a file or folder."""
        return bool(self._fs.exists(self._path(path)))

    def names(self, folder: str) -> Sequence[str]:
        """The names in a folder, sorted; none when there is no such folder."""
        if not self.exists(folder):
            return []
        return sorted(status.getPath().getName() for status in self._fs.listStatus(self._path(folder)))

    def glob(self, pattern: str) -> Sequence[str]:
        """The paths that match, relative to the root."""
        found = self._fs.globStatus(self._path(pattern)) or []
        start = len(self._path("").toUri().getPath()) + 1
        return sorted(status.getPath().toUri().getPath()[start:] for status in found)

    def read(self, path: str) -> bytes:
        """The content of a small file."""
        stream = self._fs.open(self._path(path))
        try:
            return bytes(stream.readAllBytes())
        finally:
            stream.close()

    def write(self, path: str, content: bytes) -> None:
        """Write a small file; not atomic, so do it aside and `replace`."""
        stream = self._fs.create(self._path(path), True)
        try:
            stream.write(bytearray(content))
        finally:
            stream.close()

    def bring(self, local: Path, path: str) -> None:
        """Copy a file of this machine; not atomic, so do it aside and `replace`."""
        self._fs.copyFromLocalFile(False, True, self._hadoop.fs.Path(local.as_uri()), self._path(path))

    def copy(self, source: str, target: str) -> None:
        """Copy a file; not atomic, so do it aside and `replace`."""
        self._hadoop.fs.FileUtil.copy(
            self._fs, self._path(source), self._fs, self._path(target), False, True, self._fs.getConf()
        )

    def replace(self, source: str, target: str) -> None:
        """Give a file its final name in one step, in place of the file that may have had it."""
        self._fs.mkdirs(self._path(target).getParent())
        self._rename(source, target, "OVERWRITE")

    def replace_folder(self, source: str, target: str) -> None:
        """Give a folder its final name; the one that had it is deleted first, so for a moment there is none."""
        self.delete(target)
        self._fs.mkdirs(self._path(target).getParent())
        self._rename(source, target)

    def _rename(self, source: str, target: str, *options: str) -> None:
        kind = getattr(self._hadoop.fs, "Options$Rename")
        array = self._gateway.new_array(kind, len(options))
        for index, name in enumerate(options):
            array[index] = getattr(kind, name)
        self._context.rename(self._path(source), self._path(target), array)

    def delete(self, path: str) -> None:
        """Delete a file, or a folder with all in it, if it's there."""
        self._fs.delete(self._path(path), True)
