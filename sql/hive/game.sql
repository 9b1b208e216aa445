-- The game's events, as the Spark job writes them. All times are UTC; `day` is that of the event, yyyy-MM-dd.

CREATE EXTERNAL TABLE IF NOT EXISTS game_events (
  raw_event STRING COMMENT 'the event as it came, JSON',
  `timestamp` TIMESTAMP,
  Accept STRING,
  Host STRING COMMENT 'stands for the player',
  `User-Agent` STRING,
  event_type STRING COMMENT 'default, purchase_sword, purchase_shield, join_guild or leave_guild'
)
COMMENT 'each event once'
PARTITIONED BY (`day` STRING)
STORED AS PARQUET
LOCATION '/eventmill/game/game_events';

CREATE EXTERNAL TABLE IF NOT EXISTS game_duplicates (
  raw_event STRING,
  `timestamp` TIMESTAMP,
  Accept STRING,
  Host STRING,
  `User-Agent` STRING,
  event_type STRING
)
COMMENT 'copies of events, which are in no other table'
PARTITIONED BY (`day` STRING)
STORED AS PARQUET
LOCATION '/eventmill/game/game_duplicates';

CREATE EXTERNAL TABLE IF NOT EXISTS sword_purchases (
  raw_event STRING,
  `timestamp` TIMESTAMP,
  Accept STRING,
  Host STRING,
  `User-Agent` STRING,
  event_type STRING,
  type STRING COMMENT 'the sword, such as katana',
  cost BIGINT COMMENT 'its price in coins, NULL for one that has none'
)
COMMENT 'those of purchases that are swords'
PARTITIONED BY (`day` STRING)
STORED AS PARQUET
LOCATION '/eventmill/game/sword_purchases';

CREATE EXTERNAL TABLE IF NOT EXISTS purchases (
  raw_event STRING,
  `timestamp` TIMESTAMP,
  Accept STRING,
  Host STRING,
  `User-Agent` STRING,
  event_type STRING,
  type STRING COMMENT 'the sword or shield',
  cost BIGINT COMMENT 'its price in coins, NULL for one that has none'
)
PARTITIONED BY (`day` STRING)
STORED AS PARQUET
LOCATION '/eventmill/game/purchases';

CREATE EXTERNAL TABLE IF NOT EXISTS guilds (
  raw_event STRING,
  `timestamp` TIMESTAMP,
  Accept STRING,
  Host STRING,
  `User-Agent` STRING,
  event_type STRING,
  guild_member_cnt BIGINT COMMENT 'members of the guild after that, NULL when there is no such guild to leave',
  guild_name STRING,
  tot_guild_member_cnt BIGINT COMMENT 'members of all guilds after that'
)
PARTITIONED BY (`day` STRING)
STORED AS PARQUET
LOCATION '/eventmill/game/guilds';
