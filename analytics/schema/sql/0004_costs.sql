CREATE TABLE IF NOT EXISTS {{table "costs_log"}}{{onCluster}}
(
    workspace   LowCardinality(String) COMMENT 'the advertiser whose data this is',
    source      LowCardinality(String) COMMENT 'name of the configured source it came in by',
    cost_id     String                 COMMENT '32 hex digits, derived from what the cost is for',
    delivery_id String                 COMMENT 'the delivery that last told it; see deliveries',
    platform    LowCardinality(String) COMMENT 'ad platform, as in utm_source: google, facebook',
    account     LowCardinality(String) COMMENT 'account at the platform',
    day         Date                   COMMENT 'day of spend in the time zone of the account',
    tag_source  LowCardinality(String) COMMENT 'utm_source that this cost belongs to',
    tag_medium  LowCardinality(String) COMMENT 'utm_medium that this cost belongs to',
    channel     LowCardinality(String) COMMENT 'marketing channel',
    campaign    String                 COMMENT 'campaign name',
    campaign_id String                 COMMENT 'campaign id',
    adgroup     String                 COMMENT 'ad group or ad set name',
    adgroup_id  String                 COMMENT 'ad group or ad set id',
    ad          String                 COMMENT 'ad name',
    ad_id       String                 COMMENT 'ad id',
    keyword     String                 COMMENT 'keyword',
    cost        Decimal(18, 6)         COMMENT 'amount billed, in currency',
    currency    LowCardinality(String) COMMENT 'ISO 4217',
    clicks      Nullable(Int64)        COMMENT 'clicks billed, NULL if unknown',
    impressions Nullable(Int64)        COMMENT 'impressions, NULL if unknown',
    received_at DateTime64(6, 'UTC')   COMMENT 'when we received this state of it, UTC; its month is the partition',
    version     UInt64                 COMMENT 'the larger version of a row replaces the smaller'
)
ENGINE = {{replacing "version"}}
PARTITION BY toYYYYMM(received_at)
ORDER BY (workspace, cost_id)
SETTINGS {{settings}}
COMMENT 'Every state of every cost; read the view costs';
{{distributed "costs_log" "cityHash64(workspace, cost_id)"}}
