"""A process that dies at a chosen step."""

from __future__ import annotations

from eventmill.lake.hadoop_files import Files


class CrashError(RuntimeError):
    """The process dies here."""


def crashing(after: int) -> type[Files]:
    """Files that die at the step of that number, of all that change something."""
    left = iter(range(after, -1, -1))

    class CrashingFiles(Files):
        """Files that die."""

        def step(self) -> None:
            """Die, if it's time to."""
            if next(left, 1) == 0:
                raise CrashError

        def write(self, path: str, content: bytes) -> None:
            """Die or write."""
            self.step()
            super().write(path, content)

        def delete(self, path: str) -> None:
            """Die or delete."""
            self.step()
            super().delete(path)

        def _rename(self, source: str, target: str, *options: str) -> None:
            self.step()
            super()._rename(source, target, *options)

    return CrashingFiles
