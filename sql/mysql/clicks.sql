-- Product views per platform: the export of the Hive table commerce, and the live view of the Spark job.
-- All times are UTC. Sources are compared byte by byte, so that "mobile", "Mobile" and "téléphone" stay apart.

CREATE TABLE IF NOT EXISTS commerce (
  window_start DATETIME(3) NOT NULL,
  window_end DATETIME(3) NOT NULL,
  source VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin NOT NULL,
  source_number BIGINT NOT NULL,
  PRIMARY KEY (window_start, source)
);

CREATE TABLE IF NOT EXISTS platform_counts_live (
  window_start DATETIME(3) NOT NULL,
  window_end DATETIME(3) NOT NULL,
  source VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin NOT NULL,
  source_number BIGINT NOT NULL,
  closed TINYINT NOT NULL COMMENT '1 when the count is final',
  updated_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
  PRIMARY KEY (window_start, source)
);
