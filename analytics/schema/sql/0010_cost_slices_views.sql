CREATE TABLE IF NOT EXISTS {{table "cost_slices_log"}}{{onCluster}}
(
    workspace   LowCardinality(String) COMMENT 'the advertiser whose data this is',
    source      LowCardinality(String) COMMENT 'name of the configured source it came in by',
    slice       String                 COMMENT 'name of one day of one account at one level; see costs_log',
    delivery_id String                 COMMENT 'the delivery that told all of it; see deliveries',
    day         Date                   COMMENT 'day of spend in the time zone of the account',
    level       LowCardinality(String) COMMENT 'account, campaign, adgroup, ad or keyword',
    received_at DateTime64(6, 'UTC')   COMMENT 'when we received that delivery, UTC; its month is the partition',
    version     UInt64                 COMMENT 'costs of the slice with a smaller version are left out',
    gone        Bool DEFAULT false     COMMENT 'its delivery does not tell all of it any more, since a replay'
)
ENGINE = {{replacing "version"}}
PARTITION BY toYYYYMM(received_at)
ORDER BY (workspace, source, slice, delivery_id)
SETTINGS {{settings}}
COMMENT 'Which deliveries told all costs of a day, account and level';
{{distributed "cost_slices_log" "cityHash64(workspace, slice)"}}{{addColumn "costs_log" `level LowCardinality(String) COMMENT 'what it is broken down to: account, campaign, adgroup, ad or keyword; empty for costs from before this column'`}}{{addColumn "costs_log" `slice String COMMENT 'name of its day, account and level, empty for none; see cost_slices_log' CODEC(ZSTD(1))`}}
CREATE OR REPLACE VIEW {{name "cost_states"}}{{onCluster}} AS
SELECT
    workspace, platform, account, day, campaign, campaign_id, adgroup, adgroup_id, ad, ad_id, keyword, cost, currency,
    clicks, impressions, channel, tag_source, tag_medium, source, cost_id, delivery_id, received_at, version, level,
    slice
FROM {{name "costs_log"}} FINAL
WHERE NOT gone
SETTINGS do_not_merge_across_partitions_select_final = 0, optimize_move_to_prewhere_if_final = 0
COMMENT 'Each cost once, in its latest state, also those that a later import left out';

CREATE OR REPLACE VIEW {{name "costs"}}{{onCluster}} AS
SELECT
    c.workspace AS workspace, c.platform AS platform, c.account AS account, c.day AS day, c.campaign AS campaign,
    c.campaign_id AS campaign_id, c.adgroup AS adgroup, c.adgroup_id AS adgroup_id, c.ad AS ad, c.ad_id AS ad_id,
    c.keyword AS keyword, c.cost AS cost, c.currency AS currency, c.clicks AS clicks, c.impressions AS impressions,
    c.channel AS channel, c.tag_source AS tag_source, c.tag_medium AS tag_medium, c.source AS source,
    c.cost_id AS cost_id, c.delivery_id AS delivery_id, c.received_at AS received_at, c.version AS version,
    c.level AS level, c.slice AS slice
FROM {{name "cost_states"}} AS c
GLOBAL LEFT JOIN
(
    SELECT workspace, source, slice, max(version) AS since
    FROM {{name "cost_slices_log"}} FINAL
    WHERE NOT gone
    GROUP BY workspace, source, slice
) AS s ON c.workspace = s.workspace AND c.source = s.source AND c.slice = s.slice
WHERE c.version >= ifNull(s.since, 0)
SETTINGS do_not_merge_across_partitions_select_final = 0, optimize_move_to_prewhere_if_final = 0, join_use_nulls = 0
COMMENT 'Each cost once, in its latest state, as the latest import of its day, account and level told it'
