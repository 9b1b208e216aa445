{#- The files of a batch are named after it; those of compaction have finished batches only. -#}
{%- set whole = "COALESCE(CAST(regexp_extract(\"$path\", 'batch-([0-9]+)-', 1) AS BIGINT), -1) <= " ~ ti.xcom_pull(task_ids="newest_batch") -%}
SELECT
  events.all_of_them > 0 AS there_are_events,
  events.purchases = bought.all_of_them AS each_purchase_is_in_purchases,
  events.swords = swords.all_of_them AS each_sword_is_in_sword_purchases,
  events.guilds = joined.all_of_them AS each_change_is_in_guilds,
  events.looks + bought.all_of_them + joined.all_of_them = events.all_of_them AS nothing_is_missing
FROM (
  SELECT
    COUNT(*) AS all_of_them,
    COUNT_IF(event_type = 'default') AS looks,
    COUNT_IF(event_type LIKE 'purchase%') AS purchases,
    COUNT_IF(event_type = 'purchase_sword') AS swords,
    COUNT_IF(event_type LIKE '%guild') AS guilds
  FROM game_events
  WHERE {{ whole }}
) AS events
CROSS JOIN (SELECT COUNT(*) AS all_of_them FROM purchases WHERE {{ whole }}) AS bought
CROSS JOIN (SELECT COUNT(*) AS all_of_them FROM sword_purchases WHERE {{ whole }}) AS swords
CROSS JOIN (SELECT COUNT(*) AS all_of_them FROM guilds WHERE {{ whole }}) AS joined
