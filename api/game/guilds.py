"""Members of each guild, counted in MySQL: right with any number of processes and after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple

from api.http.mysql_pool import Connections
from eventmill.config.settings import Settings

CONNECTIONS = 4
"""Of one process; more would only wait for each other."""

COUNTS = "SELECT guild_name, member_cnt FROM guild_members FOR UPDATE"
SET = """
INSERT INTO guild_members (guild_name, member_cnt) VALUES (%s, %s) AS new
ON DUPLICATE KEY UPDATE member_cnt = new.member_cnt
"""


class MembershipChange(NamedTuple):
    """Result of joining or leaving: the guild's members, None when there is no such guild, and those of all guilds."""

    members: int | None
    total: int


class Guilds:
    """The guilds of the game. A change lasts only if the block that it's given to succeeds, and others wait for it."""

    def __init__(self, settings: Settings) -> None:
        self._connections = Connections(settings, settings.mysql_database, CONNECTIONS, "the guilds")

    def join(self, name: str) -> AbstractContextManager[MembershipChange]:
        """One member more; a guild that doesn't exist is founded."""
        return self._change(name, 1)

    def leave(self, name: str) -> AbstractContextManager[MembershipChange]:
        """One member less, but never fewer than none; nothing changes when there is no such guild."""
        return self._change(name, -1)

    @contextmanager
    def _change(self, name: str, step: int) -> Iterator[MembershipChange]:
        with self._connections.transaction() as cursor:
            # Locks all guilds until the commit: the total is part of what is told.
            cursor.execute(COUNTS)
            counts = {str(guild): int(number) for guild, number in cursor.fetchall()}
            if step > 0 or name in counts:
                counts[name] = max(0, counts.get(name, 0) + step)
                cursor.execute(SET, (name, counts[name]))
            yield MembershipChange(counts.get(name), sum(counts.values()))
