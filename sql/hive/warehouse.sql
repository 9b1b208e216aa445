-- The shop's warehouse: orders and completed orders as the job cleans them, as Parquet, and as text with commas. All times
-- are UTC; `day` is that of the order or of its completion, yyyy-MM-dd. Where each day is, its newest plan says.

CREATE EXTERNAL TABLE IF NOT EXISTS orders (
  order_id BIGINT,
  user_id INT,
  product_id INT,
  quantity INT,
  ordered_at TIMESTAMP,
  status INT COMMENT '1 when it is completed'
)
COMMENT 'each order of the shop once'
PARTITIONED BY (`day` STRING)
STORED AS PARQUET
LOCATION '/eventmill/orders/data_warehouse/orders/parquet'
TBLPROPERTIES ('discover.partitions' = 'false');

CREATE EXTERNAL TABLE IF NOT EXISTS completed_orders (
  order_id BIGINT,
  completed_at TIMESTAMP,
  status INT
)
COMMENT 'when orders were completed'
PARTITIONED BY (`day` STRING)
STORED AS PARQUET
LOCATION '/eventmill/orders/data_warehouse/completed_orders/parquet'
TBLPROPERTIES ('discover.partitions' = 'false');

CREATE EXTERNAL TABLE IF NOT EXISTS orders_text (
  order_id BIGINT,
  user_id INT,
  product_id INT,
  quantity INT,
  ordered_at TIMESTAMP,
  status INT
)
PARTITIONED BY (`day` STRING)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ','
STORED AS TEXTFILE
LOCATION '/eventmill/orders/data_warehouse/orders/csv'
TBLPROPERTIES ('discover.partitions' = 'false');

CREATE EXTERNAL TABLE IF NOT EXISTS completed_orders_text (
  order_id BIGINT,
  completed_at TIMESTAMP,
  status INT
)
PARTITIONED BY (`day` STRING)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ','
STORED AS TEXTFILE
LOCATION '/eventmill/orders/data_warehouse/completed_orders/csv'
TBLPROPERTIES ('discover.partitions' = 'false');
