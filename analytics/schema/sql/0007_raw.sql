CREATE TABLE IF NOT EXISTS {{table "raw_log"}}{{onCluster}}
(
    delivery_id String                 COMMENT 'ULID; see deliveries',
    workspace   LowCardinality(String) COMMENT 'the advertiser whose data this is',
    source      LowCardinality(String) COMMENT 'name of the configured source it came in by',
    received_at DateTime64(6, 'UTC')   COMMENT 'when we received this state of it, UTC; its month is the partition',
    raw         String                 COMMENT 'the delivery in the form of the journal' CODEC(ZSTD(3)),
    version     UInt64                 COMMENT 'the larger version of a row replaces the smaller'
)
ENGINE = {{replacing "version"}}
PARTITION BY toYYYYMM(received_at)
ORDER BY (source, delivery_id)
TTL {{rawTTL}}
SETTINGS {{settings}}
COMMENT 'Deliveries as received, for replay; personal; deleted after their time';
{{distributed "raw_log" "cityHash64(source, delivery_id)"}}
