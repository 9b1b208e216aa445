-- Named queries about views of product pages, on the newest day that there are any: `eventmill query NAME`.

-- name: top-products
-- about: the products that were viewed most on the newest day
-- engines: postgres
SELECT product_id, COUNT(*) AS views
FROM fact_product_views JOIN dim_product USING (product_key)
WHERE date_key = (SELECT MAX(date_key) FROM fact_product_views)
GROUP BY product_id
ORDER BY views DESC, product_id
LIMIT 10;

-- name: top-countries
-- about: the countries that most views came from on the newest day
-- engines: postgres
SELECT country, COUNT(*) AS views
FROM fact_product_views JOIN dim_location USING (location_key)
WHERE date_key = (SELECT MAX(date_key) FROM fact_product_views)
GROUP BY country
ORDER BY views DESC, country
LIMIT 10;

-- name: top-referrers
-- about: the hosts that most visitors came from on the newest day; direct: from none
-- engines: postgres
SELECT referrer, COUNT(*) AS views
FROM fact_product_views
WHERE date_key = (SELECT MAX(date_key) FROM fact_product_views)
GROUP BY referrer
ORDER BY views DESC, referrer
LIMIT 5;

-- name: stores-by-country
-- about: the views of each store on the newest day, by the visitors' country
-- engines: postgres
SELECT country, store_id, COUNT(*) AS views
FROM fact_product_views JOIN dim_location USING (location_key) JOIN dim_store USING (store_key)
WHERE date_key = (SELECT MAX(date_key) FROM fact_product_views)
GROUP BY country, store_id
ORDER BY country, views DESC, store_id;

-- name: products-by-hour
-- about: the views of each product on the newest day, by the hour in UTC
-- engines: postgres
SELECT product_id, CAST(EXTRACT(HOUR FROM viewed_at) AS INTEGER) AS hour, COUNT(*) AS views
FROM fact_product_views JOIN dim_product USING (product_key)
WHERE date_key = (SELECT MAX(date_key) FROM fact_product_views)
GROUP BY product_id, hour
ORDER BY product_id, hour;

-- name: browsers-by-hour
-- about: the views from each browser and operating system on the newest day, by the hour in UTC
-- engines: postgres
SELECT CAST(EXTRACT(HOUR FROM viewed_at) AS INTEGER) AS hour, browser, os, COUNT(*) AS views
FROM fact_product_views
WHERE date_key = (SELECT MAX(date_key) FROM fact_product_views)
GROUP BY hour, browser, os
ORDER BY hour, views DESC, browser, os;
