-- Named queries about the game: `eventmill query NAME`. The header Host stands for the player.

-- name: game-hosts
-- about: the players that were seen
-- engines: presto, hive, spark
SELECT DISTINCT host
FROM game_events
ORDER BY host;

-- name: game-purchases
-- about: purchases of each player, most first
-- engines: presto, hive, spark
SELECT host, COUNT(*) AS purchases
FROM purchases
GROUP BY host
ORDER BY purchases DESC, host;

-- name: game-spending
-- about: coins that each player spent, most first; items without a price cost nothing
-- engines: presto, hive, spark
SELECT host, SUM(CAST(COALESCE(cost, 0) AS DECIMAL(19, 0))) AS spent
FROM purchases
GROUP BY host
ORDER BY spent DESC, host;

-- name: game-items
-- about: swords and shields by number of purchases, most first
-- engines: presto, hive, spark
SELECT type AS item, COUNT(*) AS purchases
FROM purchases
GROUP BY type
ORDER BY purchases DESC, item;

-- name: guild-events
-- about: how often players joined or left guilds, or tried to leave one that does not exist
-- engines: presto, hive, spark
SELECT COUNT(*) AS guild_events
FROM guilds;

-- name: guild-events-complete
-- about: the guild events without nulls, which are those of guilds that exist
-- engines: presto, hive, spark
SELECT COUNT(*) AS guild_events
FROM guilds
WHERE guild_member_cnt IS NOT NULL AND tot_guild_member_cnt IS NOT NULL;

-- name: guild-sizes
-- about: members of each guild after its newest event, most first; of events at one time the larger number counts
-- engines: presto, spark
SELECT guild_name, guild_member_cnt AS members
FROM (
  SELECT guild_name, guild_member_cnt,
    ROW_NUMBER() OVER (PARTITION BY guild_name ORDER BY timestamp DESC, guild_member_cnt DESC) AS newest
  FROM guilds
  WHERE guild_member_cnt IS NOT NULL
) AS sizes
WHERE newest = 1
ORDER BY members DESC, guild_name;

-- name: guild-joins
-- about: how often each player joined a guild, most first
-- engines: presto, hive, spark
SELECT host, COUNT(*) AS joins
FROM guilds
WHERE event_type = 'join_guild'
GROUP BY host
ORDER BY joins DESC, host;

-- name: guild-leaves
-- about: how often each player left a guild, most first, and how often that guild existed
-- engines: presto, hive, spark
SELECT host, COUNT(*) AS leaves, COUNT(guild_member_cnt) AS of_guilds_that_exist
FROM guilds
WHERE event_type = 'leave_guild'
GROUP BY host
ORDER BY leaves DESC, host;
