-- Named queries about product views: `eventmill query NAME`. Times are UTC.

-- name: platform-views
-- about: product views of each platform in closed windows, largest first
-- engines: presto, hive, mysql, spark
SELECT source, CAST(SUM(source_number) AS DECIMAL(20, 0)) AS views
FROM commerce
GROUP BY source
ORDER BY views DESC, source;

-- name: busiest-windows
-- about: the ten windows with most product views
-- engines: presto, hive, mysql, spark
SELECT window_start, CAST(SUM(source_number) AS DECIMAL(20, 0)) AS views
FROM commerce
GROUP BY window_start
ORDER BY views DESC, window_start
LIMIT 10;

-- name: live-platforms
-- about: product views of each platform in the newest twelve windows, open ones too
-- engines: mysql
SELECT window_start, window_end, source, source_number AS views, closed, updated_at
FROM platform_counts_live
WHERE window_start >= (
  SELECT MIN(window_start)
  FROM (SELECT DISTINCT window_start FROM platform_counts_live ORDER BY window_start DESC LIMIT 12) AS newest
)
ORDER BY window_start, views DESC, source;

-- name: export-differences
-- about: windows whose count in MySQL is not that in Hive; none after a run of the DAG
-- engines: presto
SELECT COALESCE(h.window_start, m.window_start) AS window_start, COALESCE(h.source, m.source) AS source,
  h.source_number AS in_hive, m.source_number AS in_mysql
FROM hive.default.commerce h
FULL JOIN mysql.eventmill.commerce m ON m.window_start = h.window_start AND m.source = h.source
WHERE h.source_number IS DISTINCT FROM m.source_number
ORDER BY 1, 2;
