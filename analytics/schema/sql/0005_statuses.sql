CREATE TABLE IF NOT EXISTS {{table "statuses_log"}}{{onCluster}}
(
    workspace   LowCardinality(String)   COMMENT 'the advertiser whose data this is',
    source      LowCardinality(String)   COMMENT 'name of the configured source it came in by',
    status_id   String                   COMMENT '32 hex digits',
    delivery_id String                   COMMENT 'the delivery that last told it; see deliveries',
    lead_id     String                   COMMENT 'the lead, if named by our id',
    external_id String                   COMMENT 'the lead, if named by the id of its sender',
    contact_id  String                   COMMENT 'the person, if named by e-mail or phone',
    status      LowCardinality(String)   COMMENT 'what became of it',
    reason      String                   COMMENT 'why' CODEC(ZSTD(1)),
    value       Nullable(Decimal(18, 6)) COMMENT 'worth, in currency; NULL if unknown',
    currency    LowCardinality(String)   COMMENT 'ISO 4217',
    occurred_at DateTime64(6, 'UTC')     COMMENT 'when it happened, UTC',
    received_at DateTime64(6, 'UTC')     COMMENT 'when we received this state of it, UTC; its month is the partition',
    zone        LowCardinality(String)   COMMENT 'zone or offset that the sender wrote the time in, empty if unknown',
    version     UInt64                   COMMENT 'the larger version of a row replaces the smaller'
)
ENGINE = {{replacing "version"}}
PARTITION BY toYYYYMM(received_at)
ORDER BY (workspace, status_id)
SETTINGS {{settings}}
COMMENT 'What became of leads; read the view statuses';
{{distributed "statuses_log" "cityHash64(workspace, status_id)"}}
