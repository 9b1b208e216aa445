-- What shoppers do and the carts that they abandoned, as the Spark job writes them. All times are UTC; `day` is that of
-- the action, or of the moment at which the cart's time was over, yyyy-MM-dd.

CREATE EXTERNAL TABLE IF NOT EXISTS user_actions (
  raw_event STRING COMMENT 'the event as it came, JSON',
  `timestamp` TIMESTAMP,
  messageid STRING,
  userid STRING,
  lastAction STRING COMMENT 'LOGIN, SEARCH, PRODUCT_VIEW, SHOPPING_CART, CHECKOUT, ORDER or LOGOUT',
  productid STRING COMMENT 'the product viewed or put into the cart',
  cart_value BIGINT COMMENT 'what the cart is worth then, in cents'
)
COMMENT 'each action once'
PARTITIONED BY (`day` STRING)
STORED AS PARQUET
LOCATION '/eventmill/carts/user_actions';

CREATE EXTERNAL TABLE IF NOT EXISTS user_action_duplicates (
  raw_event STRING,
  `timestamp` TIMESTAMP,
  messageid STRING,
  userid STRING,
  lastAction STRING,
  productid STRING,
  cart_value BIGINT
)
COMMENT 'copies of actions, which are in no other table'
PARTITIONED BY (`day` STRING)
STORED AS PARQUET
LOCATION '/eventmill/carts/user_action_duplicates';

CREATE EXTERNAL TABLE IF NOT EXISTS user_actions_late (
  raw_event STRING,
  `timestamp` TIMESTAMP,
  messageid STRING,
  userid STRING,
  lastAction STRING,
  productid STRING,
  cart_value BIGINT
)
COMMENT 'actions that came after their window was closed, which are in no other table'
PARTITIONED BY (`day` STRING)
STORED AS PARQUET
LOCATION '/eventmill/carts/user_actions_late';

CREATE EXTERNAL TABLE IF NOT EXISTS abandoned_carts (
  messageid STRING COMMENT 'that of the action which opened the cart',
  userid STRING,
  opened_at TIMESTAMP,
  last_action_at TIMESTAMP,
  last_action STRING,
  timed_out_at TIMESTAMP COMMENT 'CART_TIMEOUT after the last action',
  items BIGINT COMMENT 'how often a product was put into it',
  productid STRING COMMENT 'the last product put into it',
  cart_value BIGINT COMMENT 'what it was worth, in cents'
)
COMMENT 'carts without an order within CART_TIMEOUT of their last action'
PARTITIONED BY (`day` STRING)
STORED AS PARQUET
LOCATION '/eventmill/carts/abandoned_carts';
