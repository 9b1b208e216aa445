-- Named queries about views of product pages on one day in UTC: `eventmill query NAME --set day=2026-03-01`. A parameter
-- that is not given is NULL: then it is the newest day that there are any views on, every country, every product.

-- name: top-products
-- about: the products that were viewed most on the day; the first 10 unless `top` says more
-- engines: postgres
-- parameters: day day, top number
SELECT product_id, COUNT(*) AS views
FROM fact_product_views JOIN dim_date USING (date_key) JOIN dim_product USING (product_key)
WHERE day = COALESCE(CAST(%(day)s AS date), (SELECT MAX(day) FROM dim_date))
GROUP BY product_id
ORDER BY views DESC, product_id
LIMIT CAST(COALESCE(%(top)s, '10') AS bigint);

-- name: top-countries
-- about: the countries that most views came from on the day; the first 10 unless `top` says more
-- engines: postgres
-- parameters: day day, top number
SELECT country, COUNT(*) AS views
FROM fact_product_views JOIN dim_date USING (date_key) JOIN dim_location USING (location_key)
WHERE day = COALESCE(CAST(%(day)s AS date), (SELECT MAX(day) FROM dim_date))
GROUP BY country
ORDER BY views DESC, country
LIMIT CAST(COALESCE(%(top)s, '10') AS bigint);

-- name: top-referrers
-- about: the hosts that most visitors came from on the day; direct: from none
-- engines: postgres
-- parameters: day day
SELECT referrer, COUNT(*) AS views
FROM fact_product_views JOIN dim_date USING (date_key)
WHERE day = COALESCE(CAST(%(day)s AS date), (SELECT MAX(day) FROM dim_date))
GROUP BY referrer
ORDER BY views DESC, referrer
LIMIT 5;

-- name: stores-by-country
-- about: the views of each store on the day, by the visitors' `country`
-- engines: postgres
-- parameters: day day, country text
SELECT country, store_id, COUNT(*) AS views
FROM fact_product_views JOIN dim_date USING (date_key) JOIN dim_location USING (location_key)
  JOIN dim_store USING (store_key)
WHERE day = COALESCE(CAST(%(day)s AS date), (SELECT MAX(day) FROM dim_date))
  AND country = COALESCE(%(country)s, country)
GROUP BY country, store_id
ORDER BY country, views DESC, store_id;

-- name: products-by-hour
-- about: the views of each `product` on the day, by the hour in UTC
-- engines: postgres
-- parameters: day day, product text
SELECT product_id, CAST(EXTRACT(HOUR FROM viewed_at) AS INTEGER) AS hour, COUNT(*) AS views
FROM fact_product_views JOIN dim_date USING (date_key) JOIN dim_product USING (product_key)
WHERE day = COALESCE(CAST(%(day)s AS date), (SELECT MAX(day) FROM dim_date))
  AND product_id = COALESCE(%(product)s, product_id)
GROUP BY product_id, hour
ORDER BY product_id, hour;

-- name: browsers-by-hour
-- about: the views from each browser and operating system on the day, by the hour in UTC
-- engines: postgres
-- parameters: day day
SELECT CAST(EXTRACT(HOUR FROM viewed_at) AS INTEGER) AS hour, browser, os, COUNT(*) AS views
FROM fact_product_views JOIN dim_date USING (date_key)
WHERE day = COALESCE(CAST(%(day)s AS date), (SELECT MAX(day) FROM dim_date))
GROUP BY hour, browser, os
ORDER BY hour, views DESC, browser, os;

-- name: visit-days
-- about: the days that have views, with their number and when the newest was
-- engines: postgres
SELECT day, COUNT(*) AS views, MAX(viewed_at) AS viewed_at
FROM fact_product_views JOIN dim_date USING (date_key)
GROUP BY day
ORDER BY day;

-- name: newest-visit
-- about: when the newest view of a product page was, and its day
-- engines: postgres
SELECT day, MAX(viewed_at) AS viewed_at
FROM fact_product_views JOIN dim_date USING (date_key)
WHERE day = (SELECT MAX(day) FROM dim_date)
GROUP BY day;
