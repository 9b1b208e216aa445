-- Named queries about carts: `eventmill query NAME`. Times are UTC.

-- name: abandoned-by-day
-- about: abandoned carts of each day and what they were worth, in cents
-- engines: presto, hive, spark
SELECT CAST(timed_out_at AS DATE) AS abandoned_on, COUNT(*) AS carts, CAST(SUM(items) AS DECIMAL(20, 0)) AS items,
  CAST(SUM(cart_value) AS DECIMAL(20, 0)) AS cart_value
FROM abandoned_carts
GROUP BY CAST(timed_out_at AS DATE)
ORDER BY abandoned_on;

-- name: abandoned-products
-- about: the products that were last put into abandoned carts, most often first
-- engines: presto, hive, spark
SELECT productid, COUNT(*) AS carts
FROM abandoned_carts
GROUP BY productid
ORDER BY carts DESC, productid
LIMIT 10;

-- name: user-actions
-- about: how often each action was taken
-- engines: presto, hive, spark
SELECT lastAction, COUNT(*) AS actions
FROM user_actions
GROUP BY lastAction
ORDER BY actions DESC, lastAction;

-- name: leaders
-- about: the users with most actions on the leader board
-- engines: mysql
SELECT userid, CAST(SUM(action_number) AS DECIMAL(20, 0)) AS actions
FROM leader_board
GROUP BY userid
ORDER BY actions DESC, userid
LIMIT 10;
