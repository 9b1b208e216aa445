-- The shop's orders as it reported them, as the Spark job writes them. All times are UTC; `day` is that of the event.

CREATE EXTERNAL TABLE IF NOT EXISTS order_events (
  raw_event STRING COMMENT 'the event as it came, JSON, with the line items',
  `timestamp` TIMESTAMP,
  event STRING COMMENT 'always OrderEvent',
  userid STRING,
  orderid BIGINT COMMENT 'the number of the order in the shop'
)
COMMENT 'each event once'
PARTITIONED BY (`day` STRING)
STORED AS PARQUET
LOCATION '/eventmill/orders/order_events';

CREATE EXTERNAL TABLE IF NOT EXISTS order_duplicates (
  raw_event STRING,
  `timestamp` TIMESTAMP,
  event STRING,
  userid STRING,
  orderid BIGINT
)
COMMENT 'copies of events, which are in no other table'
PARTITIONED BY (`day` STRING)
STORED AS PARQUET
LOCATION '/eventmill/orders/order_duplicates';
