-- The leader board, as the carts job keeps it: how often each user did what, in short windows. All times are UTC.
-- Users are compared byte by byte.

CREATE TABLE IF NOT EXISTS leader_board (
  window_start DATETIME(3) NOT NULL,
  window_end DATETIME(3) NOT NULL,
  userid VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin NOT NULL,
  action VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  action_number BIGINT NOT NULL,
  PRIMARY KEY (window_start, userid, action)
);
