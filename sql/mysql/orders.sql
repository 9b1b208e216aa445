-- The shop's own database: who orders what, and what was completed. All times are UTC.
-- An order and the event of it are written in one transaction; the event leaves by the outbox.

CREATE TABLE IF NOT EXISTS user (
  id INT UNSIGNED NOT NULL PRIMARY KEY COMMENT 'user-346 is 346',
  name VARCHAR(255) NOT NULL,
  address VARCHAR(255) NOT NULL
);

CREATE TABLE IF NOT EXISTS products (
  product_id INT UNSIGNED NOT NULL PRIMARY KEY COMMENT 'product-784 is 784',
  category VARCHAR(255) NOT NULL,
  name VARCHAR(255) NOT NULL
);

CREATE TABLE IF NOT EXISTS orders (
  order_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  user_id INT UNSIGNED NOT NULL,
  product_id INT UNSIGNED NOT NULL,
  quantity INT UNSIGNED NOT NULL,
  orderedAt DATETIME(3) NOT NULL,
  status TINYINT NOT NULL DEFAULT 0 COMMENT '1 when it is completed',
  messageid CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'of the event; an order sent again is found by it',
  UNIQUE KEY orders_messageid (messageid),
  KEY orders_status (status, order_id),
  CONSTRAINT orders_user FOREIGN KEY (user_id) REFERENCES user (id),
  CONSTRAINT orders_product FOREIGN KEY (product_id) REFERENCES products (product_id),
  CONSTRAINT orders_status_known CHECK (status IN (0, 1))
);

CREATE TABLE IF NOT EXISTS completed_orders (
  order_id BIGINT UNSIGNED NOT NULL PRIMARY KEY,
  completedAt DATETIME(3) NOT NULL,
  status TINYINT NOT NULL DEFAULT 1,
  completion_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT UNIQUE COMMENT 'in which order they were completed',
  CONSTRAINT completed_order FOREIGN KEY (order_id) REFERENCES orders (order_id)
);

CREATE TABLE IF NOT EXISTS outbox (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  topic VARCHAR(249) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  record_key VARBINARY(255) NOT NULL,
  value MEDIUMBLOB NOT NULL COMMENT 'an event in JSON that Kafka may not have yet'
);

INSERT IGNORE INTO user (id, name, address)
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000)
SELECT n,
  CONCAT(ELT(1 + n % 8, 'Ada', 'Bo', 'Chi', 'Dov', 'Eun', 'Fay', 'Gus', 'Hye'), ' ',
    ELT(1 + n DIV 8 % 7, 'Alder', 'Brook', 'Cedar', 'Dale', 'Elm', 'Field', 'Grove')),
  CONCAT(1 + n DIV 10, ' ', ELT(1 + n % 5, 'Mill Lane', 'High Street', 'Station Road', 'Church Row', 'Quay'), ', ',
    ELT(1 + n % 3, 'Riverton', 'Hillford', 'Lakeside'))
FROM numbers;

INSERT IGNORE INTO products (product_id, category, name)
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000)
SELECT n,
  ELT(1 + n % 6, 'books', 'games', 'garden', 'kitchen', 'music', 'tools'),
  CONCAT(ELT(1 + n DIV 6 % 7, 'small', 'large', 'red', 'blue', 'folding', 'silent', 'second'), ' ',
    ELT(1 + n % 6, 'atlas', 'chess set', 'rake', 'kettle', 'flute', 'hammer'), ' ', n)
FROM numbers;
