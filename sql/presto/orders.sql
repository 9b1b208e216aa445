-- Questions about the shop's orders; see the head of game.sql.

-- name: orders-by-day
-- about: orders and the users who placed them, by day
-- engines: presto, hive, spark
SELECT day AS ordered_on, COUNT(*) AS orders, COUNT(DISTINCT userid) AS users
FROM order_events
GROUP BY day
ORDER BY day;
