-- Product views per platform and window, as the Spark job writes them. All times are UTC.

CREATE EXTERNAL TABLE IF NOT EXISTS commerce (
  window_start TIMESTAMP,
  window_end TIMESTAMP,
  source STRING COMMENT 'the platform, such as desktop',
  source_number BIGINT COMMENT 'product views in closed windows'
)
PARTITIONED BY (`day` STRING COMMENT 'the day that the window starts, yyyy-MM-dd')
STORED AS PARQUET
LOCATION '/eventmill/clicks/commerce';

CREATE EXTERNAL TABLE IF NOT EXISTS commerce_faults (
  window_start TIMESTAMP,
  window_end TIMESTAMP,
  source STRING,
  late BIGINT COMMENT 'product views that came after their time, not counted in commerce',
  duplicates BIGINT COMMENT 'copies of product views, counted once in commerce'
)
STORED AS PARQUET
LOCATION '/eventmill/clicks/faults';
