-- The guilds of the game, as its service keeps them. Names are compared byte by byte.

CREATE TABLE IF NOT EXISTS guild_members (
  guild_name VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin NOT NULL PRIMARY KEY,
  member_cnt BIGINT NOT NULL
);

INSERT IGNORE INTO guild_members (guild_name, member_cnt) VALUES
  ('house_stark', 0), ('grubs', 0), ('ucbears', 0), ('joestars', 0), ('winden_caves', 0);
